"""Signatures of what is published already: nothing stops that serves, and everything is said."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hand_sidecar import HandSidecar, serving_cars
from model_sync.trust.sign import SigningKey
from model_sync.trust.trusted_keys import TrustedKeys
from model_sync.trust.verify import SignatureCheck
from signing_keys import MadeKey

_GOOD = b"good 1"


@pytest.fixture
def key(tmp_path: Path) -> MadeKey:
    return MadeKey(tmp_path / "own")


def _ask(sidecar: HandSidecar, folder: Path, *, required: bool = True) -> None:
    """Start anew and ask for signatures by the keys in `folder`."""
    sidecar.signatures = SignatureCheck(TrustedKeys(folder), sidecar.clock.now, required=required)
    sidecar.start()


def _sign(sidecar: HandSidecar, key: MadeKey, version: str, content: bytes) -> None:
    digests = {"model.onnx": hashlib.sha256(content).hexdigest()}
    sidecar.store.put(f"cars/{version}/model.onnx", content)
    sidecar.store.put(f"cars/{version}/model.sig", SigningKey(key.file).sign("cars", digests))


def _row(sidecar: HandSidecar, version: str = "1") -> dict[str, Any]:
    rows = sidecar.posted.document["models"]["cars"]["versions"]
    return next(dict(row) for row in rows if row["source"] == version)


def _signed(tmp_path: Path, key: MadeKey) -> HandSidecar:
    """It serves version 1, which the trusted `key` signed."""
    key.trust(tmp_path / "trusted")
    made = HandSidecar(tmp_path / "models")
    _ask(made, tmp_path / "trusted")
    _sign(made, key, "1", _GOOD)
    made.pass_time(20)
    assert made.answering("cars") == {_GOOD}
    return made


@pytest.fixture(autouse=True)
def _room(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "trusted").mkdir()


def test_a_signed_version_shows_its_signer(tmp_path: Path, key: MadeKey) -> None:
    row = _row(_signed(tmp_path, key))
    assert row["signature"] == {"signer": SigningKey(key.file).fingerprint, "key": "build.pem"}
    assert (row["state"], row["reason"]) == ("serving", "")


def test_what_was_published_unsigned_serves_on_and_is_told(tmp_path: Path, key: MadeKey) -> None:
    sidecar = serving_cars(tmp_path / "models")
    key.trust(tmp_path / "trusted")
    _ask(sidecar, tmp_path / "trusted")
    sidecar.store.put("cars/2/model.onnx", b"unsigned 2")
    sidecar.pass_time(20)
    assert sidecar.answering("cars") == {_GOOD}
    row = _row(sidecar)
    assert row["signature"] == row["reason"]
    assert row["reason"].startswith("not signed: published before signatures were required")
    assert (_row(sidecar, "2")["state"], _row(sidecar, "2")["signature"]) == ("rejected", None)
    _sign(sidecar, key, "2", b"signed 2")
    sidecar.pass_time(20)
    assert sidecar.answering("cars") == {b"signed 2"}


def test_a_signature_that_was_there_before_anybody_asked_is_found_after_the_start(
    tmp_path: Path, key: MadeKey
) -> None:
    sidecar = HandSidecar(tmp_path / "models")
    _sign(sidecar, key, "1", _GOOD)
    sidecar.pass_time(20)
    key.trust(tmp_path / "trusted")
    _ask(sidecar, tmp_path / "trusted")
    sidecar.pass_time(5)
    assert _row(sidecar)["signature"]["key"] == "build.pem"
    assert sidecar.answering("cars") == {_GOOD}


def test_a_key_that_is_removed_stops_nothing_that_serves_and_what_comes_next(
    tmp_path: Path, key: MadeKey
) -> None:
    sidecar = _signed(tmp_path, key)
    (tmp_path / "trusted/build.pem").unlink()
    _sign(sidecar, key, "2", b"good 2")
    sidecar.pass_time(20)
    assert sidecar.answering("cars") == {_GOOD}
    row = _row(sidecar)
    assert row["reason"].startswith("it goes on serving, but model.sig was made with the key 'sha256:")
    assert row["reason"].endswith(row["signature"]["problem"])
    assert "which is not trusted here" in _row(sidecar, "2")["reason"]
    sidecar.pass_time(60)  # it is tried less and less often
    key.trust(tmp_path / "trusted")
    sidecar.pass_time(5)
    assert sidecar.answering("cars") == {b"good 2"}
    assert "problem" not in _row(sidecar)["signature"]


def test_a_version_that_was_altered_together_with_its_record_is_fetched_again(
    tmp_path: Path, key: MadeKey
) -> None:
    sidecar = _signed(tmp_path, key)
    evil = b"evil 1"
    (sidecar.volume.version_folder("cars", 1) / "model.onnx").write_bytes(evil)
    state = json.loads(sidecar.volume.state_path.read_bytes())
    (stored,) = state["models"]["cars"]["stored"]
    next(file for file in stored["files"] if file["path"] == "model.onnx")["sha256"] = hashlib.sha256(
        evil
    ).hexdigest()
    sidecar.volume.state_path.write_text(json.dumps(state))
    sidecar.start()
    sidecar.pass_time(40)
    assert (sidecar.volume.version_folder("cars", 1) / "model.onnx").read_bytes() == _GOOD
    assert sidecar.answering("cars") == {_GOOD}
    assert _row(sidecar)["signature"]["key"] == "build.pem"


def test_a_signature_that_was_altered_on_the_volume_is_fetched_again(tmp_path: Path, key: MadeKey) -> None:
    sidecar = _signed(tmp_path, key)
    file = sidecar.volume.version_folder("cars", 1) / "model.sig"
    good = file.read_bytes()
    file.write_bytes(good.replace(b'"sig": "M', b'"sig": "N'))
    sidecar.start()
    sidecar.pass_time(40)
    assert (file.read_bytes(), sidecar.answering("cars")) == (good, {_GOOD})


def test_the_same_files_signed_anew_take_the_place_of_the_old_ones(tmp_path: Path, key: MadeKey) -> None:
    sidecar = _signed(tmp_path, key)
    second = MadeKey(tmp_path / "second")
    second.trust(tmp_path / "trusted", "second.pem")
    _sign(sidecar, second, "1", _GOOD)
    sidecar.pass_time(40)
    assert sidecar.answering("cars") == {_GOOD}
    assert _row(sidecar)["signature"]["key"] == "second.pem"
