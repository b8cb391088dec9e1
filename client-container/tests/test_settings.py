from pathlib import Path

import pytest
from car_client.settings import Protocol, Transport, load_settings
from edge_common.errors import FatalError
from edge_common.logs import LogFormat, LogLevel
from pydantic import SecretStr


def test_the_defaults_are_those_promised() -> None:
    assert load_settings().model_dump() == {
        "server_url": "http://localhost:8000",
        "sidecar_url": "http://localhost:8081",
        "sidecar_token": SecretStr(""),
        "report_answers": True,
        "models": (),
        "protocol": Protocol.HTTP,
        "grpc_address": "localhost:9001",
        "transport": Transport.AUTO,
        "timeout": 10.0,
        "interval": 1.0,
        "source": (),
        "subfolders": True,
        "sample_interval": 1.0,
        "results": None,
        "history": None,
        "history_max_bytes": 256 * 1024 * 1024,
        "history_max_age": 30 * 86400.0,
        "history_thumbnails": True,
        "review": None,
        "s3_endpoint": "http://localhost:9000",
        "s3_access_key": SecretStr(""),
        "s3_secret_key": SecretStr(""),
        "s3_region": "",
        "s3_ca_file": None,
        "s3_addressing": "auto",
        "batch_size": 8,
        "max_picture_bytes": 32 * 1024 * 1024,
        "max_picture_pixels": 50_000_000,
        "http_host": "0.0.0.0",
        "http_port": 8080,
        "allowed_hosts": (),
        "page_addresses": "off",
        "log_format": LogFormat.AUTO,
        "log_level": None,
    }


def test_variables_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SERVER_URL": "http://edge-1:8000/",
        "MODELS": "effnet, resnet,",
        "TRANSPORT": "jpeg",
        "TIMEOUT": "500ms",
        "MAX_PICTURE_BYTES": "10MiB",
        "LOG_LEVEL": "DEBUG",
    }.items():
        monkeypatch.setenv(f"CAR_CLIENT_{name}", value)
    settings = load_settings()
    assert settings.server_url == "http://edge-1:8000"
    assert settings.models == ("effnet", "resnet")
    assert settings.transport is Transport.JPEG
    assert settings.timeout == 0.5
    assert settings.max_picture_bytes == 10 * 1024 * 1024
    assert settings.log_level is LogLevel.DEBUG


@pytest.mark.parametrize("value", ["none", "NONE", ""])
def test_the_sidecar_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CAR_CLIENT_SIDECAR_URL", value)
    assert load_settings().sidecar_url is None


def test_flags_override_variables_and_absent_flags_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAR_CLIENT_TIMEOUT", "3")
    assert load_settings(timeout="7s", server_url=None).timeout == 7
    assert load_settings(timeout=None).timeout == 3


def test_an_unknown_variable_is_an_error_that_says_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAR_CLIENT_SERVER_ULR", "http://x")
    with pytest.raises(FatalError, match=r"CAR_CLIENT_SERVER_ULR; did you mean CAR_CLIENT_SERVER_URL\?"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVER_URL", "localhost:8000"),
        ("SERVER_URL", "ftp://x"),
        ("SERVER_URL", "none"),
        ("TIMEOUT", "0"),
        ("TIMEOUT", "soon"),
        ("TRANSPORT", "pigeon"),
        ("BATCH_SIZE", "0"),
        ("HISTORY_MAX_BYTES", "1MiB"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CAR_CLIENT_{name}", value)
    with pytest.raises(FatalError, match=f"CAR_CLIENT_{name}"):
        load_settings()


def test_a_file_holds_settings_and_another_one_a_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config, secret = tmp_path / "client-config.yaml", tmp_path / "secret"
    config.write_text("models: [effnet, resnet]\ntimeout: 3s\n")
    secret.write_text("hunter2\n")
    monkeypatch.setenv("CAR_CLIENT_CONFIG_FILE", str(config))
    monkeypatch.setenv("CAR_CLIENT_S3_SECRET_KEY_FILE", str(secret))
    settings = load_settings()
    assert (settings.models, settings.timeout) == (("effnet", "resnet"), 3)
    assert settings.s3_secret_key.get_secret_value() == "hunter2"


def test_one_source_is_an_address_and_several_are_a_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CAR_CLIENT_SOURCE", "rtsp://gate/1?a=[1],2")
    assert [source.address for source in load_settings().source] == ["rtsp://gate/1?a=[1],2"]
    assert [source.address for source in load_settings(source=["/a", "/b"]).source] == ["/a", "/b"]
    gate = "- {address: 'rtsp://gate/1', name: gate, sample_interval: 500ms, models: [a]}\n"
    (tmp_path / "cameras.yaml").write_text(f"- /pictures\n{gate}")
    monkeypatch.delenv("CAR_CLIENT_SOURCE")
    monkeypatch.setenv("CAR_CLIENT_SOURCE_FILE", str(tmp_path / "cameras.yaml"))
    first, second = load_settings().source
    assert (first.address, first.sample_interval) == ("/pictures", None)
    assert (second.name, second.sample_interval, second.models) == ("gate", 0.5, ("a",))


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("[{adress: /a}]", "CAR_CLIENT_SOURCE"),
        ("[/a", "the list of sources is not valid YAML"),
        ("[&a [*a]]", "an alias"),
        (str([f"/{n}" for n in range(33)]), "at most 32"),
    ],
)
def test_a_wrong_list_of_sources_is_told(value: str, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAR_CLIENT_SOURCE", value)
    with pytest.raises(FatalError, match=part):
        load_settings()
