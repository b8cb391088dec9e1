import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from edge_common.errors import EdgeError, RetryableError
from hand_executors import AtOnce
from memory_store import MemoryStore
from model_sync.bucket.catalog import UploadObject, build_catalog
from model_sync.download.small_files import in_groups
from model_sync.download.staging import Staging
from model_sync.download.transfer import Progress
from model_sync.gate.gate import Gate, StagedVersion
from model_sync.store.object_store import SmallObject


@dataclass
class SmallStore(MemoryStore):
    """Reads small objects at once; `fault` changes or cuts what arrives of a key."""

    small: int = 1000
    fault: Callable[[str, bytes], tuple[bytes, EdgeError | None]] = lambda _key, content: (content, None)

    def read_small_ones(
        self, wanted: Mapping[str, str], stopped: Callable[[], bool]
    ) -> Iterator[SmallObject]:
        for key, etag in wanted.items():
            if stopped():
                return
            assert self.objects[key].etag == etag
            content, failure = self.fault(key, self.objects[key].content)
            yield SmallObject(key, content, None, 0.0, failure)


def _fetch(
    store: SmallStore, folder: Path, progress: Progress | None = None, *, cancelled: bool = False
) -> StagedVersion:
    model = build_catalog(store.list_objects()).models["m"]
    stop = threading.Event()
    if cancelled:
        stop.set()
    return Gate(store, AtOnce(), None).admit(
        model, model.versions["1"], Staging(folder), None, progress=progress or Progress(), cancelled=stop
    )


@pytest.fixture
def store() -> SmallStore:
    made = SmallStore()
    for name in ("model.xml", "model.bin", "sub/folder/labels.txt"):
        made.put(f"m/1/{name}", name.encode() * 10)
    made.put("m/1/large.bin", b"l" * 2000)
    return made


def test_small_files_and_a_large_one_lie_complete_in_the_tree(store: SmallStore, tmp_path: Path) -> None:
    progress = Progress()
    staged = _fetch(store, tmp_path / "s", progress)
    assert [file.path for file in staged.files] == sorted(file.path for file in staged.files)
    for file in staged.files:
        content = (tmp_path / "s" / "tree" / file.path).read_bytes()
        assert content == store.objects[f"m/1/{file.path}"].content
        assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert store.reads == [("m/1/large.bin", 0)]
    assert progress.fraction == 1.0
    assert list((tmp_path / "s" / "parts").iterdir()) == []


def test_one_that_fails_keeps_the_others_and_its_own_beginning(store: SmallStore, tmp_path: Path) -> None:
    def cut(key: str, content: bytes) -> tuple[bytes, EdgeError | None]:
        return (content[:30], RetryableError("cut")) if key.endswith("model.bin") else (content, None)

    store.fault = cut
    with pytest.raises(RetryableError, match="cut"):
        _fetch(store, tmp_path / "s")
    store.reads.clear()
    store.fault = lambda key, _content: pytest.fail(f"{key} was fetched again")
    _fetch(store, tmp_path / "s")
    assert store.reads == [("m/1/model.bin", 30)]
    assert (tmp_path / "s" / "tree" / "model.bin").read_bytes() == b"model.bin" * 10


@pytest.mark.parametrize("wrong", [b"x", b"x" * 500])
def test_an_answer_of_another_length_is_no_file(store: SmallStore, tmp_path: Path, wrong: bytes) -> None:
    store.fault = lambda _key, _content: (wrong, None)
    with pytest.raises(RetryableError, match=rf"ended after {len(wrong)} of \d+ bytes"):
        _fetch(store, tmp_path / "s")
    assert not any(
        path.is_file() for path in (tmp_path / "s" / "tree").rglob("*") if path.name != "large.bin"
    )


def test_wrong_bytes_are_fetched_a_second_time(store: SmallStore, tmp_path: Path) -> None:
    store.fault = lambda _key, content: (content[::-1], None)
    progress = Progress()
    _fetch(store, tmp_path / "s", progress)
    assert sorted(key for key, _ in store.reads) == sorted(store.objects)
    assert (tmp_path / "s" / "tree" / "model.xml").read_bytes() == b"model.xml" * 10
    assert progress.done == progress.total


def test_a_cancelled_fetch_ends(store: SmallStore, tmp_path: Path) -> None:
    with pytest.raises(RetryableError, match="was stopped"):
        _fetch(store, tmp_path / "s", cancelled=True)


def test_groups_are_bounded_in_number_and_bytes() -> None:
    def files(count: int, size: int) -> list[UploadObject]:
        return [UploadObject(str(n), str(n), size, "e", 0.0) for n in range(count)]

    assert [len(group) for group in in_groups(files(35, 1))] == [16, 16, 3]
    assert [len(group) for group in in_groups(files(5, 500_000))] == [2, 2, 1]
    assert [len(group) for group in in_groups(files(2, 5_000_000))] == [1, 1]
    assert list(in_groups([])) == []
