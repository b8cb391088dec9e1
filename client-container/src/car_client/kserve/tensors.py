"""The protocol's tensor datatypes and the description of one tensor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

NUMPY_TYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""Datatype -> how its elements lie in a binary body (little-endian). BYTES and BF16 have no such type."""

BYTES: Final = "BYTES"
DYNAMIC: Final = -1


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, datatype and shape of an input or output; -1 stands for a dimension of any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        """`image UINT8 [1,260,260,3]`, with `?` for any size."""
        sizes = ",".join("?" if size == DYNAMIC else str(size) for size in self.shape)
        return f"{self.name} {self.datatype} [{sizes}]"
