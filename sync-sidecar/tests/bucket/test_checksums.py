import subprocess
from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from hypothesis import given
from hypothesis import strategies as st
from model_sync.bucket.checksums import format_checksums, parse_checksums
from model_sync.bucket.keys import CHECKSUMS_NAME, is_dropping, path_problem

_A, _B = "a" * 64, "b" * 64
_PATHS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda path: path_problem(path) is None and path != CHECKSUMS_NAME and not is_dropping(path)
)
_DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(st.dictionaries(_PATHS, _DIGESTS, min_size=1, max_size=5))
def test_what_is_written_is_what_is_read(digests: dict[str, str]) -> None:
    assert parse_checksums(format_checksums(digests)) == digests


def test_what_sha256sum_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    written = subprocess.run(
        ["sha256sum", "-b", "./model.onnx"], cwd=tmp_path, capture_output=True, check=True
    )
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert parse_checksums(written.stdout) == {"model.onnx": empty}


def test_comments_blank_lines_windows_ends_and_the_file_itself_are_tolerated() -> None:
    text = f"# made by hand\r\n\r\n{_A.upper()}  ./model.bin\r\n{_B} *SHA256SUMS\r\n"
    assert parse_checksums(text.encode()) == {"model.bin": _A}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{_A}  ok\nnonsense", "line 2 is not"),
        (f"{_A}  ../x", "line 1 lists '../x': it contains the path element"),
        (f"{_A}  x\n{_B}  x", "lists 'x' twice"),
        ("", "lists no file"),
        (f"{_A}  SHA256SUMS", "lists no file"),
        ("\ufeff", "lists no file"),
        (f"{'a' * 32}  model.onnx", "line 1 has an MD5 digest, not SHA-256"),
        (f"{_A}  ok\n{'a' * 40}  m.onnx", "line 2 has an SHA-1 digest"),
        (f"\\{_A}  a\\\\b", "line 1 is not"),
        ("SHA256 hash of model.onnx:\n", "line 2 is not"),
        ("SHA256 hash of model.onnx:", "ends before the digest of 'model.onnx'"),
    ],
)
def test_what_is_wrong_is_named(text: str, sentence: str) -> None:
    with pytest.raises(RejectedError, match=CHECKSUMS_NAME) as refused:
        parse_checksums(text.encode())
    assert sentence in str(refused.value)


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_a_rejection(content: bytes) -> None:
    try:
        assert parse_checksums(content)
    except RejectedError:
        return


_UPLOADED = {"model.onnx", "sub/weights 1.bin"}
_BOTH = {"model.onnx": _A, "sub/weights 1.bin": _B}


@pytest.mark.parametrize(
    "text",
    [
        f"{_A}  model.onnx\n{_B}  sub/weights 1.bin\n",
        f"{_A} *model.onnx\r\n{_B} *sub\\weights 1.bin\r\n",
        f"{_A} model.onnx\n{_B} sub/weights 1.bin\n",
        f"{_A}\tmodel.onnx\n{_B}\tsub/weights 1.bin\n",
        f"{_A.upper()}  ./model.onnx\n{_B}  ././sub/weights 1.bin\n",
        f"SHA256 (model.onnx) = {_A}\nSHA256 (sub/weights 1.bin) = {_B}\n",
        f"SHA256(model.onnx)= {_A}\nSHA2-256(sub/weights 1.bin)= {_B}\n",
        f"{_A}  cars/1/model.onnx\n{_B}  cars/1/sub/weights 1.bin\n",
        f"{_A}  /home/me/m/model.onnx\n{_B}  /home/me/m/sub/weights 1.bin\n",
        f"{_A}  ../1/model.onnx\n{_B}  ../1/sub/weights 1.bin\n",
        f"{_A} *C:\\m\\model.onnx\n{_B} *C:\\m\\sub\\weights 1.bin\n",
        (
            f"SHA256 hash of model.onnx:\r\n{_A}\r\nCertUtil: -hashfile command completed successfully.\r\n"
            f"SHA256 hash of file sub\\weights 1.bin:\r\n{' '.join([_B[:2]] * 32)}\r\nCertUtil: done\r\n"
        ),
        f"SHA256-Hash von model.onnx:\n{_A}\nSHA256-Hash von sub\\weights 1.bin:\n{_B}\n",
        (
            "\nAlgorithm       Hash             Path\n---------       ----             ----\n"
            f"SHA256          {_A.upper()}       C:\\m\\model.onnx   \n"
            f"SHA256          {_B.upper()}       C:\\m\\sub\\weights 1.bin\n\n"
        ),
        f"{_A}  model.onnx\n{_B}  sub/weights 1.bin\n{_A}  .DS_Store\n{_B}  ._model.onnx\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_common_tools_write_is_read(text: str, encoding: str) -> None:
    assert parse_checksums(text.encode(encoding), _UPLOADED) == _BOTH


def test_names_composed_otherwise_than_the_key_are_the_same() -> None:
    composed, apart = "mod\u00e8le.onnx", "mode\u0300le.onnx"
    assert parse_checksums(f"{_A}  {apart}".encode(), {composed}) == {composed: _A}
    assert parse_checksums(f"{_A}  m/1/{composed}".encode(), {apart}) == {apart: _A}


def test_folders_in_front_are_left_out_only_where_that_is_certain() -> None:
    text = f"{_A}  sub/model.onnx\n{_B}  sub/x.bin\n".encode()
    assert parse_checksums(text, {"sub/model.onnx", "model.onnx"}) == {"sub/model.onnx": _A, "sub/x.bin": _B}
    assert parse_checksums(text, {"model.onnx"}) == {"model.onnx": _A, "x.bin": _B}
    assert parse_checksums(text, {"other.onnx"}) == {"sub/model.onnx": _A, "sub/x.bin": _B}
    with pytest.raises(RejectedError, match=r"line 1 lists '\.\./x/a'"):
        parse_checksums(f"{_A}  ../x/a\n{_B}  ../y/b".encode(), {"a"})
