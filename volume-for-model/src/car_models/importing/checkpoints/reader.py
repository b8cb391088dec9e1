"""A file of weights -> tensors by name: safetensors, and torch's two formats.

Since 1.6 torch writes a zip archive: `<root>/data.pkl`, and `<root>/data/<key>` for each storage. Before, it
wrote five pickles (two marks, machine, state dict, keys), then the raw storages.
"""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from edge_common.errors import FatalError, RejectedError
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from car_models.importing.checkpoints.state_dict import UNPICKLING_FAILURES, Storage, Tensors, unpickled

MAX_BYTES = 512 * 1024 * 1024
"""A larger file is refused unread; EfficientNet-B3 with the state of its optimizer has 150 MB."""
MAGIC: Final = 0x1950A86A20F9469CFC6C
PROTOCOL: Final = 1001
_SIGNATURE: Final = b"PK\x03\x04"
_PICKLE: Final = "data.pkl"
_MAX_PICKLE = 32 * 1024 * 1024
"""Bytes of the pickle alone, which describes tensors; real ones have some 100 kB."""
_ZIP_FAILURES = (zipfile.BadZipFile, NotImplementedError, RuntimeError, struct.error, zlib.error)
"""What `zipfile` raises for damaged, encrypted and exotic archives."""


def read_checkpoint(path: Path) -> Tensors:
    """The tensors in `path`, a `.safetensors` file or else a state dict in one of torch's formats.

    Raises RejectedError when the file is no checkpoint of tensors, names anything beyond tensors, or is
    damaged; FatalError when it cannot be read.
    """
    safetensors = path.suffix.lower() == ".safetensors"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RejectedError(
                f"{path} is larger than {MAX_BYTES} bytes; it is not one of the known weights"
            )
        # in memory, so that an OSError is never the content's fault
        content = b"" if safetensors else path.read_bytes()
    except OSError as error:
        raise FatalError(
            f"cannot read the weights in {path}: {error.strerror}; install them again"
        ) from error
    return _read_safetensors(path) if safetensors else _read_torch(path.name, content)


def _read_safetensors(path: Path) -> Tensors:
    try:
        tensors: Tensors = load_file(path)
    except SafetensorError as error:
        raise RejectedError(f"{path} is no safetensors file, or damaged ({error}); get it again") from error
    return tensors


def _read_torch(name: str, content: bytes) -> Tensors:
    zipped = content.startswith(_SIGNATURE)
    try:
        return (_read_zipped if zipped else _read_legacy)(io.BytesIO(content))
    except RejectedError as error:
        raise RejectedError(f"{name}: {error}") from error
    except UNPICKLING_FAILURES + _ZIP_FAILURES as error:
        kind = "zip" if zipped else "legacy"
        raise RejectedError(
            f"{name} is not a checkpoint in torch's {kind} format ({error}); get it again"
        ) from error


def _read_legacy(file: BinaryIO) -> Tensors:
    magic, protocol, _machine = (unpickled(file).value for _ in range(3))
    if magic != MAGIC or protocol != PROTOCOL:
        raise pickle.UnpicklingError("it begins with another magic number or protocol")
    content = unpickled(file)
    keys = unpickled(file).value
    state = content.state_dict()
    if not isinstance(keys, list) or sorted(keys) != sorted(content.storages):
        raise pickle.UnpicklingError("its list of storages does not match its tensors")
    elements = {key: _next_storage(file, content.storages[key]) for key in keys}
    return {name: tensor.values(elements[tensor.storage.key]) for name, tensor in state.items()}


def _next_storage(file: BinaryIO, storage: Storage) -> NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8).ljust(8, b"\xff"))
    content = file.read(storage.size) if count == storage.count > 0 else b""
    if count != storage.count or len(content) != storage.size:
        raise pickle.UnpicklingError(f"storage {storage.key} is cut short or has another size than announced")
    return np.frombuffer(content, storage.dtype)


def _read_zipped(file: BinaryIO) -> Tensors:
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        root = _root(members)
        byteorder = members.get(f"{root}byteorder")
        if byteorder is not None and _content(archive, byteorder, limit=16).strip() != b"little":
            raise pickle.UnpicklingError("it was written by a big-endian machine")
        content = unpickled(io.BytesIO(_content(archive, members[root + _PICKLE], limit=_MAX_PICKLE)))
        tensors = content.state_dict()
        storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        elements = {
            key: _storage_in(archive, members.get(f"{root}data/{key}"), storage)
            for key, storage in storages.items()
        }
    return {name: tensor.values(elements[tensor.storage.key]) for name, tensor in tensors.items()}


def _root(members: Mapping[str, zipfile.ZipInfo]) -> str:
    """The folder inside the archive, with its slash; raises RejectedError for a TorchScript program."""
    roots = [name.removesuffix(_PICKLE) for name in members if name.rpartition("/")[2] == _PICKLE]
    if len(roots) != 1:
        raise pickle.UnpicklingError(f"it holds {len(roots)} files named {_PICKLE}, not one")
    (root,) = roots
    if f"{root}constants.pkl" in members or any(name.startswith(f"{root}code/") for name in members):
        raise RejectedError(
            "it is a TorchScript program, not a file of weights; nothing of it was run. "
            "Save the weights alone: torch.save(model.state_dict(), FILE), or export the module to ONNX"
        )
    return root


def _storage_in(archive: zipfile.ZipFile, member: zipfile.ZipInfo | None, storage: Storage) -> NDArray[Any]:
    if member is None or member.file_size != storage.size or storage.count <= 0:
        raise pickle.UnpicklingError(f"storage {storage.key} is missing or has another size than announced")
    return np.frombuffer(_content(archive, member, limit=storage.size), storage.dtype)


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, limit: int) -> bytes:
    """The member's bytes; torch never compresses, so that a small file cannot become a large one here."""
    if member.compress_type != zipfile.ZIP_STORED or member.file_size > limit:
        raise pickle.UnpicklingError(f"{member.filename} is compressed or too large")
    return archive.read(member)
