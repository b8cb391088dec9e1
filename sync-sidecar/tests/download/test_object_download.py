import hashlib
import threading
from pathlib import Path

import pytest
from edge_common.errors import RetryableError
from memory_store import MemoryStore
from model_sync.bucket.catalog import UploadObject
from model_sync.download.object_download import CancelledError, CorruptTransferError, download
from model_sync.store.errors import ObjectChangedError

_CONTENT = bytes(range(256)) * 40


def _file(store: MemoryStore, key: str = "m/1/a") -> UploadObject:
    stored = store.objects[key]
    return UploadObject("a", key, len(stored.content), stored.etag, stored.modified)


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    made.put("m/1/a", _CONTENT)
    return made


def _download(store: MemoryStore, file: UploadObject, part: Path, seen: list[int] | None = None) -> str:
    counts = seen if seen is not None else []
    return download(store, file, part, cancelled=threading.Event(), progress=counts.append)


def test_a_file_is_fetched_and_digested(store: MemoryStore, tmp_path: Path) -> None:
    seen: list[int] = []
    assert _download(store, _file(store), tmp_path / "p", seen) == hashlib.sha256(_CONTENT).hexdigest()
    assert (tmp_path / "p").read_bytes() == _CONTENT
    assert sum(seen) == len(_CONTENT)


def test_what_arrived_before_is_not_fetched_again(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(_CONTENT[:5000])
    assert _download(store, _file(store), tmp_path / "p") == hashlib.sha256(_CONTENT).hexdigest()
    assert store.reads == [("m/1/a", 5000)]


def test_a_whole_part_asks_for_nothing(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(_CONTENT)
    _download(store, _file(store), tmp_path / "p")
    assert store.reads == []


def test_a_part_that_is_too_long_is_begun_anew(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(_CONTENT + b"more")
    _download(store, _file(store), tmp_path / "p")
    assert (tmp_path / "p").read_bytes() == _CONTENT


def test_a_truncated_answer_is_kept_and_continued(store: MemoryStore, tmp_path: Path) -> None:
    file = _file(store)
    store.on_read = lambda _key, _offset, content: content[:100]
    with pytest.raises(RetryableError, match="ended after 100 of 10240 bytes"):
        _download(store, file, tmp_path / "p")
    store.on_read = lambda _key, _offset, content: content
    _download(store, file, tmp_path / "p")
    assert (tmp_path / "p").read_bytes() == _CONTENT
    assert store.reads[-1] == ("m/1/a", 100)


def test_an_answer_that_is_too_long_is_thrown_away(store: MemoryStore, tmp_path: Path) -> None:
    file = _file(store)
    store.on_read = lambda _key, _offset, content: content + b"more"
    with pytest.raises(RetryableError, match="ended after 10244 of 10240"):
        _download(store, file, tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_a_replaced_object_is_not_mixed_with_the_old_one(store: MemoryStore, tmp_path: Path) -> None:
    file = _file(store)
    (tmp_path / "p").write_bytes(_CONTENT[:10])
    store.put("m/1/a", b"new")
    with pytest.raises(ObjectChangedError):
        _download(store, file, tmp_path / "p")


def test_wrong_bytes_are_noticed_by_an_md5_etag_and_not_by_an_opaque_one(tmp_path: Path) -> None:
    store = MemoryStore(on_read=lambda _key, _offset, content: content[::-1])
    store.put("m/1/a", _CONTENT)
    store.put("m/1/b", _CONTENT, etag="0" * 32 + "-2")
    with pytest.raises(CorruptTransferError) as corrupt:
        _download(store, _file(store), tmp_path / "p")
    assert corrupt.value.sha256 == hashlib.sha256(_CONTENT[::-1]).hexdigest()
    _download(store, _file(store, "m/1/b"), tmp_path / "q")


def test_a_cancelled_download_ends_and_keeps_nothing_wrong(store: MemoryStore, tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        download(store, _file(store), tmp_path / "p", cancelled=cancelled, progress=lambda _count: None)
    assert (tmp_path / "p").read_bytes() == b""
