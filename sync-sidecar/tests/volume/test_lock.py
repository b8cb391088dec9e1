"""One writer at a time, whatever happens to the lock file."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from edge_common.errors import FatalError
from model_sync.volume.lock import NOTICED_WITHIN, LockLostError, VolumeLock
from model_sync.volume.volume import Volume

_TRY = (
    "import sys, pathlib; from model_sync.volume.lock import VolumeLock; "
    "sys.exit(0 if VolumeLock(pathlib.Path(sys.argv[1])).try_acquire(in_use=bool(sys.argv[2])) else 3)"
)


def _another_gets_it(path: Path, *, in_use: bool = False) -> bool:
    tried = subprocess.run([sys.executable, "-c", _TRY, str(path), "1" if in_use else ""], check=False)
    return {0: True, 3: False}[tried.returncode]


def _age(path: Path, seconds: float) -> None:
    made = path.stat().st_mtime - seconds
    os.utime(path, (made, made))


def test_the_lock_is_one_processs_until_it_lets_go(volume: Volume) -> None:
    lock = VolumeLock(volume.lock_path)
    assert [lock.try_acquire(), lock.try_acquire()] == [True, True]
    assert not _another_gets_it(volume.lock_path)
    lock.release()
    assert _another_gets_it(volume.lock_path)


def test_whose_lock_file_is_gone_may_not_write_until_it_has_the_new_one(volume: Volume) -> None:
    lock = VolumeLock(volume.lock_path)
    assert lock.try_acquire()
    lock.check()
    volume.lock_path.unlink()
    with pytest.raises(LockLostError):
        lock.check()
    assert lock.try_acquire(in_use=True), "it has been the writer, and takes the file that is there at once"
    lock.check()
    assert not _another_gets_it(volume.lock_path, in_use=True)


def test_a_second_writer_gives_the_first_time_to_notice_that_its_lock_file_is_gone(volume: Volume) -> None:
    first, second = VolumeLock(volume.lock_path), VolumeLock(volume.lock_path)
    assert first.try_acquire()
    volume.lock_path.unlink()
    assert not second.try_acquire(in_use=True), "the first may be alive"
    _age(volume.lock_path, NOTICED_WITHIN + 1)
    assert second.try_acquire(in_use=True), "it is not"
    with pytest.raises(LockLostError):
        first.check()


def test_who_follows_a_living_writer_changes_nothing_on_the_volume(volume: Volume) -> None:
    lock = VolumeLock(volume.lock_path)
    assert lock.try_acquire()
    before = {path: path.stat().st_mtime_ns for path in volume.own.rglob("*")}
    assert not _another_gets_it(volume.lock_path, in_use=True)
    assert {path: path.stat().st_mtime_ns for path in volume.own.rglob("*")} == before


def test_a_file_system_that_lets_nobody_set_dates_is_lived_with(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    assert VolumeLock(volume.lock_path).try_acquire()
    lock = VolumeLock(volume.lock_path)
    assert not lock.try_acquire(in_use=True), "the file is young, and cannot be made to look old"
    monkeypatch.undo()
    _age(volume.lock_path, NOTICED_WITHIN + 1)
    monkeypatch.setattr(os, "utime", refuse)
    assert lock.try_acquire(in_use=True)


def test_a_holder_that_cannot_be_noted_holds_the_lock(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "pwrite", refuse)
    assert VolumeLock(volume.lock_path, "edge-1").try_acquire()


def test_a_restart_on_a_volume_in_use_waits_for_nobody(volume: Volume) -> None:
    assert VolumeLock(volume.lock_path).try_acquire()
    lock = VolumeLock(volume.lock_path)
    assert lock.try_acquire(in_use=True)


def test_the_holder_is_noted_and_the_one_before_it_known(volume: Volume) -> None:
    first = VolumeLock(volume.lock_path, "edge-1-long-name")
    assert first.try_acquire()
    assert volume.lock_path.read_text() == "edge-1-long-name"
    first.release()
    second = VolumeLock(volume.lock_path, "edge-2")
    assert second.try_acquire(in_use=True)
    assert (second.former, volume.lock_path.read_text()) == ("edge-1-long-name", "edge-2")


def test_a_folder_in_place_of_the_lock_file_is_moved_aside(volume: Volume) -> None:
    lock = VolumeLock(volume.lock_path)
    assert lock.try_acquire()
    volume.lock_path.unlink()
    volume.lock_path.mkdir()
    assert lock.try_acquire()
    assert volume.lock_path.is_file()


@pytest.mark.parametrize("refusal", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_with_the_path_and_what_to_do(
    refusal: int, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with pytest.raises(FatalError, match="put the models folder on a file system with POSIX locks") as told:
        VolumeLock(volume.lock_path).try_acquire()
    assert str(told.value).startswith(f"cannot lock {volume.lock_path}: {os.strerror(refusal)}")


@pytest.mark.parametrize("refusal", [errno.EAGAIN, errno.EACCES])
def test_only_these_refusals_mean_that_another_one_writes(
    refusal: int, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(fcntl, "lockf", refuse)
    assert not VolumeLock(volume.lock_path).try_acquire()
