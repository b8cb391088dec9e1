from pathlib import Path

from model_snapshots import upload_object
from model_sync.bucket.catalog import UploadObject
from model_sync.download.staging import Staging


def _accept(staging: Staging, file: UploadObject, text: str) -> None:
    staging.part_path(file).write_text(text.ljust(file.size))
    staging.accept(file)


def test_a_changed_upload_keeps_the_files_that_did_not_change(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "s")
    kept, old, dropped = upload_object("a/kept"), upload_object("b/old"), upload_object("dropped")
    assert staging.prepare([kept, old, dropped], "one") == [kept, old, dropped]
    for file in (kept, old, dropped):
        _accept(staging, file, file.path)
    new = upload_object("b/old", "new-etag")
    assert Staging(tmp_path / "s").prepare([kept, new], "two") == [new]
    assert sorted(path.name for path in staging.tree.rglob("*")) == ["a", "kept"]
    assert staging.fingerprint == "two"


def test_a_file_may_become_a_folder(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "s")
    file, inside = upload_object("x"), upload_object("x/y")
    staging.prepare([file], "one")
    _accept(staging, file, "x")
    assert staging.prepare([inside], "two") == [inside]
    _accept(staging, inside, "y")
    assert (staging.tree / "x" / "y").read_text().rstrip() == "y"


def test_parts_are_kept_for_the_same_object_and_dropped_for_another(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "s")
    one, other = upload_object("a"), upload_object("a", "other-etag")
    staging.prepare([one], "one")
    staging.part_path(one).write_text("half")
    staging.prepare([one], "one")
    assert staging.part_path(one).read_text() == "half"
    staging.prepare([other], "two")
    assert not staging.part_path(one).exists()


def test_files_of_which_nobody_knows_the_upload_are_not_trusted(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "s")
    file = upload_object("a")
    staging.prepare([file], "one")
    _accept(staging, file, "a")
    (staging.folder / "upload.json").write_text("[]")
    assert staging.fingerprint is None
    assert staging.prepare([file], "one") == [file]


def test_a_sealed_tree_can_be_read_by_the_server(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "s")
    file = upload_object("sub/a")
    staging.prepare([file], "one")
    _accept(staging, file, "a")
    (staging.tree / "sub" / "a").chmod(0o600)
    staging.seal()
    assert (staging.tree / "sub" / "a").stat().st_mode & 0o777 == 0o644
    assert (staging.tree / "sub").stat().st_mode & 0o777 == 0o755


def test_what_is_not_as_it_was_left_is_fetched_again(tmp_path: Path) -> None:
    file = upload_object("a/model")
    staging = Staging(tmp_path / "cars" / "1")
    (tmp_path / "cars").write_text("notes")
    assert staging.prepare([file], "one") == [file]
    _accept(staging, file, "x")
    assert staging.prepare([file], "one") == []
    (staging.tree / "a" / "model").write_text("shorter")
    assert staging.prepare([file], "one") == [file]
    _accept(staging, file, "x")
    for spoilt, fetched in (("tree", [file]), ("parts", []), ("upload.json", [file])):
        path = staging.folder / spoilt
        path.rename(tmp_path / f"old-{spoilt}")
        path.write_text("notes") if path.suffix == "" else path.mkdir()
        assert staging.prepare([file], "one") == fetched, spoilt
        if fetched:
            _accept(staging, file, "x")
