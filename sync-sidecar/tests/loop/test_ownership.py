"""Who writes to the volume, when its lock file or the whole volume is another."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from collected_logs import LogLines
from edge_common.errors import FatalError, RetryableError
from hand_sidecar import HandSidecar
from model_sync.loop.ownership import Ownership
from model_sync.loop.wakeup import Wakeup
from model_sync.volume.lock import VolumeLock

_HOLD = (
    "import fcntl, os, sys; d = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT); "
    "fcntl.lockf(d, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
)


class _Owner:
    """A served model, and the ownership of its volume; `following` is what happens while it follows."""

    def __init__(self, root: Path) -> None:
        self.sidecar = HandSidecar(root)
        volume, lock = self.sidecar.volume, VolumeLock(self.sidecar.volume.lock_path)
        assert lock.try_acquire()
        self.sidecar.store.put("cars/1/model.onnx", b"good 1")
        self.sidecar.pass_time(30)
        self.followed = 0
        self.following: Callable[[], None] = lambda: None
        self.wakeup = Wakeup()
        self.passed_on = 0
        self.ownership = Ownership(
            volume, lock, self.sidecar.reconciler, self.wakeup, self._follow, self._pass_on
        )
        volume.before_write = self.ownership.check
        self.ownership.take_over()

    def _follow(self) -> None:
        self.followed += 1
        self.following()
        assert self.followed < 20
        self.wakeup.work_done()  # no pause between two tries

    def _pass_on(self) -> None:
        self.passed_on += 1


def _dates(owner: _Owner) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in owner.sidecar.volume.root.rglob("*.json")}


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Owner]:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    root = tmp_path / "models"
    root.mkdir()
    made = _Owner(root)
    yield made
    made.ownership.lock.release()


def test_a_volume_that_cannot_rename_folders_ends_it_with_a_sentence_and_what_serves_is_left_alone(
    owner: _Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _dates(owner), sorted(owner.sidecar.volume.stored_versions())

    def refuse(source: Path, _target: Path) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(source))

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(
        FatalError, match=r"a folder cannot be renamed within .*; put the whole models folder"
    ):
        owner.ownership.wait()
    assert (_dates(owner), sorted(owner.sidecar.volume.stored_versions())) == before
    owner.sidecar.ovms.poll()
    assert owner.sidecar.answering("cars") == {b"good 1"}


def test_a_lock_file_that_is_gone_is_locked_again_and_nothing_is_lost(
    owner: _Owner, logged: LogLines
) -> None:
    owner.sidecar.volume.lock_path.unlink()
    with pytest.raises(OSError, match="removed or replaced"):
        owner.sidecar.volume.save_config(b"{}")
    state = owner.sidecar.state
    assert owner.ownership.keep()
    assert (owner.followed, owner.sidecar.state is state) == (0, True)
    assert [line["what"] for line in logged.of("drift_mended")] == ["lock"]
    owner.sidecar.pass_time(5)
    assert owner.sidecar.answering("cars") == {b"good 1"}


def test_while_another_holds_the_new_lock_file_nothing_is_written(owner: _Owner) -> None:
    path = owner.sidecar.volume.lock_path
    path.unlink()
    argv = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        before = _dates(owner)
        stdin = other.stdin

        def end_the_other() -> None:
            assert not owner.ownership.writes
            assert before == _dates(owner)
            stdin.close()
            other.wait()
            os.utime(path, (0, 0))  # as one that was made long ago

        owner.following = end_the_other
        owner.wakeup.look()  # a webhook that was sent to this pod
        assert owner.ownership.keep()
    assert (owner.followed, owner.ownership.writes) == (1, True)
    assert owner.passed_on == 1


def test_a_volume_that_is_away_is_waited_for_and_taken_over_again(owner: _Owner) -> None:
    root = owner.sidecar.volume.root
    elsewhere = root.with_name("elsewhere")
    root.rename(elsewhere)

    def bring_back() -> None:
        elsewhere.rename(root)

    owner.following = bring_back
    assert owner.ownership.keep()
    assert owner.followed == 1
    owner.sidecar.pass_time(20)
    assert owner.sidecar.answering("cars") == {b"good 1"}


def test_a_start_on_a_volume_without_locks_ends_with_the_sentence(
    owner: _Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.ownership.lock.release()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with pytest.raises(FatalError, match="Without locks two sidecars could write"):
        owner.ownership.wait()


def test_a_start_says_who_it_waits_for(owner: _Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.ownership.lock.release()

    def refuse(*_: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with pytest.raises(RetryableError, match="another model-sync writes to"):
        owner.ownership.take_over()
