"""Inputs and outputs of an OpenVINO network as plain facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_common.classifiers import FREE
from edge_common.openvino_runtime import ov

_DATATYPES: Final = {"f16": "FP16", "bf16": "BF16", "f32": "FP32", "f64": "FP64", "boolean": "BOOL"} | {
    f"{letter}{bits}": f"{word}{bits}"
    for letter, word in (("i", "INT"), ("u", "UINT"))
    for bits in (8, 16, 32, 64)
}
"""OpenVINO's name of an element type -> KServe's."""


@dataclass(frozen=True)
class Port:
    """An input or output as `edge_common.classifiers` takes it; without dimensions where the rank is open."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        """Name, type and shape."""
        sizes = ",".join("?" if size == FREE else str(size) for size in self.shape)
        return f"{self.name} {self.datatype} [{sizes}]"


def ports_of(ports: Sequence[ov.Output]) -> list[Port]:
    """Inputs or outputs of a network, in their order."""
    return [Port(_name(port), _datatype(port), _shape(port)) for port in ports]


def _datatype(port: ov.Output) -> str:
    name = str(port.element_type.get_type_name())
    return _DATATYPES.get(name, name.upper())


def _shape(port: ov.Output) -> tuple[int, ...]:
    if port.partial_shape.rank.is_dynamic:
        return ()
    return tuple(FREE if size.is_dynamic else size.get_length() for size in port.partial_shape)


def _name(port: ov.Output) -> str:
    names = port.get_names()
    return min(names) if names else str(port.get_node().get_friendly_name())
