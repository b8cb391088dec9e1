"""Writing checkpoints in torch's legacy format, good and evil ones, without torch."""

import io
import pickle
import struct
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from car_models.importing.checkpoints.reader import MAGIC, PROTOCOL
from numpy.typing import NDArray

MACHINE = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"int": 4}}


class FloatStorage:
    """Stands for torch.FloatStorage while a pickle is written."""


def rebuild_tensor(*_arguments: object) -> None:
    """Stands for torch._utils._rebuild_tensor_v2 while a pickle is written."""


class Tensor:
    """A tensor to be pickled the way torch does."""

    def __init__(
        self,
        key: str,
        count: int,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *,
        view: bool = True,
    ) -> None:
        identity = ("storage", FloatStorage, key, "cpu", count)
        self.storage: tuple[object, ...] = (*identity, None) if view else identity
        self.arguments: tuple[object, ...] = (offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild_tensor, (Persistent(self.storage), *self.arguments)


class Persistent:
    """Marks what torch pickles as a persistent id."""

    def __init__(self, identity: tuple[object, ...]) -> None:
        self.identity = identity


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        return obj.identity if isinstance(obj, Persistent) else None


@contextmanager
def _names_of_torch() -> Iterator[None]:
    """Let pickle find our stand-ins under torch's names."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for owner, name, stand_in in (
        (torch, "FloatStorage", FloatStorage),
        (utils, "_rebuild_tensor_v2", rebuild_tensor),
    ):
        setattr(owner, name, stand_in)
        stand_in.__module__, stand_in.__qualname__, stand_in.__name__ = owner.__name__, name, name
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        yield
    finally:
        del sys.modules["torch"], sys.modules["torch._utils"]


def pickled(value: object, *, protocol: int = 2) -> bytes:
    file = io.BytesIO()
    with _names_of_torch():
        _Pickler(file, protocol).dump(value)
    return file.getvalue()


def checkpoint(
    state: Mapping[str, object], storages: Mapping[str, Sequence[float] | NDArray[np.float32]]
) -> bytes:
    """A whole file: five pickles, then the storages in the order of their keys."""
    parts = [pickled(part) for part in (MAGIC, PROTOCOL, MACHINE, OrderedDict(state), sorted(storages))]
    for key in sorted(storages):
        content = np.asarray(storages[key], "<f4")
        parts.append(struct.pack("<q", content.size) + content.tobytes())
    return b"".join(parts)
