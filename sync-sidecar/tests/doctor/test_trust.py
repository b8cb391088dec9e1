import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from edge_common.findings import Finding, Level
from model_sync.doctor.trust import trusted_keys
from signing_keys import MadeCertificate, MadeKey


def _look(folder: Path) -> Finding:
    return trusted_keys(folder, time.time())


def test_a_folder_without_a_usable_key_fails(tmp_path: Path) -> None:
    missing = _look(tmp_path / "none")
    assert (missing.level, "No such file" in missing.seen) == (Level.FAIL, True)
    assert "holds no key" in _look(tmp_path).seen
    (tmp_path / "junk.pem").write_text("no key")
    assert "junk.pem' cannot be used: it is no PEM file" in _look(tmp_path).seen
    assert _look(tmp_path).advice.endswith("every signed upload is rejected")


def test_keys_that_can_be_used_are_named(tmp_path: Path) -> None:
    MadeKey(tmp_path / "own").trust(tmp_path / "keys")
    found = _look(tmp_path / "keys")
    assert (found.level, found.advice) == (Level.OK, "")
    assert found.seen.startswith("1 can be used: build.pem sha256:")


@pytest.mark.parametrize(("days", "said"), [(-30, "expired at "), (30, "does not hold yet by this")])
def test_a_certificate_that_does_not_hold_now_is_a_warning(tmp_path: Path, days: int, said: str) -> None:
    at = datetime.now(UTC) + timedelta(days=days)
    (tmp_path / "root.pem").write_bytes(MadeCertificate("root", authority=True, at=at).pem)
    found = _look(tmp_path)
    assert (found.level, said in found.seen) == (Level.WARN, True)
