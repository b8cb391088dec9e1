"""A card's `layout`, `shape` and `batch_size`, applied to a model as OVMS applies them. Runs in the child.

Layouts come first, then shapes, and `batch_size` only where no shape is given (OVMS 2026.2.1). `auto` stands
for any size.
"""

import re
from collections.abc import Mapping
from typing import Any

from edge_common.errors import RejectedError
from edge_common.openvino_runtime import ov, preprocessing

_AUTO = "auto"
_NO_SIZE = re.compile(r"(?<![\d.])(0+|-(?!1\b)\d+)(?![\d.])")


def as_served(model: Any, settings: Mapping[str, Any]) -> Any:
    """The model as the server would compile it; raises RejectedError that names the setting at fault."""
    if "layout" in settings:
        model = _with_layouts(model, settings["layout"])
    if "shape" in settings:
        wanted = _per_input(model, "shape", settings["shape"])
        shapes = {port: _shape(wanted[name], port) for name, port in _inputs(model).items() if name in wanted}
        return _reshaped(model, shapes, f"serving.shape {_told(settings['shape'])}")
    batch = settings.get("batch_size")
    if batch:  # 0 leaves the model's own
        size = -1 if batch == _AUTO else int(batch)
        shapes = {port: _with_batch(port, size) for port in model.inputs}
        return _reshaped(model, shapes, f"serving.batch_size {batch}")
    return model


def _with_layouts(model: Any, setting: str | Mapping[str, str]) -> Any:
    inputs = _inputs(model)
    processor = preprocessing.PrePostProcessor(model)
    for name, text in _per_input(model, "layout", setting, outputs=not isinstance(setting, str)).items():
        tensor, _, source = text.strip().upper().partition(":")
        port = processor.input(name) if name in inputs else processor.output(name)
        try:
            port.tensor().set_layout(ov.Layout(tensor))
            port.model().set_layout(ov.Layout(source or tensor))
        except (RuntimeError, ValueError) as error:
            raise RejectedError(
                f"serving.layout {text!r} is not understood; write it like NHWC or NHWC:NCHW"
            ) from error
    try:
        return processor.build()
    except RuntimeError as error:
        raise RejectedError(
            f"the model cannot be served with serving.layout {_told(setting)}: its inputs are "
            f"{_listed(model)}; correct or remove it"
        ) from error


def _reshaped(model: Any, shapes: Mapping[Any, Any], told: str) -> Any:
    before = _listed(model)
    try:
        model.reshape(dict(shapes))
    except (RuntimeError, ValueError) as error:
        raise RejectedError(
            f"the model cannot take {told}: its inputs are {before}; correct or remove it"
        ) from error
    return model


def _shape(text: str, port: Any) -> Any:
    inside = text.strip().removeprefix("(").removesuffix(")").replace(":", "..")
    if inside == _AUTO:
        return ov.PartialShape([-1] * len(port.partial_shape))
    # OpenVINO takes 0 for an empty dimension, and any negative number for one of any size
    sentence = f"serving.shape {text!r} is not understood; write it like (1,3,224,224), with -1 for any size"
    if _NO_SIZE.search(inside):
        raise RejectedError(sentence)
    try:
        return ov.PartialShape(f"[{inside}]")
    except (RuntimeError, ValueError) as error:
        raise RejectedError(sentence) from error


def _with_batch(port: Any, size: int) -> Any:
    shape = ov.PartialShape(port.partial_shape)
    layout = port.node.layout
    position = layout.get_index_by_name("N") if layout.has_name("N") else 0
    if not shape.rank.is_dynamic and len(shape) > position:
        shape[position] = ov.Dimension(size)
    return shape


def _per_input(
    model: Any, what: str, setting: str | Mapping[str, str], *, outputs: bool = False
) -> dict[str, str]:
    names = list(_inputs(model))
    if isinstance(setting, str):
        if len(names) != 1:
            raise RejectedError(
                f"serving.{what} {setting!r} names no input, but the model has {', '.join(names)}; "
                f"write {{{names[0]}: ...}}"
            )
        return {names[0]: setting}
    known = {*names, *(name for port in model.outputs for name in port.get_names())} if outputs else {*names}
    unknown = sorted(setting.keys() - known)
    if unknown:
        raise RejectedError(
            f"serving.{what} names {unknown[0]!r}, which the model does not have; it has {', '.join(names)}"
        )
    return dict(setting)


def _inputs(model: Any) -> dict[str, Any]:
    return {
        min(port.get_names()) if port.get_names() else f"out_{index}": port
        for index, port in enumerate(model.inputs)
    }


def _listed(model: Any) -> str:
    return ", ".join(f"{name} {port.partial_shape}" for name, port in _inputs(model).items())


def _told(setting: str | Mapping[str, str]) -> str:
    return setting if isinstance(setting, str) else ", ".join(f"{name}: {v}" for name, v in setting.items())
