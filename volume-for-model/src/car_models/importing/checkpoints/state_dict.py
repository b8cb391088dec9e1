"""The pickled state dict in a checkpoint: screened, then read by an unpickler that knows tensors only.

Only the opcodes that torch writes pass the screen. Then the unpickler resolves the names that tensors need,
to inert records of its own, and refuses all others. Format read from `torch.serialization` and from files.
"""

import pickle
import pickletools
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO, Final

import ml_dtypes
import numpy as np
from edge_common.errors import RejectedError
from numpy.typing import NDArray

_OPCODE_NAMES = """
    PROTO STOP MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINSTRING
    EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS
    GLOBAL REDUCE BUILD BINPERSID BINPUT LONG_BINPUT BINGET LONG_BINGET
"""
_OPCODES = frozenset(_OPCODE_NAMES.split())
"""What torch's protocol 2 pickles consist of; without the other ways to look up names or make objects."""
_MAX_MEMO = 1_000_000
"""The unpickler sets aside memory up to the highest index at once; real files stay below 10,000."""
_STORAGE_DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
_HOLDERS: Final = ("state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema")
"""Where training programs keep the weights beside their own notes, in the order they are looked for."""
_PACKAGES_OF_MODULES: Final = ("torch.nn.", "torchvision.", "timm.", "efficientnet_pytorch.", "__main__.")
UNPICKLING_FAILURES = (
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
class Storage:
    """A run of `count` elements in the file, which tensors are windows into."""

    key: str
    dtype: np.dtype[Any]
    count: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class StridedTensor:
    """A tensor as the pickle describes it: a window into a storage; offset and strides count elements."""

    storage: Storage
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


@dataclass(frozen=True)
class Pickled:
    """What one pickle holds, and the storages that its tensors are windows into, by key."""

    value: Any
    storages: Mapping[str, Storage]

    def state_dict(self) -> Mapping[str, StridedTensor]:
        """The weights: the value itself, or the entry that a training program keeps them in.

        Raises UnpicklingError when neither is a flat dict of tensors.
        """
        value = self.value
        if isinstance(value, dict) and not _is_state_dict(value):
            value = next((value[name] for name in _HOLDERS if _is_state_dict(value.get(name))), None)
        if not _is_state_dict(value):
            raise pickle.UnpicklingError("it holds something else than a flat dict of tensors")
        return {str(name): tensor for name, tensor in value.items()}


def _is_state_dict(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(entry, StridedTensor) for entry in value.values())


def _rebuild_tensor(
    storage: object, offset: object, shape: object, strides: object, *_gradient_facts: object
) -> StridedTensor:
    if not (
        isinstance(storage, Storage)
        and isinstance(offset, int)
        and isinstance(shape, tuple)
        and isinstance(strides, tuple)
        and len(shape) == len(strides)
        and all(isinstance(n, int) for n in (*shape, *strides))
    ):
        raise pickle.UnpicklingError("a tensor is not described by a storage, an offset, a shape and strides")
    return StridedTensor(storage, offset, shape, strides)


def _rebuild_parameter(tensor: object, *_gradient_facts: object) -> StridedTensor:
    if not isinstance(tensor, StridedTensor):
        raise pickle.UnpicklingError("a parameter is not made from a tensor")
    return tensor


def _resolved(module: str, name: str) -> Any:
    match module, name:
        case "collections", "OrderedDict":
            return OrderedDict
        case "torch._utils", "_rebuild_tensor_v2":
            return _rebuild_tensor
        case "torch._utils", "_rebuild_parameter":
            return _rebuild_parameter
        case "torch", str() if name in _STORAGE_DTYPES:
            return name
    if f"{module}.".startswith(_PACKAGES_OF_MODULES):
        raise RejectedError(
            f"the checkpoint asks for {module}.{name}: it is a whole pickled module, which only running it "
            "could rebuild; it was not run. Save the weights alone: torch.save(model.state_dict(), FILE), "
            "or export the module to ONNX"
        )
    raise RejectedError(
        f"the checkpoint asks for {module}.{name}, which no state dict of tensors needs; it was not run. "
        "Do not use this file"
    )


class _StateDictUnpickler(pickle.Unpickler):
    """Resolves what a state dict needs; everything else is refused before anything is called."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Resolve one of the permitted names; raises RejectedError for any other."""
        return _resolved(module, name)

    def persistent_load(self, pid: Any) -> Storage:
        """Turn torch's ("storage", type, key, device, count[, view]) into a record."""
        match pid:
            case ("storage", str(kind), str(key), str(), int(count), *rest) if rest in ([], [None]):
                storage = Storage(key, _STORAGE_DTYPES[kind], count)
                if self.storages.setdefault(key, storage) == storage:
                    return storage
        raise pickle.UnpicklingError("a persistent id is not that of a torch storage")


def unpickled(file: BinaryIO) -> Pickled:
    """The next pickle in `file`, read to its end.

    Raises RejectedError when it uses opcodes or names that no state dict needs, and one of
    `UNPICKLING_FAILURES` when it is damaged.
    """
    start = file.tell()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # odd escapes in what is refused anyway
        _screen(file)
    file.seek(start)
    unpickler = _StateDictUnpickler(file)
    return Pickled(unpickler.load(), unpickler.storages)


def _screen(file: BinaryIO) -> None:
    for opcode, argument, _position in pickletools.genops(file):
        if opcode.name == "GLOBAL":
            _resolved(*str(argument).split(" ", 1))
        if opcode.name not in _OPCODES:
            raise RejectedError(
                f"the checkpoint uses the pickle opcode {opcode.name}, which torch does not write; "
                "it was not run. Do not use this file"
            )
        if opcode.name == "LONG_BINPUT" and int(argument or 0) > _MAX_MEMO:
            raise pickle.UnpicklingError(f"memo index {argument} is absurd")
