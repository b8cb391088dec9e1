"""Inputs and outputs of an OpenVINO network as plain facts."""

from collections.abc import Sequence

from edge_common.classifiers import FREE, NamedTensor, datatype_of_openvino
from edge_common.openvino_runtime import ov


def ports_of(ports: Sequence[ov.Output]) -> list[NamedTensor]:
    """Inputs or outputs of a network, in their order."""
    return [
        NamedTensor(_name(port), datatype_of_openvino(port.element_type.get_type_name()), _shape(port))
        for port in ports
    ]


def _shape(port: ov.Output) -> tuple[int, ...]:
    if port.partial_shape.rank.is_dynamic:
        return ()
    return tuple(FREE if size.is_dynamic else size.get_length() for size in port.partial_shape)


def _name(port: ov.Output) -> str:
    names = port.get_names()
    return min(names) if names else str(port.get_node().get_friendly_name())
