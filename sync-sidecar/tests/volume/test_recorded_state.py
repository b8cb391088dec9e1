"""One write for all changes of a step, and nothing carried out before it."""

import errno
from pathlib import Path

import pytest
from model_sync.planning.state import ModelState, State, StoredFile, StoredVersion
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.volume import Volume


def _version(local_version: int) -> StoredVersion:
    return StoredVersion(local_version, str(local_version), f"content-{local_version}", (), 0.0)


class _CountedVolume(Volume):
    """Counts its records, and refuses them while `full`."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.records = 0
        self.full = False
        self.prepare()

    def save_state(self, state: State) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.records += 1
        super().save_state(state)


@pytest.fixture
def volume(tmp_path: Path) -> _CountedVolume:
    return _CountedVolume(tmp_path)


def test_changes_of_many_models_are_recorded_by_one_write_before_their_effects(
    volume: _CountedVolume,
) -> None:
    records = RecordedState(volume, State())
    seen: list[State | None] = []
    for name in ("a", "b", "c"):
        records.change(name, ModelState({1: _version(1)}))
        records.after_record(name, "publish", lambda: seen.append(volume.load_state()))
    assert records.flush() == []
    assert volume.records == 1
    assert [set(state.models) for state in seen if state] == [{"a", "b", "c"}] * 3


def test_nothing_is_written_when_nothing_changed(volume: _CountedVolume) -> None:
    records = RecordedState(volume, State())
    records.flush()
    records.record()
    assert volume.records == 0


def test_a_record_that_is_refused_takes_back_every_intention(volume: _CountedVolume) -> None:
    records = RecordedState(volume, State())
    volume.full = True
    records.change("a", ModelState({1: _version(1)}))
    records.after_record("a", "publish", lambda: pytest.fail("carried out without a record"))
    assert [(error.model, error.error.errno) for error in records.flush()] == [("a", errno.ENOSPC)]
    assert records.current == State()
    volume.full = False
    assert records.flush() == [], "what was refused is not tried again by itself"


def test_a_folder_that_is_gone_stays_forgotten_when_that_cannot_be_recorded(volume: _CountedVolume) -> None:
    both = State({"a": ModelState({1: _version(1), 2: _version(2)})})
    records = RecordedState(volume, both)
    volume.full = True
    records.change("b", ModelState({1: _version(1)}))
    records.forget_version("a", 1)
    assert {error.model for error in records.flush()} == {"a", "b"}
    assert records.current == State({"a": ModelState({2: _version(2)})})
    volume.full = False
    records.flush()
    assert volume.load_state() == records.current


def test_a_version_whose_folder_was_refused_is_forgotten_even_when_that_cannot_be_recorded(
    volume: _CountedVolume, tmp_path: Path
) -> None:
    records = RecordedState(volume, State({"a": ModelState({1: _version(1)})}))
    new = StoredVersion(2, "2", "content-2", (StoredFile("model.onnx", 3, "0" * 64),), 0.0)
    missing = tmp_path / "no such folder"
    records.enter("a", records.current.model("a").with_stored(new), new, missing)
    assert [error.doing for error in records.flush()] == ["publish"]
    volume.full = True
    with pytest.raises(OSError, match="No space"):
        records.record()
    assert list(records.current.model("a").stored) == [1], "config.json would list a folder that is not there"
    volume.full = False
    records.record()
    assert volume.load_state() == records.current


def test_one_effect_that_is_refused_does_not_stop_the_others(volume: _CountedVolume) -> None:
    records = RecordedState(volume, State())
    done: list[str] = []

    def refuse() -> None:
        raise OSError(errno.EIO, "Input/output error")

    records.change("a", ModelState({1: _version(1)}))
    records.after_record("a", "publish", refuse)
    records.after_record("b", "publish", lambda: done.append("b"))
    assert [(error.model, error.doing) for error in records.flush()] == [("a", "publish")]
    assert done == ["b"]


def test_a_config_that_was_replaced_before_its_write_failed_is_not_put_back(volume: _CountedVolume) -> None:
    """The server may have loaded what it lists; the old text would end that."""
    records = RecordedState(volume, State())
    records.change("a", ModelState({1: _version(1)}, configured=(1,)))
    records.write_config()
    replace = volume.save_config

    def fails_late(content: bytes) -> None:
        replace(content)
        raise OSError(errno.ENOSPC, "No space left on device")

    volume.save_config = fails_late  # type: ignore[method-assign]  # a disk that is full at its very end
    records.change("a", ModelState({1: _version(1), 2: _version(2)}, configured=(1, 2)))
    with pytest.raises(OSError, match="No space left"):
        records.write_config()
    volume.save_config = replace  # type: ignore[method-assign]  # as above
    written = volume.load_config()
    assert records.restore() == []
    assert volume.load_config() == written
    assert not records.write_config()
    volume.config_path.write_bytes(b"{}")
    assert records.restore() == ["config.json"]
    assert volume.load_config() == written
