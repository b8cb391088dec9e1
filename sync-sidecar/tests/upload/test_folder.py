from pathlib import Path

import pytest
from edge_common.errors import FatalError, RejectedError
from model_sync.store.errors import ObjectChangedError
from model_sync.store.object_store import read_small
from model_sync.upload.folder import FolderStore, read_version_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "car" / "1" / "variables").mkdir(parents=True)
    (tmp_path / "car" / "model.yaml").write_bytes(b"schema: 1\n")
    (tmp_path / "car" / "1" / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "car" / "1" / "variables" / "variables.index").write_bytes(b"index")
    return tmp_path / "car"


def test_lists_what_an_upload_of_the_folder_would_make(folder: Path) -> None:
    assert {entry.key: entry.size for entry in FolderStore(folder).list_objects()} == {
        "car/model.yaml": 10,
        "car/1/saved_model.pb": 5,
        "car/1/variables/variables.index": 5,
    }


def test_reads_the_listed_files(folder: Path) -> None:
    store = FolderStore(folder)
    listed = {entry.key: entry for entry in store.list_objects()}
    assert read_small(store, listed["car/model.yaml"], limit=10) == b"schema: 1\n"
    with store.open_object(listed["car/1/saved_model.pb"], offset=2) as stream:
        assert stream.read() == b"aph"


def test_a_file_that_changed_since_the_listing_is_not_read(folder: Path) -> None:
    store = FolderStore(folder)
    listed = {entry.key: entry for entry in store.list_objects()}
    (folder / "model.yaml").write_bytes(b"schema: 2, longer\n")
    with pytest.raises(ObjectChangedError, match="check again"):
        read_small(store, listed["car/model.yaml"], limit=100)


def test_a_file_over_the_limit_is_rejected_unread(folder: Path) -> None:
    store = FolderStore(folder)
    (entry,) = (entry for entry in store.list_objects() if entry.key == "car/model.yaml")
    with pytest.raises(RejectedError, match="has 10 bytes; make it smaller than 9"):
        read_small(store, entry, limit=9)


def test_nothing_is_ever_written(folder: Path) -> None:
    with pytest.raises(FatalError, match="not written by a check"):
        FolderStore(folder).put_small("car/1/model.onnx", b"", "application/octet-stream")


def test_what_a_desktop_left_is_not_sent_and_a_link_to_a_folder_is_told(folder: Path) -> None:
    version = folder / "1"
    (version / ".DS_Store").write_bytes(b"x")
    (version / "._saved_model.pb").write_bytes(b"x")
    sent = read_version_folder(version, "car", "1")
    assert [file.path for file in sent.files] == ["saved_model.pb", "variables/variables.index"]
    (version / "data").symlink_to(folder)
    with pytest.raises(RejectedError, match="'data' is a link or no plain file; copy what it leads to there"):
        read_version_folder(version, "car", "1")
