import io
import stat
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from edge_common.errors import RejectedError
from hypothesis import given
from hypothesis import strategies as st
from model_sync.upload.archive import Archive, members

MODEL = {"model.onnx": b"a model", "labels.txt": b"one\ntwo\n"}


def packed(files: Mapping[str, bytes], kind: int = ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with ZipFile(written, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def unpacked(folder: Path, content: bytes) -> dict[str, bytes]:
    path = folder / "upload.zip"
    path.write_bytes(content)
    tree = folder / "tree"
    with Archive(path) as archive:
        archive.unpack(tree)
    return {
        file.relative_to(tree).as_posix(): file.read_bytes() for file in tree.rglob("*") if file.is_file()
    }


def refusal(folder: Path, content: bytes) -> str:
    with pytest.raises(RejectedError) as refused:
        unpacked(folder, content)
    assert sorted(path.name for path in folder.iterdir()) in (["upload.zip"], ["tree", "upload.zip"])
    return str(refused.value)


@pytest.mark.parametrize("around", ["", "2/", "cars/2/"])
@pytest.mark.parametrize("kind", [ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_folders_around_a_version_and_what_desktops_add_are_left_out(
    tmp_path: Path, around: str, kind: int
) -> None:
    files = {f"{around}{name}": content for name, content in MODEL.items()}
    content = packed(files | {"__MACOSX/._x": b"", f"{around}.DS_Store": b"", f"{around}assets/": b""}, kind)
    assert unpacked(tmp_path, content) == MODEL


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../model.onnx", "path element '..'"),
        ("/etc/passwd", "path element ''"),
        ("a/../../b", "path element '..'"),
        ("a\\b", "a backslash"),
        ("a\x1b[31m", "a control"),
        ("a\0b", "a control"),
        ("a/" * 17 + "b", "more than 16 folders"),
        ("x" * 256, "longer than 255 bytes"),
        ("graph.pbtxt", "MediaPipe"),
        ("model.onnx/b", "is a file as well"),
    ],
)
def test_names_that_lead_elsewhere_are_not_unpacked(tmp_path: Path, name: str, says: str) -> None:
    assert says in refusal(tmp_path, packed(MODEL | {name.replace("\0", "~"): b"x"}).replace(b"a~b", b"a\0b"))


def entry(
    name: str = "model.onnx", *, size: int = 1, mode: int = 0, flags: int = 0, kind: int = 0
) -> ZipInfo:
    info = ZipInfo(name)
    info.file_size, info.external_attr, info.flag_bits, info.compress_type = size, mode << 16, flags, kind
    return info


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        ([entry(mode=stat.S_IFLNK | 0o777)], "a link or no plain file"),
        ([entry(mode=stat.S_IFIFO)], "a link or no plain file"),
        ([entry(flags=1)], "without a password"),
        ([entry(kind=ZIP_BZIP2)], "use store or deflate"),
        ([entry(), entry()], "'model.onnx' twice"),
        ([entry(str(number)) for number in range(1001)], "a version may have 1000"),
        ([entry(size=2**32 + 1)], "at most 4.0 GiB"),
        ([entry(size=2**27)], "100 times its own size"),
        ([entry("model.xml")], "waiting for model.bin"),
        ([entry("model.txt")], "not a complete model"),
        ([], "not a complete model"),
    ],
)
def test_what_a_version_may_not_have_is_seen_in_the_list_of_files(listed: list[ZipInfo], says: str) -> None:
    with pytest.raises(RejectedError, match=says):
        members(listed, 1000)


def test_a_damaged_or_truncated_zip_is_said_to_be_one(tmp_path: Path) -> None:
    whole = packed({"model.onnx": bytes(range(256)) * 40}, zipfile.ZIP_STORED)
    (tmp_path / "1").mkdir()
    assert "it is no zip, or not a whole one" in refusal(tmp_path / "1", whole[:-30])
    (tmp_path / "2").mkdir()
    flipped = bytearray(whole)
    flipped[100] ^= 1
    assert "'model.onnx' is damaged in the zip" in refusal(tmp_path / "2", bytes(flipped))


def test_a_list_of_files_of_any_length_is_not_read(tmp_path: Path) -> None:
    end = b"PK\5\6" + bytes(4) + b"\1\0\1\0" + (2**21).to_bytes(4, "little") + bytes(6)
    assert "list of files is longer" in refusal(tmp_path, bytes(2**21) + end)


_SMALL = packed(MODEL | {"b/c.txt": b"x" * 300})


@given(
    st.lists(st.tuples(st.integers(0, len(_SMALL) - 1), st.integers(0, 255)), max_size=8), st.integers(0, 400)
)
def test_any_zip_is_unpacked_into_its_folder_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    content = bytearray(_SMALL)
    for place, value in changes:
        content[place] = value
    with TemporaryDirectory() as folder:
        with suppress(RejectedError):
            unpacked(Path(folder), bytes(content[: len(content) - max(0, cut - 300)]))
        assert {path.name for path in Path(folder).iterdir()} <= {"upload.zip", "tree"}
