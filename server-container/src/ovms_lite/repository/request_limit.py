"""How many infer requests a model may have: each takes memory, and far more than cores are of no use."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ovms_lite.errors import LoadError
from ovms_lite.wire.tensors import TensorInfo

_PER_CORE = 64
_SHARE = 8
"""Tensors of one model's infer requests take this part of the memory at most."""
_BYTES_OF_VALUE = 4


@dataclass(frozen=True, slots=True)
class RequestLimit:
    """The machine's cores, and the memory that the process may use in bytes; None: no bound by memory."""

    cores: int = os.cpu_count() or 1
    memory: int | None = None

    def check(self, nireq: int, model: str, tensors: Sequence[TensorInfo] = ()) -> None:
        """Raises LoadError, naming the bound, for too many; free dimensions count with their least size."""
        most = _PER_CORE * self.cores
        if nireq > most:
            raise LoadError(f"nireq {nireq} of {model} is above {most}, {_PER_CORE} for each core; lower it")
        each = sum(_BYTES_OF_VALUE * prod(max(one.low, 1) for one in tensor.shape) for tensor in tensors)
        if self.memory is not None and nireq * each > self.memory // _SHARE:
            raise LoadError(
                f"nireq {nireq} of {model} takes {nireq * each} bytes in tensors, more than an eighth of "
                f"the memory, {self.memory // _SHARE}; lower it"
            )
