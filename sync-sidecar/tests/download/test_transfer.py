import hashlib
import threading
from pathlib import Path

import pytest
from edge_common.errors import RetryableError
from hand_executors import AtOnce
from memory_store import MemoryStore
from model_sync.bucket.catalog import build_catalog
from model_sync.download.object_download import IN_MEMORY, CorruptTransferError
from model_sync.download.staging import Staging
from model_sync.download.transfer import Progress
from model_sync.gate.gate import Gate, Incoming, StagedVersion


def _fetch(
    store: MemoryStore, folder: Path, progress: Progress | None = None, *, cancelled: bool = False
) -> StagedVersion:
    model = build_catalog(store.list_objects()).models["m"]
    stop = threading.Event()
    if cancelled:
        stop.set()
    return Gate(store, AtOnce(), None).admit(
        Incoming(model, model.versions["1"], Staging(folder), None, progress or Progress(), stop)
    )


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    for name in ("model.onnx", "model.bin", "sub/folder/labels.txt"):
        made.put(f"m/1/{name}", name.encode() * 10)
    made.put("m/1/large.bin", b"l" * 2 * IN_MEMORY)
    return made


def test_small_files_and_a_large_one_lie_complete_in_the_tree(store: MemoryStore, tmp_path: Path) -> None:
    progress = Progress()
    staged = _fetch(store, tmp_path / "s", progress)
    assert [file.path for file in staged.files] == sorted(file.path for file in staged.files)
    for file in staged.files:
        content = (tmp_path / "s" / "tree" / file.path).read_bytes()
        assert content == store.objects[f"m/1/{file.path}"].content
        assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert sorted(store.reads) == sorted((key, 0) for key in store.objects)
    assert progress.fraction == 1.0
    assert list((tmp_path / "s" / "parts").iterdir()) == []


def test_one_that_fails_keeps_the_others_and_its_own_beginning(store: MemoryStore, tmp_path: Path) -> None:
    store.on_read = lambda key, _offset, content: content[:30] if key.endswith("model.bin") else content
    with pytest.raises(RetryableError, match="ended after 30 of 90 bytes"):
        _fetch(store, tmp_path / "s")
    store.reads.clear()
    store.on_read = lambda _key, _offset, content: content
    _fetch(store, tmp_path / "s")
    assert ("m/1/model.bin", 30) in store.reads
    assert ("m/1/model.bin", 0) not in store.reads
    assert (tmp_path / "s" / "tree" / "model.bin").read_bytes() == b"model.bin" * 10


@pytest.mark.parametrize("wrong", [b"x", b"x" * 500])
def test_an_answer_of_another_length_is_no_file(store: MemoryStore, tmp_path: Path, wrong: bytes) -> None:
    del store.objects["m/1/large.bin"]
    store.on_read = lambda _key, _offset, _content: wrong
    with pytest.raises(RetryableError, match=rf"ended after {len(wrong)} of \d+ bytes"):
        _fetch(store, tmp_path / "s")
    assert not any(path.is_file() for path in (tmp_path / "s" / "tree").rglob("*"))


def test_wrong_bytes_are_fetched_a_second_time(store: MemoryStore, tmp_path: Path) -> None:
    store.on_read = lambda _key, _offset, content: content[::-1]
    progress = Progress()
    _fetch(store, tmp_path / "s", progress)
    different = [key for key in store.objects if key != "m/1/large.bin"]  # which is the same backwards
    assert sorted(store.reads) == sorted((key, 0) for key in [*store.objects, *different])
    assert (tmp_path / "s" / "tree" / "model.onnx").read_bytes() == (b"model.onnx" * 10)[::-1]
    assert progress.done == progress.total


def test_bytes_that_are_wrong_in_another_way_each_time_are_no_file(
    store: MemoryStore, tmp_path: Path
) -> None:
    times = iter(range(1, 1000))
    store.on_read = lambda _key, _offset, content: bytes([next(times) % 256]) + content[1:]
    progress = Progress()
    with pytest.raises(CorruptTransferError):
        _fetch(store, tmp_path / "s", progress)
    assert not any(path.is_file() for path in (tmp_path / "s" / "tree").rglob("*"))
    assert progress.done == 0


def test_a_cancelled_fetch_ends(store: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(RetryableError, match="was stopped"):
        _fetch(store, tmp_path / "s", cancelled=True)
