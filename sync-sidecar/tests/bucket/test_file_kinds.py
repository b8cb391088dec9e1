import gzip
import io
import zipfile

import pytest
from model_sync.bucket.file_kinds import HEAD_BYTES, content_problem, kind_by_name, text_problem

_LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 48605698\n"
_HTML = b"\n<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n"
_S3_ERROR = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'
_IR = b'<?xml version="1.0"?>\n<!-- made by ovc -->\n<net name="m" version="11"><layers>'


def _torch() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), b"x")  # with no date: it is in a test's name
    return file.getvalue()


def _problem(name: str, content: bytes) -> str | None:
    return content_problem(name, len(content), content[:HEAD_BYTES])


@pytest.mark.parametrize(
    ("name", "content", "what", "to_do"),
    [
        ("model.onnx", _LFS, "a Git LFS pointer", "git lfs pull"),
        ("model.bin", _LFS, "a Git LFS pointer", "git lfs pull"),
        ("model.xml", b"\xef\xbb\xbf" + _LFS, "a Git LFS pointer", "git lfs pull"),
        ("m.pdiparams", _LFS.replace(b"\n", b"\r\n"), "a Git LFS pointer", "git lfs pull"),
        ("model.onnx", _HTML, "a web page", "download the file itself"),
        ("model.bin", _HTML, "a web page", "download the file itself"),
        ("model.xml", b"<html lang='en'>", "a web page", "download the file itself"),
        ("model.xml", b"\xff\xfe" + "<!doctype HTML>".encode("utf-16-le"), "a web page", "download"),
        ("model.xml", _S3_ERROR, "an error answer of a store", "download the file again"),
        ("model.bin", _S3_ERROR, "an error answer of a store", "download the file again"),
        ("model.xml", b"<?xml version='1.0'?><annotation/>", "XML, but no OpenVINO model", "remove it"),
        ("model.xml", b"nonsense", "text", "upload the model file itself"),
        ("model.onnx", b"Entry not found", "a message in words", "download the file itself"),
        ("model.tflite", b'{"message": "x"}\n', "a message in words", "download the file itself"),
        ("model.onnx", b"404: Not Found", "a message in words", "download the file itself"),
        ("model.onnx", gzip.compress(b"x", mtime=0), "packed with gzip", "gunzip"),
        ("saved_model.pb", b"PK\x03\x04" + b"\0" * 40, "a ZIP archive", "unpack it"),
        ("model.onnx", _torch(), "a PyTorch file", "export it to ONNX"),
        ("model.onnx", b"\x89HDF\r\n\x1a\n", "a Keras or HDF5 file", "SavedModel"),
        ("model.onnx", b"\x80\x02}q\x00", "a Python pickle", "export it to ONNX"),
        ("model.onnx", b"", "empty", "upload it again"),
        ("model.bin", b"", "empty", "upload it again"),
        ("labels.txt", _LFS, "a Git LFS pointer", "git lfs pull"),
    ],
)
def test_what_is_no_model_is_named_with_what_to_do(name: str, content: bytes, what: str, to_do: str) -> None:
    problem = _problem(name, content)
    assert problem is not None
    assert problem.startswith(f"'{name}' is {what}")
    assert to_do in problem


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.xml", _IR),
        ("model.xml", b"\xef\xbb\xbf" + _IR),
        ("model.onnx", b"\x08\x08\x12\x07pytorch"),
        ("model.tflite", b"\x1c\0\0\0TFL3"),
        ("saved_model.pb", b"\x08\x01\x12\x04"),
        ("model.bin", gzip.compress(b"weights may begin with anything", mtime=0)),
        ("model.bin", b"words and words"),
        ("m.pdiparams", b"\0\0\0\0"),
        ("notes.html", _HTML),
        ("source.zip", b"PK\x03\x04"),
        ("labels.txt", b"a car\n"),
        ("empty.txt", b""),
    ],
)
def test_nothing_speaks_against_what_models_begin_with(name: str, content: bytes) -> None:
    assert _problem(name, content) is None


def test_a_suffix_tells_the_kind_whatever_its_letters() -> None:
    assert kind_by_name("Model.PT") == kind_by_name("model.pt") is not None
    assert kind_by_name("model.onnx") is None


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("schema: 1\r\n".encode("utf-16"), "UTF-16 text"),
        ("a\nb\n".encode("utf-16-le"), "UTF-16 text"),
        (_HTML, "a web page"),
        (_S3_ERROR, "an error answer of a store"),
        (_LFS, "a Git LFS pointer"),
        (gzip.compress(b"schema: 1", mtime=0), "packed with gzip"),
    ],
)
def test_a_card_or_labels_file_that_is_something_else_is_named(content: bytes, what: str) -> None:
    assert str(text_problem("model.yaml", content)).startswith(f"'model.yaml' is {what}")


@pytest.mark.parametrize(
    "content", [b"", b"schema: 1\n", b"\xef\xbb\xbfschema: 1\r\n", "f\u00fcnf\n".encode()]
)
def test_utf8_text_is_text(content: bytes) -> None:
    assert text_problem("model.yaml", content) is None
