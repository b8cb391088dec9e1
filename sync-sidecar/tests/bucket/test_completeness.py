import subprocess
from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from hypothesis import given
from hypothesis import strategies as st
from model_snapshots import upload
from model_sync.bucket.completeness import (
    Complete,
    Waiting,
    check_upload,
    format_checksums,
    named_files_missing,
    parse_checksums,
)
from model_sync.bucket.keys import CHECKSUMS_NAME, path_problem
from model_sync.bucket.model_formats import partner_missing

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


@pytest.mark.parametrize(
    "paths",
    [
        ["model.xml", "model.bin"],
        ["model.onnx"],
        ["model.onnx", "weights.data", "labels.txt"],
        ["inference.pdmodel", "inference.pdiparams"],
        ["saved_model.pb", "variables/variables.index"],
        ["frozen.pb"],
        ["model.tflite"],
    ],
)
def test_whole_models_lack_nothing(paths: list[str]) -> None:
    assert partner_missing(paths) is None


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        (["model.xml"], "waiting for model.bin, named by model.xml"),
        (["a.xml", "b.bin"], "waiting for a.bin, named by a.xml"),
        (["model.bin"], "waiting for the .xml file that belongs to model.bin"),
        (["m.pdmodel"], "waiting for m.pdiparams, named by m.pdmodel"),
        (["m.pdiparams"], "waiting for the .pdmodel file that belongs to m.pdiparams"),
        (["saved_model.pb"], "waiting for variables/variables.index, which saved_model.pb needs"),
        (["1/model.onnx"], "lies too deep"),
        (["README.txt"], "waiting for a model file"),
        ([], "waiting for a model file"),
    ],
)
def test_what_is_lacking_is_named(paths: list[str], sentence: str) -> None:
    assert sentence in str(partner_missing(paths))


def test_a_fresh_upload_waits_until_it_has_been_quiet() -> None:
    gate = check_upload(upload("1"), quiet_for=4.0, settle=10.0)
    assert isinstance(gate, Waiting)
    assert gate.settles_in == 6.0
    assert "10 s" in gate.reason
    assert check_upload(upload("1"), quiet_for=10.0, settle=10.0) == Complete()


def test_checksums_make_an_upload_complete_at_once() -> None:
    half = upload("1", paths=("model.xml",), sums="s")
    assert check_upload(half, quiet_for=0.0, settle=10.0) == Complete()


def test_a_missing_partner_is_told_however_quiet_it_is() -> None:
    gate = check_upload(upload("1", paths=("model.xml",)), quiet_for=999.0, settle=10.0)
    assert isinstance(gate, Waiting)
    assert gate.settles_in is None


def test_files_that_checksums_name_and_the_bucket_lacks_are_counted() -> None:
    version = upload("1", paths=("a",), sums="s")
    assert named_files_missing(version, {"a": ""}) is None
    assert named_files_missing(version, {"a": "", "b": ""}) == "waiting for b, named by SHA256SUMS"
    assert "b and 1 more" in str(named_files_missing(version, {"c": "", "b": ""}))
