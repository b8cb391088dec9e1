"""Checkpoints of torch since 1.6: a zip archive, `<root>/data.pkl` and `<root>/data/<key>` a storage."""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import numpy as np
from edge_common.errors import RejectedError
from numpy.typing import NDArray

from car_models.importing.checkpoints.state_dict import Storage, Tensors, unpickled

_SIGNATURE: Final = b"PK\x03\x04"
_PICKLE: Final = "data.pkl"
_MAX_PICKLE = 32 * 1024 * 1024
"""Bytes of the pickle alone, which describes tensors; real ones have some 100 kB."""
ZIP_FAILURES = (zipfile.BadZipFile, NotImplementedError, RuntimeError, struct.error, zlib.error)
"""What `zipfile` raises for damaged, encrypted and exotic archives."""


def is_zip(file: BinaryIO) -> bool:
    """Whether `file` begins as a zip archive; leaves it at its beginning."""
    begin = file.read(len(_SIGNATURE))
    file.seek(0)
    return begin == _SIGNATURE


def read_zipped(file: BinaryIO) -> Tensors:
    """The tensors of the state dict; raises RejectedError, `UNPICKLING_FAILURES` or `ZIP_FAILURES`."""
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
            key: _storage(archive, members.get(f"{root}data/{key}"), storage)
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


def _storage(archive: zipfile.ZipFile, member: zipfile.ZipInfo | None, storage: Storage) -> NDArray[Any]:
    if member is None or member.file_size != storage.size or storage.count <= 0:
        raise pickle.UnpicklingError(f"storage {storage.key} is missing or has another size than announced")
    return np.frombuffer(_content(archive, member, limit=storage.size), storage.dtype)


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, limit: int) -> bytes:
    """The member's bytes; torch never compresses, so that a small file cannot become a large one here."""
    if member.compress_type != zipfile.ZIP_STORED or member.file_size > limit:
        raise pickle.UnpicklingError(f"{member.filename} is compressed or too large")
    return archive.read(member)
