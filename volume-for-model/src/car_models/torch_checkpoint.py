"""Reading torch's legacy checkpoint files, those before torch 1.6, without torch and without trust.

Such a file is five pickles in a row (magic number, protocol, machine facts, the state dict, the storage keys)
followed by the raw storages. A pickle is a program that can name any function of the machine and have it
called. So each one is first screened without running it: only the opcodes that torch writes pass. Then the
unpickler resolves the four names that a state dict of tensors needs, to inert records of its own, and refuses
all others. The layout was read from `torch.serialization._legacy_save` and from the files themselves.
"""

import pickle
import pickletools
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from edge_common.errors import FatalError, RejectedError
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_BYTES = 512 * 1024 * 1024
"""A larger file is refused unread; EfficientNet-Lite4, the largest of its family, has 52 MB."""

_OPCODE_NAMES = """
    PROTO STOP MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG1 BINUNICODE SHORT_BINSTRING
    EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS
    GLOBAL REDUCE BUILD BINPERSID BINPUT LONG_BINPUT BINGET LONG_BINGET
"""
_OPCODES = frozenset(_OPCODE_NAMES.split())
"""What torch's protocol 2 pickles consist of; without the other ways to look up names or make objects."""
_MAX_MEMO = 1_000_000
"""The unpickler sets aside memory up to the highest index at once; real files stay below 10,000."""
_STORAGE_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
_UNPICKLING_FAILURES = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a damaged or hostile pickle makes `Unpickler.load` raise, by its documentation and by our tests."""

Tensors = Mapping[str, NDArray[Any]]
"""Name of a tensor in the state dict -> its values, C-contiguous."""


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class _StridedTensor:
    """A tensor as the pickle describes it: a window into a storage; offset and strides count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def values(self, elements: NDArray[Any]) -> NDArray[Any]:
        """The tensor read from its storage's `elements`; raises RejectedError when it would reach outside.

        The strides are no formality: the published weights are transposed views of TensorFlow's layout.
        """
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        numbers = (self.offset, *self.shape, *self.strides)
        if min(numbers) < 0 or last >= len(elements) or not 0 < prod(self.shape) <= len(elements):
            raise RejectedError(
                f"a tensor of shape {self.shape} and strides {self.strides} at {self.offset} does not fit "
                f"its storage of {len(elements)} elements; the checkpoint is damaged, get it again"
            )
        window = np.lib.stride_tricks.as_strided(
            elements[self.offset :], self.shape, [step * elements.itemsize for step in self.strides]
        )
        return np.array(window, order="C")


def _rebuild_tensor(
    storage: object, offset: object, shape: object, strides: object, *_gradient_facts: object
) -> _StridedTensor:
    if not (
        isinstance(storage, _Storage)
        and isinstance(offset, int)
        and isinstance(shape, tuple)
        and isinstance(strides, tuple)
        and len(shape) == len(strides)
        and all(isinstance(n, int) for n in (*shape, *strides))
    ):
        raise pickle.UnpicklingError("a tensor is not described by a storage, an offset, a shape and strides")
    return _StridedTensor(storage, offset, shape, strides)


class _StateDictUnpickler(pickle.Unpickler):
    """Resolves what a state dict needs; everything else is refused before anything is called."""

    def find_class(self, module: str, name: str) -> Any:
        """Resolve one of the four permitted names; raises RejectedError for any other."""
        match module, name:
            case "collections", "OrderedDict":
                return OrderedDict
            case "torch._utils", "_rebuild_tensor_v2":
                return _rebuild_tensor
            case "torch", ("FloatStorage" | "LongStorage"):
                return name
        raise RejectedError(
            f"the checkpoint asks for {module}.{name}, which no state dict of tensors needs; it was not run. "
            "Do not use this file"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        """Turn torch's ("storage", type, key, device, count, view) into a record."""
        match pid:
            case ("storage", str(kind), str(key), str(), int(count), None) if kind in _STORAGE_DTYPES:
                return _Storage(key, _STORAGE_DTYPES[kind], count)
        raise pickle.UnpicklingError("a persistent id is not that of a torch storage")


def read_checkpoint(path: Path) -> Tensors:
    """The tensors of the state dict in `path`.

    Raises RejectedError when the file is no legacy checkpoint of a plain state dict, names anything beyond
    tensors, or is damaged; FatalError when it cannot be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RejectedError(
                f"{path.name} is larger than {MAX_BYTES} bytes; it is not one of the known weights"
            )
        with path.open("rb") as file:
            return _read(file)
    except OSError as error:
        raise FatalError(
            f"cannot read the weights in {path}: {error.strerror}; install them again"
        ) from error
    except _UNPICKLING_FAILURES as error:
        raise RejectedError(
            f"{path.name} is not a checkpoint in torch's legacy format ({error}); get it again"
        ) from error


def _read(file: BinaryIO) -> Tensors:
    magic, protocol, _machine = (_unpickled(file) for _ in range(3))
    if magic != MAGIC or protocol != PROTOCOL:
        raise pickle.UnpicklingError("it begins with another magic number or protocol")
    state = _unpickled(file)
    keys = _unpickled(file)
    if not isinstance(state, dict) or not all(isinstance(entry, _StridedTensor) for entry in state.values()):
        raise pickle.UnpicklingError("it holds something else than a flat dict of tensors")
    described = {tensor.storage.key: tensor.storage for tensor in state.values()}
    if not isinstance(keys, list) or sorted(keys) != sorted(described):
        raise pickle.UnpicklingError("its list of storages does not match its tensors")
    elements = {key: _read_storage(file, described[key]) for key in keys}
    return {str(name): tensor.values(elements[tensor.storage.key]) for name, tensor in state.items()}


def _unpickled(file: BinaryIO) -> Any:
    start = file.tell()
    for opcode, argument, _position in pickletools.genops(file):
        if opcode.name not in _OPCODES:
            raise RejectedError(
                f"the checkpoint uses the pickle opcode {opcode.name}, which torch does not write; "
                "it was not run. Do not use this file"
            )
        if opcode.name == "LONG_BINPUT" and int(argument or 0) > _MAX_MEMO:
            raise pickle.UnpicklingError(f"memo index {argument} is absurd")
    file.seek(start)
    return _StateDictUnpickler(file).load()


def _read_storage(file: BinaryIO, storage: _Storage) -> NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8).ljust(8, b"\xff"))
    content = (
        file.read(storage.count * np.dtype(storage.dtype).itemsize) if count == storage.count > 0 else b""
    )
    if count != storage.count or len(content) != count * np.dtype(storage.dtype).itemsize:
        raise pickle.UnpicklingError(f"storage {storage.key} is cut short or has another size than announced")
    return np.frombuffer(content, storage.dtype)
