"""What a file is that was uploaded in place of a model, by its suffix or its first bytes. Pure."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from model_sync.bucket.keys import quoted

HEAD_BYTES = 512
"""As many of a file's first bytes tell its kind."""


class Kind(NamedTuple):
    """What a file is, and what to do with it."""

    what: str
    advice: str


_TO_ONNX = "export it to ONNX and upload the .onnx file"
_LFS = Kind("a Git LFS pointer, not the file itself", "run `git lfs pull` and upload the file again")
_PAGE = Kind("a web page", "download the file itself, not the page about it or of an error, and upload it")
_ERROR = Kind("an error answer of a store in XML", "download the file again and upload it")
_GZIP = Kind("packed with gzip", "unpack it with gunzip (tar xf for .tar.gz) and upload what is in it")
_ZIP = Kind("a ZIP archive", "unpack it and upload what is in it")
_ARCHIVE = Kind("an archive", "unpack it and upload what is in it")
_TORCH = Kind("a PyTorch file", f"{_TO_ONNX} (torch.onnx.export), or try `car-models import`")
_KERAS = Kind("a Keras or HDF5 file", f"save it as a SavedModel (model.export), or {_TO_ONNX}")
_WEIGHTS = Kind("a file of weights without the model", _TO_ONNX)
_PICKLE = Kind("a Python pickle", _TO_ONNX)
_OTHER_RUNTIME = Kind("a model for another runtime", _TO_ONNX)
_TEXT = Kind("text", "upload the model file itself")
_OTHER_XML = Kind(
    "XML, but no OpenVINO model", "upload the .xml file that the conversion wrote, or remove it if it is none"
)
_MESSAGE_KIND = Kind("a message in words, no model", "download the file itself and upload it")
_UTF16 = Kind("UTF-16 text, or no text", "save it as UTF-8 text and upload it again")
_EMPTY = Kind("empty", "upload it again")
_PART = Kind("the part of a transfer that did not end", "upload the whole file")

_BY_SUFFIX: Mapping[str, Kind] = {
    **dict.fromkeys((".gz", ".tgz"), _GZIP),
    **dict.fromkeys((".tar", ".7z", ".rar", ".xz", ".bz2", ".zst", ".lz4"), _ARCHIVE),
    ".zip": _ZIP,
    **dict.fromkeys((".pt", ".pth", ".torchscript", ".mar"), _TORCH),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), _KERAS),
    **dict.fromkeys((".safetensors", ".ckpt", ".npz", ".npy", ".pdparams", ".caffemodel"), _WEIGHTS),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), _PICKLE),
    **dict.fromkeys((".engine", ".trt", ".plan", ".mlmodel", ".ort", ".gguf", ".blob"), _OTHER_RUNTIME),
    **dict.fromkeys((".part", ".partial", ".crdownload", ".filepart", ".tmp", ".aria2", ".download"), _PART),
}  # fmt: skip
_LFS_POINTER = re.compile(rb"version https://(git-lfs|hawser)\b")
_PATTERNS = {
    _LFS: _LFS_POINTER,
    _PAGE: re.compile(rb"(<[?!][^>]*>\s*)*<(html|head|body)\b|\s*<!doctype html"),
    _ERROR: re.compile(rb"(<\?[^>]*>\s*)?<error>"),
}
_XML_ROOT = re.compile(rb"(?:<\?.*?\?>|<!--.*?-->|<![^>]*>|\s)*<([a-z_][\w:.-]*)", re.DOTALL)
_IR_ROOT = b"net"
_MESSAGE = re.compile(rb"[{\[].*|.*\b(not found|error|denied|forbidden|unauthorized|expired)\b.*", re.DOTALL)
_BEGINNINGS: Mapping[Kind, tuple[bytes, ...]] = {
    _GZIP: (b"\x1f\x8b",),
    _ZIP: (b"PK\x03\x04", b"PK\x05\x06"),
    _KERAS: (b"\x89HDF\r\n",),
    _ARCHIVE: (b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\xfd7zXZ\x00", b"BZh", b"\x28\xb5\x2f\xfd"),
    _PICKLE: (b"\x80\x02", b"\x80\x03", b"\x80\x04\x95", b"\x80\x05\x95"),
    _OTHER_RUNTIME: (b"GGUF", b"ORTM"),
}
BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_TORCH_INSIDE = (b"data.pkl", b"/data/", b"constants.pkl", b"torch")
_PRINTABLE = range(32, 127)
_WEIGHTS_SUFFIXES = frozenset({".bin", ".pdiparams"})
"""Of files that may begin with any bytes."""
_OF_MODELS = _WEIGHTS_SUFFIXES | {".xml", ".onnx", ".pdmodel", ".pb", ".tflite"}


def kind_by_name(name: str) -> Kind | None:
    """What the suffix of `name` tells of a file that the server cannot read; None: nothing."""
    return _BY_SUFFIX.get(PurePosixPath(name).suffix.casefold())


def content_problem(name: str, size: int, head: bytes) -> str | None:
    """Why the file `name` of `size` bytes, which begins with `head`, is not what its name says.

    None when nothing speaks against it; the sentence names what it is and what to do.
    """
    kind = _kind_by_content(PurePosixPath(name).suffix, size, head)
    return None if kind is None else f"{quoted(name)} is {kind.what}; {kind.advice}"


def text_problem(name: str, content: bytes) -> str | None:
    """Why the file `name` with `content` is not the UTF-8 text that it should be; None when it may be."""
    head = content[:HEAD_BYTES]
    utf16 = _UTF16 if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head else None
    kind = _by_text(_as_text(head)) or _by_beginning(head) or utf16
    return None if kind is None else f"{quoted(name)} is {kind.what}; {kind.advice}"


def _kind_by_content(suffix: str, size: int, head: bytes) -> Kind | None:
    if suffix not in _OF_MODELS:  # a page or an archive may lie beside a model, a pointer helps nobody
        return _LFS if _LFS_POINTER.match(_as_text(head)) else None
    if size == 0:
        return _EMPTY
    text = _as_text(head)
    kind = _by_text(text)
    if kind is not None or suffix in _WEIGHTS_SUFFIXES:
        return kind
    kind = _by_beginning(head)
    if kind is not None:
        return _TORCH if kind is _ZIP and any(inside in head for inside in _TORCH_INSIDE) else kind
    if suffix == ".xml":
        root = _XML_ROOT.match(text)
        if root is not None:
            return None if root[1] == _IR_ROOT else _OTHER_XML
        return None if text.startswith(b"<") else _TEXT
    return _MESSAGE_KIND if _is_message(text) else None


def _by_beginning(head: bytes) -> Kind | None:
    return next((kind for kind, beginnings in _BEGINNINGS.items() if head.startswith(beginnings)), None)


def _by_text(text: bytes) -> Kind | None:
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.match(text)), None)


def _as_text(head: bytes) -> bytes:
    """`head` in small letters, without a byte order mark and leading blanks; as UTF-8."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            head = head[len(mark) :].decode(encoding, "ignore").encode()
    return head.lstrip().lower()


def _is_message(text: bytes) -> bool:
    """Whether it is JSON, or words of a failure, which no binary format of a model begins with."""
    printable = all(byte in b"\t\n\r" or byte in _PRINTABLE for byte in text)
    return printable and _MESSAGE.match(text) is not None
