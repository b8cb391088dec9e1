"""File systems that refuse, or only pretend to do, what models are published with."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from model_sync.volume.probe import Lack, disk_usage, probe_volume
from model_sync.volume.volume import Volume


def _probe(volume: Volume, waited: list[float] | None = None) -> dict[str, Lack]:
    wait = (waited if waited is not None else []).append
    found = probe_volume(volume.root, volume.own / "probe", wait)
    left = [path.name for path in (*volume.root.iterdir(), *volume.own.iterdir()) if "probe" in path.name]
    assert left == [], "the probe left something behind"
    return {lack.what: lack for lack in found}


def _refusing(call: Callable[..., object], number: int, *, folders: bool) -> Callable[..., object]:
    """`call`, refused for folders, or for files."""

    def refuse(target: int | str | Path, *further: object, **named: object) -> object:
        seen = os.fstat(target) if isinstance(target, int) else Path(target).stat()
        if stat.S_ISDIR(seen.st_mode) == folders:
            raise OSError(number, os.strerror(number), None if isinstance(target, int) else str(target))
        return call(target, *further, **named)

    return refuse


def test_an_ordinary_file_system_lacks_nothing(volume: Volume) -> None:
    (volume.own / "probe" / "below").mkdir(parents=True)
    (volume.root / ".probe").mkdir()  # left by a probe that was killed
    assert _probe(volume) == {}


def test_files_that_can_only_be_written_from_begin_to_end_are_not_enough(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pwrite", _refusing(os.pwrite, errno.EINVAL, folders=False))
    lack = _probe(volume)["files"]
    assert lack.fatal
    assert "cannot be written part by part (Invalid argument)" in lack.sentence


def test_names_that_the_file_system_takes_for_others_are_told(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        really_touch = Path.touch
        patched.setattr(Path, "touch", lambda path: really_touch(path.with_name("a\u0308")))
        assert "writes accents in names otherwise" in _probe(volume)["names"].sentence
    really, cased = Path.exists, "WRITTEN"
    monkeypatch.setattr(Path, "exists", lambda path: path.name == cased or really(path))
    lack = _probe(volume)["names"]
    assert not lack.fatal
    assert "differ in capitals alone" in lack.sentence


@pytest.mark.parametrize(("folders", "what"), [(True, "a folder"), (False, "a file")])
def test_without_renaming_nothing_is_served_and_the_sentence_says_where(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, what: str, *, folders: bool
) -> None:
    monkeypatch.setattr(os, "rename", _refusing(os.rename, errno.ENOTSUP, folders=folders))
    monkeypatch.setattr(os, "replace", _refusing(os.replace, errno.ENOTSUP, folders=folders))
    lack = _probe(volume)["renaming"]
    assert lack.fatal
    assert lack.sentence.startswith(f"{what} cannot be renamed within {volume.root}")
    assert "Operation not supported" in lack.sentence


def test_a_rename_that_is_only_pretended_is_found(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "rename", lambda *_: None)
    waited: list[float] = []
    assert _probe(volume, waited)["renaming"].fatal
    assert sum(waited) < 5


def test_a_renamed_folder_that_shows_its_files_late_is_told_and_lived_with(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([False, False])
    is_file = Path.is_file
    monkeypatch.setattr(
        Path, "is_file", lambda path: next(looks, True) if path.name == "file" else is_file(path)
    )
    lack = _probe(volume)["renaming"]
    assert not lack.fatal
    assert "shows its files late" in lack.sentence


@pytest.mark.parametrize(
    ("number", "folders", "what"),
    [
        (errno.EINVAL, True, "names of files"),
        (errno.ENOTSUP, True, "names of files"),
        (errno.ENOSYS, False, "files"),
    ],
)
def test_flushing_that_is_refused_is_told_and_models_are_published_all_the_same(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, number: int, what: str, *, folders: bool
) -> None:
    monkeypatch.setattr(os, "fsync", _refusing(os.fsync, number, folders=folders))
    lack = _probe(volume)["flushing"]
    assert (lack.fatal, lack.sentence.startswith(f"{what} in ")) == (False, True)
    volume.save_config(b"{}")
    _publish(volume)


def test_modes_that_cannot_be_changed_matter_only_where_others_cannot_read(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, *_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr(os, "chmod", refuse)
    assert _probe(volume) == {}
    before = os.umask(0o077)
    try:
        assert "run the model server as that user" in _probe(volume)["modes"].sentence
    finally:
        os.umask(before)
    volume.save_config(b"{}")
    _publish(volume)


def test_what_is_written_under_a_narrow_umask_is_readable_for_the_server(volume: Volume) -> None:
    before = os.umask(0o077)
    try:
        _publish(volume)
        volume.save_config(b"{}")
    finally:
        os.umask(before)
    for path in (volume.root / "cars", volume.config_path):
        assert path.stat().st_mode & 0o044 == 0o044, path


@pytest.mark.parametrize(("blocks", "available"), [(0, 0), (100, 2**60), (-1, 5)])
def test_a_size_that_cannot_be_is_no_size(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, blocks: int, available: int
) -> None:
    told = SimpleNamespace(f_blocks=blocks, f_bavail=available, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: told)
    assert disk_usage(volume.root) is None
    assert "no limit is assumed" in _probe(volume)["space"].sentence


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_nothing_is_written(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "lockf", refuse)
    assert _probe(volume)["locks"].fatal


def _publish(volume: Volume) -> None:
    tree = volume.staging_folder("cars", "1") / "tree"
    tree.mkdir(parents=True)
    (tree / "model.onnx").write_text("x")
    volume.publish("cars", 1, tree)
    assert volume.found_files("cars", 1) == {"model.onnx": 1}
