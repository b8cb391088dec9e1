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
_ENDS: Final = ("_conv_stem", "_bn0", "_conv_head", "_bn1", "_fc")
_LAYERS: Final = ("_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2")
"""Of a block, in order; those of the first stage do not expand."""
_SQUEEZE: Final = ("_se_reduce", "_se_expand")


def _renames(theirs: str, ours: tuple[str, ...]) -> Mapping[str, str]:
    return dict(zip(theirs.split(), ours, strict=True))


@dataclass(frozen=True)
class _Names:
    """What another program calls the layers outside of blocks, in those of the first stage, and in others."""

    ends: Mapping[str, str]
    first: Mapping[str, str]
    others: Mapping[str, str]
    block: re.Pattern[str]
    """A tensor in a block: its stage, its block there, its layer, and which of the layer's tensors it is."""
    first_stage: int


_NAMES: Final = {
    Family.TIMM: _Names(
        _renames("conv_stem bn1 conv_head bn2 classifier", _ENDS),
        _renames("conv_dw bn1 conv_pw bn2 se.conv_reduce se.conv_expand", _LAYERS[2:] + _SQUEEZE),
        _renames("conv_pw bn1 conv_dw bn2 conv_pwl bn3 se.conv_reduce se.conv_expand", _LAYERS + _SQUEEZE),
        re.compile(r"blocks\.(\d+)\.(\d+)\.(.+)\.([^.]*)"),
        first_stage=0,
    ),
    Family.TORCHVISION: _Names(
        _renames("features.0.0 features.0.1 features.8.0 features.8.1 classifier.1", _ENDS),
        _renames("0.0 0.1 2.0 2.1 1.fc1 1.fc2", _LAYERS[2:] + _SQUEEZE),
        _renames("0.0 0.1 1.0 1.1 3.0 3.1 2.fc1 2.fc2", _LAYERS + _SQUEEZE),
        re.compile(r"features\.([1-7])\.(\d+)\.block\.(.+)\.([^.]*)"),
        first_stage=1,
    ),
}


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
    names = _NAMES.get(family)
    if names is None:
        yield from tensors.items()
        return
    inside = {name: found for name in tensors if (found := names.block.fullmatch(name)) is not None}
    places = {name: (int(found[1]), int(found[2])) for name, found in inside.items()}
    number = {place: index for index, place in enumerate(sorted(set(places.values())))}
    for name, tensor in tensors.items():
        if (found := inside.get(name)) is None:
            layer, _, leaf = name.rpartition(".")
            yield (f"{names.ends[layer]}.{leaf}" if layer in names.ends else name), tensor
        else:
            layers = names.first if places[name][0] == names.first_stage else names.others
            yield f"_blocks.{number[places[name]]}.{layers.get(found[3], found[3])}.{found[4]}", tensor
