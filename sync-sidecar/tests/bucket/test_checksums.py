import subprocess
from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from hypothesis import given
from hypothesis import strategies as st
from model_sync.bucket.checksums import format_checksums, parse_checksums
from model_sync.bucket.keys import CHECKSUMS_NAME, path_problem

_A, _B = "a" * 64, "b" * 64
_PATHS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda path: path_problem(path) is None and path != CHECKSUMS_NAME
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
        ("\ufeff", "line 1 is not"),
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
