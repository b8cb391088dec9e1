import json

import pytest
from edge_common.errors import RetryableError
from edge_common.findings import Finding, Level, show_findings
from model_sync import console
from model_sync.bucket.catalog import Catalog
from model_sync.planning.evidence import AcceptanceFigures
from model_sync.planning.snapshot import BucketSnapshot, Snapshot
from model_sync.planning.uploads import Phase
from model_sync.status.status import Site, status_document
from model_sync.status.version_reports import VersionReport


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


def test_figures_of_acceptance_are_shown_of_one_model(capsys: pytest.CaptureFixture[str]) -> None:
    row = VersionReport("cars", "1", Phase.SERVING, acceptance=AcceptanceFigures(14, 13, 14))
    document = status_document(Snapshot(0.0, 0.0), [row], {}, Site("i", "http://s", "b"), writes=True)
    console.show_status(document, as_json=False)
    assert "\n1 at its acceptance: top-1 13 of 14, top-5 14\n" in capsys.readouterr().out


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
    assert list(show_findings(iter(findings), as_json=False)) == findings
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "OK   clock: differs from the store's by 0 s"
    assert lines[1] == f"WARN preflight: {findings[1].seen}; use another kernel"
    assert lines[2] == "FAIL models folder: is not there; mount it"


_HOSTILE = "\x1b]0;pwned\x07\x1b[2J\u202e\x9b31m\nFAKE  1  serving"


def test_what_strangers_wrote_reaches_the_terminal_as_plain_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    finding = Finding(Level.WARN, "models in the bucket", _HOSTILE, _HOSTILE)
    list(show_findings(iter([finding]), as_json=False))
    list(show_findings(iter([finding]), as_json=True))
    for as_json in (False, True):
        console.show_status(_document(_HOSTILE, _HOSTILE), as_json=as_json)
        console.show_plans({_HOSTILE: [_HOSTILE]}, as_json=as_json)
    print(console.pushed({"model": _HOSTILE, "version": _HOSTILE, "files": 1, "bytes": 1}, "http://s"))  # noqa: T201 - as the command does
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.splitlines())
    assert not any(line.startswith("FAKE") for line in shown.splitlines())


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_narrow_terminal_cuts_no_name_and_gives_the_reason_a_line(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, reason = "a_model_with_a_long_name_of_sixty_three_letters_" + "x" * 15, "its reason " * 8 + "ends"
    rows = [VersionReport(name, "1", Phase.REJECTED, reason), VersionReport("b", "2", Phase.SERVING)]
    site = Site("i", "http://s", "b")
    document = status_document(Snapshot(0.0, 0.0), rows, {}, site, writes=True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    console.show_status(document, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(name)
    assert "rejected" in lines[1]
    said = " ".join(line.strip() for line in lines[1:]) if columns < 200 else lines[1]
    assert reason in said
    assert (reason in lines[1]) == (columns == 200)


def test_the_history_is_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"at": "2026-11-30T05:00:00Z", "event": "rolled_back", "model": "cars", "version": "1"}
    console.show_history([{**entry, "reason": _HOSTILE, "by": "Anna"}], as_json=False)
    console.show_history([], as_json=False)
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("2026-11-30T05:00:00Z  rolled back cars 1 by Anna: ")
    assert (first.isprintable(), last) == (True, "nothing has changed yet")
