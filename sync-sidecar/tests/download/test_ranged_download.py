import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from edge_common.errors import RetryableError
from memory_store import MemoryStore
from model_sync.bucket.catalog import UploadObject
from model_sync.download.object_download import RANGED_FROM, CancelledError, CorruptTransferError, download
from model_sync.download.part_journal import journal_path
from model_sync.download.ranged_download import CHUNK, PIECE
from model_sync.download.staging import Staging
from model_sync.store.errors import ObjectChangedError

_CONTENT = bytes(range(256)) * ((RANGED_FROM + 5 * PIECE // 2) // 256)
"""Of more pieces than there are connections: the last is opened after another has been read."""
_SHA256 = hashlib.sha256(_CONTENT).hexdigest()
_KEY = "m/1/model.bin"


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    made.put(_KEY, _CONTENT)
    return made


@pytest.fixture
def file(store: MemoryStore) -> UploadObject:
    stored = store.objects[_KEY]
    return UploadObject("model.bin", _KEY, len(_CONTENT), stored.etag, stored.modified)


@pytest.fixture
def helpers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def _download(
    store: MemoryStore, file: UploadObject, part: Path, helpers: ThreadPoolExecutor | None, seen: list[int]
) -> str:
    return download(store, file, part, cancelled=threading.Event(), progress=seen.append, helpers=helpers)


def test_a_large_object_arrives_in_ranges(
    store: MemoryStore, file: UploadObject, helpers: ThreadPoolExecutor, tmp_path: Path
) -> None:
    seen: list[int] = []
    assert _download(store, file, tmp_path / "p", helpers, seen) == _SHA256
    assert (tmp_path / "p").read_bytes() == _CONTENT
    assert sorted(offset for _, offset in store.reads) == list(range(0, len(_CONTENT), PIECE))
    assert sum(seen) == len(_CONTENT)


def test_one_connection_is_enough_when_no_thread_is_idle(
    store: MemoryStore, file: UploadObject, tmp_path: Path
) -> None:
    release = threading.Event()
    with ThreadPoolExecutor(1) as busy:
        busy.submit(release.wait)
        try:
            assert _download(store, file, tmp_path / "p", busy, []) == _SHA256
        finally:
            release.set()


def test_after_a_cut_no_byte_is_fetched_twice(store: MemoryStore, file: UploadObject, tmp_path: Path) -> None:
    served: list[int] = []

    def cut(_key: str, offset: int, content: bytes) -> bytes:
        kept = content[: 5 * CHUNK] if offset == PIECE and len(served) == 1 else content
        served.append(len(kept))
        return kept

    store.on_read = cut
    with pytest.raises(RetryableError, match="ended after"):
        _download(store, file, tmp_path / "p", None, [])
    assert _download(store, file, tmp_path / "p", None, []) == _SHA256
    assert sum(served) == len(_CONTENT)
    assert (_KEY, PIECE + 5 * CHUNK) in store.reads


def test_a_cancelled_download_keeps_what_arrived(
    store: MemoryStore, file: UploadObject, helpers: ThreadPoolExecutor, tmp_path: Path
) -> None:
    cancelled, counts = threading.Event(), list[int]()

    def progress(count: int) -> None:
        counts.append(count)
        if sum(counts) >= 8 * CHUNK:
            cancelled.set()

    with pytest.raises(CancelledError):
        download(store, file, tmp_path / "p", cancelled=cancelled, progress=progress, helpers=helpers)
    seen: list[int] = []
    assert _download(store, file, tmp_path / "p", helpers, seen) == _SHA256
    assert seen[0] >= 8 * CHUNK


def test_an_object_replaced_midway_is_not_mixed(
    store: MemoryStore, file: UploadObject, helpers: ThreadPoolExecutor, tmp_path: Path
) -> None:
    def replace(_key: str, _offset: int, content: bytes) -> bytes:
        store.put(_KEY, b"other")  # at every read, so that whatever is opened after any of them meets it
        return content

    store.on_read = replace
    with pytest.raises(ObjectChangedError):
        _download(store, file, tmp_path / "p", helpers, [])


def test_bytes_damaged_on_the_way_are_noticed(
    store: MemoryStore, file: UploadObject, helpers: ThreadPoolExecutor, tmp_path: Path
) -> None:
    store.on_read = lambda _key, offset, content: bytes(len(content)) if offset == PIECE else content
    with pytest.raises(CorruptTransferError, match="its ETag promises"):
        _download(store, file, tmp_path / "p", helpers, [])


def test_the_journal_goes_when_the_file_is_accepted(
    store: MemoryStore, file: UploadObject, tmp_path: Path
) -> None:
    staging = Staging(tmp_path / "s")
    staging.prepare([file], "f1")
    part = staging.part_path(file)
    _download(store, file, part, None, [])
    assert staging.prepare([file], "f1") == [file]
    assert journal_path(part).exists()
    staging.accept(file)
    assert [path.name for path in part.parent.iterdir()] == []
