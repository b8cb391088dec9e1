"""The doctor finds the likely mistakes at the store and the model server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edge_common.findings import Finding, Level
from edge_common.http_server import ThreadedHttpServer
from faulty_store import Change, FaultyStore, Matches, Reply, Request
from model_sync.doctor import network
from model_sync.doctor.checkup import examine
from model_sync.model_server.config import format_config
from model_sync.planning.state import ModelState, State
from model_sync.settings import Settings
from model_sync.store.s3_store import S3Bucket
from s3_server import S3Server
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from store_faults import answer, everything, listings

_NO_SERVER = "http://127.0.0.1:1"


@pytest.fixture
def faulty(s3: S3Server) -> Iterator[FaultyStore]:
    with FaultyStore(s3.endpoint) as relay:
        yield relay


def _findings(settings: Settings, **changed: object) -> dict[str, Finding]:
    changed = {"ovms_url": _NO_SERVER, **changed}
    return {finding.what: finding for finding in examine(settings.model_copy(update=changed))}


def _with_fault(
    faulty: FaultyStore, settings: Settings, tmp_path: Path, fault: tuple[Matches, Change]
) -> dict[str, Finding]:
    faulty.fault = fault
    return _findings(settings, s3_endpoint=faulty.endpoint, models_dir=tmp_path)


def _put(settings: Settings, *keys: str) -> None:
    for key in keys:
        S3Bucket(settings).put_small(key, b"x", "text/plain")


def test_a_store_in_order_needs_no_advice(s3_settings: Settings, tmp_path: Path) -> None:
    _put(s3_settings, "m/1/model.onnx")
    seen = _findings(s3_settings, models_dir=tmp_path)
    for what in ("address of the store", "clock", "credentials and bucket", "models in the bucket"):
        assert seen[what].level is Level.OK
    assert seen["status object"].level is Level.OK
    assert [listed.key for listed in S3Bucket(s3_settings).list_objects()] == ["m/1/model.onnx"]


def test_a_missing_bucket_is_told_with_the_command_that_makes_it(
    s3_settings: Settings, tmp_path: Path
) -> None:
    seen = _findings(s3_settings, models_dir=tmp_path, bucket="no-such-bucket")
    assert "does not exist" in seen["credentials and bucket"].seen
    assert "mc mb local/no-such-bucket" in seen["credentials and bucket"].advice


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_wrong_credentials_are_told_with_the_settings(
    code: str, faulty: FaultyStore, s3_settings: Settings, tmp_path: Path
) -> None:
    seen = _with_fault(faulty, s3_settings, tmp_path, (everything, answer(403, code)))
    assert f"does not accept the credentials ({code})" in seen["credentials and bucket"].seen
    assert "MODEL_SYNC_S3_SECRET_KEY" in seen["credentials and bucket"].advice
    assert "models in the bucket" not in seen


def test_a_missing_right_to_list_is_told(faulty: FaultyStore, s3_settings: Settings, tmp_path: Path) -> None:
    seen = _with_fault(faulty, s3_settings, tmp_path, (listings, answer(403, "AccessDenied")))
    assert "not allowed to list the bucket" in seen["credentials and bucket"].seen
    assert "s3:ListBucket" in seen["credentials and bucket"].advice


def test_a_missing_right_to_write_the_status_is_told(
    faulty: FaultyStore, s3_settings: Settings, tmp_path: Path
) -> None:
    def writes(request: Request) -> bool:
        return request.method == "PUT"

    seen = _with_fault(faulty, s3_settings, tmp_path, (writes, answer(403, "AccessDenied")))
    assert "not allowed to write '_status/doctor'" in seen["status object"].seen
    assert "MODEL_SYNC_STATUS_TO_BUCKET=off" in seen["status object"].advice


def test_a_clock_that_is_wrong_is_told(faulty: FaultyStore, s3_settings: Settings, tmp_path: Path) -> None:
    def of_another_day(reply: Reply) -> Reply:
        others = tuple(pair for pair in reply.headers if pair[0].lower() != "date")
        return replace(reply, headers=(*others, ("Date", "Tue, 15 Nov 1994 08:12:31 GMT")))

    seen = _with_fault(faulty, s3_settings, tmp_path, (everything, of_another_day))
    assert "NTP" in seen["clock"].advice


def test_a_store_that_refuses_the_time_is_told(
    faulty: FaultyStore, s3_settings: Settings, tmp_path: Path
) -> None:
    seen = _with_fault(faulty, s3_settings, tmp_path, (listings, answer(403, "RequestTimeTooSkewed")))
    assert "clocks of this machine" in seen["credentials and bucket"].seen
    assert seen["credentials and bucket"].advice == "correct them"


def test_an_endpoint_with_a_path_is_told(s3_settings: Settings, tmp_path: Path) -> None:
    seen = _findings(s3_settings, models_dir=tmp_path, s3_endpoint=f"{s3_settings.s3_endpoint}/console")
    assert "MODEL_SYNC_S3_ENDPOINT" in seen["credentials and bucket"].seen


@pytest.mark.parametrize(
    ("key", "advice"),
    [("m/v2/model.onnx", "rename the folder to a whole number such as 2"), ("my car/1/a", "use letters")],
)
def test_misnamed_folders_are_told_with_the_right_names(
    key: str, advice: str, s3_settings: Settings, tmp_path: Path
) -> None:
    _put(s3_settings, key, "stray.onnx")
    seen = _findings(s3_settings, models_dir=tmp_path)["models in the bucket"]
    assert advice in seen.advice
    assert "(and 1 more)" in seen.advice


def test_an_empty_bucket_is_told_with_where_models_belong(s3_settings: Settings, tmp_path: Path) -> None:
    assert "<model>/<version>/" in _findings(s3_settings, models_dir=tmp_path)["models in the bucket"].advice


def test_behind_a_proxy_it_is_the_proxy_that_has_to_be_reached(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = "http://192.0.2.1:9000"  # an address that belongs to nobody
    monkeypatch.setenv("http_proxy", s3.endpoint)
    monkeypatch.setenv("no_proxy", "")
    assert network.address(away) == (f"the proxy 127.0.0.1, which leads to {away}, accepts connections", "")
    assert "differs from the store's by" in network.clock(away)[0]
    monkeypatch.setenv("http_proxy", "http://user:secret@127.0.0.1:1")
    seen, advice = network.address(away)
    assert "the proxy 127.0.0.1, which leads to http://192.0.2.1:9000, cannot be reached" in seen
    assert "NO_PROXY" in advice
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert network.address(s3.endpoint) == (f"{s3.endpoint} accepts connections", "")


@pytest.mark.parametrize("endpoint", ["http://store:port", "http://127.0.0.1:99999"])
def test_an_address_with_an_impossible_port_is_told(
    endpoint: str, s3_settings: Settings, tmp_path: Path
) -> None:
    seen = _findings(s3_settings, models_dir=tmp_path, s3_endpoint=endpoint)["address of the store"]
    assert "cannot be used" in seen.seen
    assert "MODEL_SYNC_S3_ENDPOINT" in seen.advice


@pytest.fixture
def server() -> Iterator[str]:
    """A model server that serves version 1 of the model `theirs`."""
    version = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": "OK"}}
    body = {"theirs": {"model_version_status": [version]}}
    app = Starlette(routes=[Route("/v1/config", lambda _request: JSONResponse(body))])
    with ThreadedHttpServer(app, host="127.0.0.1", port=0) as running:
        yield f"http://127.0.0.1:{running.port}"


def _configured(folder: Path, *models: str) -> None:
    state = State({name: ModelState(configured=(1,)) for name in models})
    (folder / "config.json").write_bytes(format_config(state, folder))


def _at_server(url: str, folder: Path) -> Finding:
    return _findings(Settings(s3_endpoint=_NO_SERVER), ovms_url=url, models_dir=folder)["model server"]


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    seen = _at_server(_NO_SERVER, tmp_path)
    assert f"{_NO_SERVER} does not answer" in seen.seen
    assert "MODEL_SYNC_OVMS_URL" in seen.advice


def test_a_server_that_serves_what_config_json_lists_is_well(server: str, tmp_path: Path) -> None:
    _configured(tmp_path, "theirs")
    assert _at_server(server, tmp_path).level is Level.OK


@pytest.mark.parametrize(
    ("there", "here", "sentence", "advice"),
    [
        (
            "2026.4.0.fa3de4829",
            "2026.4.1-1-abc",
            "the server has OpenVINO 2026.4.0.fa3de4829, preflight 2026.4.1",
            "",
        ),
        (
            "2026.2.1",
            "2026.4.1-1",
            "what loads here may not load there",
            "model_server of 2026.4 (OVMS_IMAGE",
        ),
        ("2026.2.1", "2026.4.1-1", "preflight 2026.4.1", "openvino==2026.2.*"),
        ("0.1.0", "2026.4.1", "which tells no release", ""),
    ],
)
def test_another_release_of_openvino_at_the_server_is_told_with_what_makes_them_one(
    there: str, here: str, sentence: str, advice: str
) -> None:
    body = {"name": "OpenVINO Model Server", "version": there}
    app = Starlette(routes=[Route("/v2", lambda _request: JSONResponse(body))])
    with ThreadedHttpServer(app, host="127.0.0.1", port=0) as running:
        told = network.runtime(f"http://127.0.0.1:{running.port}", here)
    assert sentence in told[0]
    assert advice in told[1]
    assert bool(advice) == bool(told[1])


def test_a_server_that_tells_no_version_is_not_compared(server: str) -> None:
    assert network.runtime(server, "2026.4.1") == (
        "preflight has OpenVINO 2026.4.1; the server does not tell its version",
        "",
    )


def test_a_server_of_another_folder_is_told(server: str, tmp_path: Path) -> None:
    _configured(tmp_path, "ours")
    seen = _at_server(server, tmp_path)
    assert "config.json does not list 'theirs'" in seen.seen
    assert f"--config_path {tmp_path}/config.json" in seen.advice


def test_a_server_that_does_not_see_the_volume_is_told(server: str, tmp_path: Path) -> None:
    _configured(tmp_path, "ours", "theirs")
    seen = _at_server(server, tmp_path)
    assert "no version of 'ours'" in seen.seen
    assert f"mount the volume at {tmp_path}" in seen.advice


def test_a_web_page_in_place_of_the_server_is_told(s3_settings: Settings, tmp_path: Path) -> None:
    assert "model states" in _at_server(s3_settings.s3_endpoint, tmp_path).seen
