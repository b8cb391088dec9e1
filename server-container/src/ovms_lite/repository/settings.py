"""The settings `layout`, `shape`, `batch_size` and `nireq` of a model, understood and bounded."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from ovms_lite.errors import ConfigError, LoadError
from ovms_lite.wire.tensors import Dimension, TensorInfo

DEFAULT_LAYOUT = "N..."
_LAYOUT = re.compile(r"[A-Z?]*(\.\.\.)?[A-Z?]*")
_LETTERS = frozenset("NCHWD?.")
_DIMENSION = re.compile(r"(-?\d+)(?::(\d+))?")
_PER_CORE = 64
_SHARE = 8
"""Tensors of one model's infer requests take this part of the memory at most."""
_BYTES_OF_VALUE = 4


@dataclass(frozen=True, slots=True)
class LayoutChange:
    """Clients send `tensor`; the model's file has `model`; they differ after `target:source`."""

    tensor: str
    model: str


def _wrong(what: str) -> ConfigError:
    return ConfigError(what, reload_status=500)


def parse_layout(text: str) -> LayoutChange:
    """Understand `NHWC` or `NHWC:NCHW` (what clients send, then what the file has)."""
    parts = text.strip().upper().split(":")
    if len(parts) not in (1, 2) or not all(_is_layout(part) for part in parts):
        raise _wrong(f"layout {text!r} is not understood; write it like NHWC or NHWC:NCHW")
    return LayoutChange(parts[0], parts[-1])


def _is_layout(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return (
        bool(text)
        and set(text) <= _LETTERS
        and len(letters) == len(set(letters))
        and bool(_LAYOUT.fullmatch(text))
    )


def batch_position(layout: str) -> int | None:
    """Index of the batch dimension, 0 in `N...`; None when the layout has none or does not say where."""
    before = layout.split("...", maxsplit=1)[0]
    return before.index("N") if "N" in before else None


def parse_dimension(text: str) -> Dimension:
    """Understand `3`, `-1` (any size) or `1:8` (a range)."""
    match = _DIMENSION.fullmatch(text.strip())
    if match is None or int(match[1]) < -1:
        raise _wrong(f"{text!r} is no dimension; write 3, -1 or 1:8")
    low = int(match[1])
    if match[2] is None:
        return Dimension(0, None) if low == -1 else Dimension(low, low)
    if not 0 <= low <= int(match[2]):
        raise _wrong(f"the range {text!r} is empty; write the smaller size first")
    return Dimension(low, int(match[2]))


def parse_shape(text: str) -> tuple[Dimension, ...] | None:
    """Understand `(1,3,224,224)`; None for `auto`, which stands for any shape of the model's rank."""
    stripped = text.strip()
    if stripped == "auto":
        return None
    inner = stripped.removeprefix("(").removesuffix(")")
    if len(stripped) - len(inner) not in (0, 2):
        raise _wrong(f"shape {text!r} is not understood; write it like (1,3,224,224)")
    return tuple(parse_dimension(part) for part in inner.split(",")) if inner.strip() else ()


def parse_batch_size(value: int | str) -> Dimension | None:
    """Understand `8`, `"1:8"` or `"auto"`; None for 0, which leaves the model's own batch size."""
    text = str(value).strip()
    if text == "auto":
        return Dimension(0, None)
    return None if text == "0" else parse_dimension(text)


def per_input(setting: str | Mapping[str, str], names: tuple[str, ...], what: str) -> dict[str, str]:
    """The setting of each input by name; a plain text belongs to the only input.

    Raises ConfigError for a plain text on a model with several inputs, and for a name that is no tensor.
    """
    if isinstance(setting, str):
        if len(names) != 1:
            raise _wrong(
                f"{what} {setting!r} names no input but the model has {', '.join(names)}; "
                f'write {{"{names[0]}": …}}'
            )
        return {names[0]: setting}
    unknown = sorted(set(setting) - set(names))
    if unknown:
        raise _wrong(
            f"{what} names {unknown[0]!r}, which is no tensor of the model; it has {', '.join(names)}"
        )
    return dict(setting)


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
