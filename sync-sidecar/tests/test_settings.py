from pathlib import Path

import pytest
from edge_common.errors import FatalError
from edge_common.model_card import LatestVersions
from model_sync.settings import Settings, read_settings


def _read(**variables: str) -> Settings:
    return read_settings({f"MODEL_SYNC_{name}": value for name, value in variables.items()})


def test_the_promised_defaults() -> None:
    defaults = _read()
    assert (defaults.bucket, defaults.models_dir, defaults.http_port) == ("ml-models", Path("/models"), 8081)
    assert (defaults.poll_interval, defaults.settle) == (30, 10)
    assert (defaults.delete_grace, defaults.hold, defaults.keep_previous) == (60, 600, 1)
    assert defaults.versions == LatestVersions(latest=1)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("latest", LatestVersions(latest=1)),
        ("latest:2", LatestVersions(latest=2)),
        ("latest: 3", LatestVersions(latest=3)),
        ("all", "all"),
        ("1, 3", (1, 3)),
    ],
)
def test_policies_are_read_as_people_write_them(text: str, policy: object) -> None:
    assert _read(VERSIONS=text).versions == policy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLL_INTERVAL", "soon"),
        ("POLL_INTERVAL", "0"),
        ("S3_ENDPOINT", "minio:9000"),
        ("S3_ACCESS_KEY", "alone"),
        ("PREFIX", "team"),
        ("PREFIX", "team/,team/cars/"),
        ("PREFIX", ",team/"),
        ("PREFIX", "team/,team/"),
        ("INSTANCE", "../other"),
        ("INSTANCE", "a/b"),
        ("VERSIONS", "latest:x"),
        ("VERSIONS", "0"),
        ("HTTP_PORT", "70000"),
        ("BUCKETT", "x"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_name_of_the_setting(name: str, value: str) -> None:
    with pytest.raises(FatalError) as refused:
        _read(**{name: value})
    assert name.lower() in str(refused.value).lower()


def test_prefixes_are_a_list_and_the_first_is_where_the_sidecar_writes() -> None:
    settings = _read(PREFIX="site/, shared/")
    assert (settings.prefix, settings.home_prefix) == (("site/", "shared/"), "site/")
    assert _read().prefix == ("",)


def test_signatures_need_keys() -> None:
    with pytest.raises(FatalError, match="but trusted_keys is not set; name the folder of the keys"):
        read_settings({"MODEL_SYNC_SIGNATURES": "verify"})


def test_an_empty_authority_means_the_public_ones() -> None:
    assert _read(S3_CA_FILE="").s3_ca_file is None


def test_switches_in_yaml_may_be_bare_words(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("preflight: off\nstatus_to_bucket: on\npoll_interval: 5m\n")
    settings = _read(CONFIG_FILE=str(file))
    assert (settings.preflight, settings.status_to_bucket, settings.poll_interval) == ("off", "on", 300)


@pytest.mark.parametrize("end", ["\n", "\r\n", " "])
def test_what_stands_around_a_key_or_an_address_is_no_part_of_it(end: str) -> None:
    names = ("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_REGION", "BUCKET")
    values = ("http://store:9000", "key", "secret", "eu", "models")
    given = {f"MODEL_SYNC_{name}": f"{value}{end}" for name, value in zip(names, values, strict=True)}
    settings = read_settings(given)
    assert (settings.s3_endpoint, settings.s3_region, settings.bucket) == (
        "http://store:9000",
        "eu",
        "models",
    )
    assert settings.s3_access_key.get_secret_value() == "key"
    assert settings.s3_secret_key.get_secret_value() == "secret"


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("BUCKET", "s3://ml-models", {"BUCKET": "ml-models"}),
        ("BUCKET", "s3://ml-models/prod", {"BUCKET": "ml-models", "PREFIX": "prod/"}),
        ("BUCKET", "ml-models/", {"BUCKET": "ml-models"}),
        ("BUCKET", "ml-models/prod/eu", {"BUCKET": "ml-models", "PREFIX": "prod/eu/"}),
        ("BUCKET", "ML-Models", {"BUCKET": "ml-models"}),
        ("BUCKET", "ml_models", {"BUCKET": "ml-models"}),
        ("BUCKET", "ml models", {"BUCKET": "ml-models"}),
        ("BUCKET", "arn:aws:s3:::ml-models", {"BUCKET": "ml-models"}),
        ("BUCKET", "arn:aws:s3:::ml-models/team/", {"BUCKET": "ml-models", "PREFIX": "team/"}),
        ("BUCKET", "m\u00f6dels", {"BUCKET": "m-dels"}),
    ],
)
def test_a_bucket_written_otherwise_is_refused_with_what_to_set(
    name: str, value: str, meant: dict[str, str]
) -> None:
    with pytest.raises(FatalError) as refused:
        _read(**{name: value})
    advice = " and ".join(f"MODEL_SYNC_{setting}={text}" for setting, text in meant.items())
    assert str(refused.value).endswith(f"set {advice}")
    _read(**meant)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("PREFIX", "/team/", "team/"),
        ("PREFIX", "team", "team/"),
        ("PREFIX", "team\\cars", "team/cars/"),
        ("S3_ENDPOINT", "store:9000", "http://store:9000"),
        ("S3_ENDPOINT", "s3://store:9000", "http://store:9000"),
    ],
)
def test_a_prefix_or_address_written_otherwise_is_refused_with_what_to_write(
    name: str, value: str, meant: str
) -> None:
    with pytest.raises(FatalError, match=f"write {meant}$"):
        _read(**{name: value})
    _read(**{name: meant})


@pytest.mark.parametrize("value", ["a", "..", "-", "\u65e5\u672c", "x" * 64 + "!", ""])
def test_a_bucket_of_which_nothing_can_be_made_is_refused(value: str) -> None:
    with pytest.raises(FatalError, match="MODEL_SYNC_BUCKET"):
        _read(BUCKET=value)


def test_an_address_may_be_in_capitals_and_may_not_be_on_two_lines() -> None:
    assert _read(S3_ENDPOINT="HTTP://store:9000").s3_endpoint == "http://store:9000"
    with pytest.raises(FatalError, match="on one line"):
        _read(S3_ENDPOINT="http://store\n:9000")
