import json

import pytest
from edge_common.errors import RetryableError
from model_sync import console
from model_sync.bucket.catalog import Catalog
from model_sync.doctor.checkup import Finding, Level
from model_sync.planning.snapshot import BucketSnapshot, Snapshot
from model_sync.planning.uploads import Phase
from model_sync.status.status import Site, VersionReport, status_document


def _document(bucket_version: str, reason: str) -> dict[str, object]:
    rows = [VersionReport("cars", bucket_version, Phase.REJECTED, reason)]
    bucket = BucketSnapshot(
        Catalog(notices=(f"[bold] {reason}",)), last_attempt=0.0, error=RetryableError(f"[/] {reason}")
    )
    return status_document(Snapshot(0.0, 0.0, bucket), rows, {}, Site("i", "http://s", "b"), writes=True)


def test_names_that_look_like_markup_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_status(_document("[/x]", "bad"), as_json=False)
    shown = capsys.readouterr().out
    assert "[/x]" in shown
    assert "note: [bold] bad" in shown
    assert "the server does not answer" in shown


def test_json_is_the_document_itself(capsys: pytest.CaptureFixture[str]) -> None:
    document = _document("1", "é")
    console.show_status(document, as_json=True)
    assert json.loads(capsys.readouterr().out) == document


def test_without_models_the_next_step_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_status({}, as_json=False)
    assert "upload one to <model>/<version>/" in capsys.readouterr().out


def test_plans_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_plans({"cars": ["fetch 1"]}, as_json=False)
    console.show_plans({}, as_json=False)
    assert capsys.readouterr().out == "cars: fetch 1\nnothing to do\n"


def test_a_finding_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [
        Finding(Level.OK, "clock", "differs from the store's by 0 s"),
        Finding(Level.WARN, "preflight", "[bold] is " + "very " * 50 + "weak", "use another kernel"),
        Finding(Level.FAIL, "models folder", "is not there", "mount it"),
    ]
    assert list(console.show_findings(iter(findings), as_json=False)) == findings
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "OK   clock: differs from the store's by 0 s"
    assert lines[1] == f"WARN preflight: {findings[1].seen}; use another kernel"
    assert lines[2] == "FAIL models folder: is not there; mount it"
