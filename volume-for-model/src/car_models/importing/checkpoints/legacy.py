"""Checkpoints of torch before 1.6: five pickles (two marks, machine, state dict, keys), then raw storages."""

import pickle
import struct
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from car_models.importing.checkpoints.state_dict import Storage, Tensors, unpickled

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def read_legacy(file: BinaryIO) -> Tensors:
    """The tensors of the state dict; raises RejectedError or one of `UNPICKLING_FAILURES`."""
    magic, protocol, _machine = (unpickled(file).value for _ in range(3))
    if magic != MAGIC or protocol != PROTOCOL:
        raise pickle.UnpicklingError("it begins with another magic number or protocol")
    content = unpickled(file)
    keys = unpickled(file).value
    state = content.state_dict()
    if not isinstance(keys, list) or sorted(keys) != sorted(content.storages):
        raise pickle.UnpicklingError("its list of storages does not match its tensors")
    elements = {key: _read_storage(file, content.storages[key]) for key in keys}
    return {name: tensor.values(elements[tensor.storage.key]) for name, tensor in state.items()}


def _read_storage(file: BinaryIO, storage: Storage) -> NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8).ljust(8, b"\xff"))
    content = file.read(storage.size) if count == storage.count > 0 else b""
    if count != storage.count or len(content) != storage.size:
        raise pickle.UnpicklingError(f"storage {storage.key} is cut short or has another size than announced")
    return np.frombuffer(content, storage.dtype)
