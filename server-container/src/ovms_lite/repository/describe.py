"""What a model says of itself: tensors, their likely shapes, and the facts under rt_info."""

from collections.abc import Mapping, Sequence
from typing import Any

from edge_common.openvino_runtime import ov

from ovms_lite.errors import LoadError
from ovms_lite.repository.settings import DEFAULT_LAYOUT
from ovms_lite.wire.tensors import BY_OPENVINO_NAME, Dimension, TensorInfo


def port_names(ports: list[ov.Output]) -> tuple[str, ...]:
    """Names of ports; a port without one is called out_<index>, as OVMS does."""
    return tuple(
        min(port.get_names()) if port.get_names() else f"out_{index}" for index, port in enumerate(ports)
    )


def tensor_infos(
    ports: list[ov.Output], aliases: Mapping[str, str], layouts: Mapping[str, str]
) -> tuple[TensorInfo, ...]:
    """Inputs or outputs as clients see them; raises LoadError for what cannot be sent to them."""
    infos = []
    for name, port in zip(port_names(ports), ports, strict=True):
        type_name = port.element_type.get_type_name()
        if type_name not in BY_OPENVINO_NAME:
            raise LoadError(
                f"the tensor {name} has the element type {type_name}, which cannot be sent by REST"
            )
        if port.partial_shape.rank.is_dynamic:
            raise LoadError(
                f"the tensor {name} has no fixed number of dimensions; set `shape` in config.json"
            )
        shape = tuple(
            Dimension(d.get_min_length(), d.get_max_length() if d.get_max_length() >= 0 else None)
            for d in port.partial_shape
        )
        alias = aliases.get(name, name)
        infos.append(TensorInfo(alias, BY_OPENVINO_NAME[type_name], shape, layouts.get(name, DEFAULT_LAYOUT)))
    return tuple(infos)


def model_info(model: ov.Model) -> Mapping[str, object]:
    """The facts a model carries under rt_info/model_info; every leaf as text, as OVMS shows them."""
    info = model.get_rt_info()
    return _as_texts(info["model_info"]) if "model_info" in info else {}


def _as_texts(branch: Mapping[str, Any]) -> dict[str, object]:
    return {
        key: _as_texts(value) if isinstance(value, dict) else value.astype(str)
        for key, value in branch.items()
    }


def likely_shapes(
    ports: Sequence[ov.Output], own_shapes: Sequence[ov.PartialShape]
) -> tuple[tuple[int, ...], ...]:
    """For each input a shape that it can most likely run: `own_shapes`, the model's, where it is free now."""
    return tuple(
        tuple(_likely_size(now, own) for now, own in zip(port.partial_shape, shape, strict=True))
        for port, shape in zip(ports, own_shapes, strict=True)
    )


def _likely_size(now: ov.Dimension, own: ov.Dimension) -> int:
    if now.is_dynamic and own.is_static:
        return int(own.get_length())
    return max(1, int(now.get_min_length())) if now.is_dynamic else int(now.get_length())
