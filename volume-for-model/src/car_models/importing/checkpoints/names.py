"""What other programs call the tensors of an EfficientNet, brought to the names of efficientnet_pytorch.

efficientnet_pytorch   _blocks.3._expand_conv.weight     the names that `efficientnet` takes
timm                   blocks.2.0.conv_pw.weight
torchvision            features.3.0.block.0.0.weight
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from edge_common.errors import RejectedError
from numpy.typing import NDArray

from car_models.importing.checkpoints.architectures import Family
from car_models.importing.checkpoints.state_dict import Tensors


@dataclass(frozen=True)
class NamedWeights:
    """Tensors under the names that `efficientnet` takes, in float32, and where their names were from."""

    tensors: Tensors
    family: Family
    guessed: bool
    """Whether another family has the same names, so that only a person can know."""


_WRAPPERS: Final = ("module.", "model.", "_orig_mod.", "net.", "backbone.")
"""What DataParallel, Lightning, torch.compile and people put before every name."""
_TELLING: Final = {
    "_conv_stem.weight": Family.EFFICIENTNET_PYTORCH,
    "conv_stem.weight": Family.TIMM,
    "features.0.0.weight": Family.TORCHVISION,
}
_TIMM_ENDS: Final = {
    "conv_stem": "_conv_stem",
    "bn1": "_bn0",
    "conv_head": "_conv_head",
    "bn2": "_bn1",
    "classifier": "_fc",
}
_TIMM_FIRST_STAGE: Final = {
    "conv_dw": "_depthwise_conv",
    "bn1": "_bn1",
    "conv_pw": "_project_conv",
    "bn2": "_bn2",
}
_TIMM_STAGES: Final = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
_TIMM_SQUEEZE: Final = {"se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand"}
_TORCHVISION_ENDS: Final = {
    "features.0.0": "_conv_stem",
    "features.0.1": "_bn0",
    "features.8.0": "_conv_head",
    "features.8.1": "_bn1",
    "classifier.1": "_fc",
}
_TORCHVISION_FIRST_STAGE: Final = {
    "0.0": "_depthwise_conv",
    "0.1": "_bn1",
    "1.fc1": "_se_reduce",
    "1.fc2": "_se_expand",
    "2.0": "_project_conv",
    "2.1": "_bn2",
}
_TORCHVISION_STAGES: Final = {
    "0.0": "_expand_conv",
    "0.1": "_bn0",
    "1.0": "_depthwise_conv",
    "1.1": "_bn1",
    "2.fc1": "_se_reduce",
    "2.fc2": "_se_expand",
    "3.0": "_project_conv",
    "3.1": "_bn2",
}
_IN_TIMM_STAGE: Final = re.compile(r"blocks\.(\d+)\.(\d+)\.(.+)")
_IN_TORCHVISION_STAGE: Final = re.compile(r"features\.([1-7])\.(\d+)\.block\.(.+)")
Position = tuple[int, int]
"""Stage and block in it, both from 0."""


def named_weights(tensors: Mapping[str, NDArray[Any]], family: Family | None = None) -> NamedWeights:
    """`tensors` under one set of names; `family` says whose they are where the names do not.

    Raises RejectedError when they are no EfficientNet's, or not those of `family`.
    """
    bare = _without_wrapper(tensors)
    found = next((kind for name, kind in _TELLING.items() if name in bare), None)
    if found is None:
        some = ", ".join(list(tensors)[:3])
        raise RejectedError(
            f"these tensors are not named as an EfficientNet's ({some} …); weights of B0 to B3 and Lite0 "
            "to Lite2 by efficientnet_pytorch, timm and torchvision can be read. Export others to ONNX"
        )
    fitting = (Family.TIMM, Family.TIMM_TF) if found is Family.TIMM else (found,)
    if family is not None and family not in fitting:
        raise RejectedError(f"these tensors are named as {found} names them, not as {family} does")
    renamed = {name: _as_float32(tensor) for name, tensor in _renamed(bare, found)}
    return NamedWeights(renamed, family or found, guessed=family is None and len(fitting) > 1)


def _without_wrapper(tensors: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    for wrapper in _WRAPPERS:
        if tensors and all(name.startswith(wrapper) for name in tensors):
            return _without_wrapper({name.removeprefix(wrapper): tensor for name, tensor in tensors.items()})
    return tensors


def _as_float32(tensor: NDArray[Any]) -> NDArray[Any]:
    return tensor if tensor.dtype.kind in "iub" else tensor.astype(np.float32)


def _renamed(tensors: Mapping[str, NDArray[Any]], family: Family) -> Iterator[tuple[str, NDArray[Any]]]:
    if family is Family.EFFICIENTNET_PYTORCH:
        yield from tensors.items()
        return
    timm = family is Family.TIMM
    ends = _TIMM_ENDS if timm else _TORCHVISION_ENDS
    parts = {name: _place(name, timm=timm) for name in tensors}
    positions = sorted({position for position, _inner, _leaf in parts.values() if position is not None})
    number = {position: index for index, position in enumerate(positions)}
    for name, tensor in tensors.items():
        position, inner, leaf = parts[name]
        if position is None:
            new = ends.get(inner)
            yield (f"{new}.{leaf}" if new else name), tensor
        else:
            new = _in_block(position[0], timm=timm).get(inner)
            yield (f"_blocks.{number[position]}.{new or inner}.{leaf}"), tensor


def _place(name: str, *, timm: bool) -> tuple[Position | None, str, str]:
    """Where a tensor belongs: its block, the layer there, and which of the layer's tensors it is."""
    layer, _, leaf = name.rpartition(".")
    found = (_IN_TIMM_STAGE if timm else _IN_TORCHVISION_STAGE).fullmatch(layer)
    if found is None:
        return None, layer, leaf
    first = 0 if timm else 1
    return (int(found[1]) - first, int(found[2])), found[3], leaf


def _in_block(stage: int, *, timm: bool) -> Mapping[str, str]:
    if timm:
        return (_TIMM_STAGES if stage else _TIMM_FIRST_STAGE) | _TIMM_SQUEEZE
    return _TORCHVISION_STAGES if stage else _TORCHVISION_FIRST_STAGE
