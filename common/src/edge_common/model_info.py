"""What a model file says of itself under `rt_info.model_info`, in the key names of OpenVINO's Model API.

The client reads it of served models, whose values OVMS sends as text, `car-models import` of files.
Model API hands pictures over in OpenCV's BGR order, so `reverse_input_channels` YES means that the model sees
RGB, and `embedded_processing` YES that the graph itself takes BGR pixels, reverses and normalises them
(model_api: adapters/utils.py, models/image_model.py).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_common.errors import RejectedError
from edge_common.model_card import Color, Layout, ResizeMode, Triple
from edge_common.pictures.steps import NO_MEAN, NO_SCALE, PadAnchor, Resizing

RESIZE_TYPES: Mapping[str, tuple[ResizeMode, PadAnchor]] = {
    "standard": (ResizeMode.STRETCH, PadAnchor.CENTER),
    "crop": (ResizeMode.CROP, PadAnchor.CENTER),
    "fit_to_window": (ResizeMode.LETTERBOX, PadAnchor.TOP_LEFT),
    "fit_to_window_letterbox": (ResizeMode.LETTERBOX, PadAnchor.CENTER),
    "letterbox": (ResizeMode.LETTERBOX, PadAnchor.CENTER),
}
_TELLING_KEYS = frozenset(
    {"mean_values", "scale_values", "reverse_input_channels", "embedded_processing", "resize_type", "labels"}
)
_TRUE = frozenset({"yes", "true", "1"})
_FALSE = frozenset({"no", "false", "0", ""})


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """How a picture becomes the model's input, and what its classes are called.

    `size`, `layout` and `labels` are None where nothing is said of them; `warnings` are for a person.
    """

    size: tuple[int, int] | None
    """Height and width in pixels."""
    layout: Layout | None
    color: Color
    mean: Triple
    scale: Triple
    """As `mean` in 0...255 units, in the order of `color`."""
    resizing: Resizing
    labels: tuple[str, ...] | None
    top_k: int
    min_probability: float
    warnings: tuple[str, ...]


def read_model_info(info: Mapping[str, Any], *, whole_numbers: bool) -> ModelInfo | None:
    """What `info` says; None when it has none of the keys that matter here.

    `whole_numbers` tells that the input tensor has an integer type: then mean and scale, if given, describe
    what the graph does after it, because such a tensor can only hold plain pixels.
    Raises RejectedError naming the key whose value cannot be understood.
    """
    if not _TELLING_KEYS & info.keys():
        return None
    by_ultralytics = _check_task(info)
    embedded = _flag(info, "embedded_processing")
    reverse = _flag(info, "reverse_input_channels")
    in_graph = embedded or whole_numbers
    mode, anchor = _resize_type(info, ResizeMode.CROP if by_ultralytics else ResizeMode.STRETCH)
    said_order = "reverse_input_channels" in info or embedded
    return ModelInfo(
        size=_original_size(info),
        layout=_layout(info),
        color=Color.RGB if reverse and not embedded else Color.BGR,
        mean=NO_MEAN if in_graph else _triple(info, "mean_values", NO_MEAN),
        scale=NO_SCALE if in_graph else _triple(info, "scale_values", NO_SCALE),
        resizing=Resizing(
            mode=mode,
            anchor=anchor,
            pad_value=_number(info, "pad_value", 0.0, 0.0, 255.0),
            # our key; Model API itself resizes by OpenCV, ultralytics its classifiers' pictures by Pillow
            antialias=_flag(info, "resize_antialias") or by_ultralytics,
        ),
        labels=labels_of_model_info(info),
        top_k=int(_number(info, "topk", 5.0, 1.0, 100.0)),
        min_probability=_number(info, "confidence_threshold", 0.0, 0.0, 1.0),
        warnings=()
        if said_order
        else ("rt_info has no reverse_input_channels: BGR assumed, as Model API does",),
    )


def _check_task(info: Mapping[str, Any]) -> bool:
    """Raise RejectedError for other tasks; whether ultralytics wrote it, whose classifiers say YOLO, too."""
    task = _text(info, "model_type")
    by_ultralytics = task.lower() == "yolo"  # its detectors say so as well, and differ in what they give
    if task and "class" not in task.lower() and not by_ultralytics:
        raise RejectedError(f"rt_info says model_type {task!r}; only image classifiers can be used")
    for key in ("multilabel", "hierarchical"):
        if _flag(info, key):
            raise RejectedError(f"rt_info says {key}; only one class for each picture can be told")
    return by_ultralytics


def _text(info: Mapping[str, Any], key: str) -> str:
    value = info.get(key, "")
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return "" if value is None or isinstance(value, dict) else str(value).strip()


def _flag(info: Mapping[str, Any], key: str) -> bool:
    text = _text(info, key).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise RejectedError(f"rt_info {key} is {text[:80]!r}; it must be YES or NO")


def _numbers(info: Mapping[str, Any], key: str) -> list[float]:
    text = _text(info, key)
    parts = [part for part in re.split(r"[\s,\[\]()]+", text) if part]
    try:
        numbers = [float(part) for part in parts]
    except ValueError as error:
        raise RejectedError(f"rt_info {key} is {text[:80]!r}; it must be numbers") from error
    if not all(math.isfinite(number) for number in numbers):
        raise RejectedError(f"rt_info {key} is {text[:80]!r}; it must be finite")
    return numbers


def _triple(info: Mapping[str, Any], key: str, default: Triple) -> Triple:
    match _numbers(info, key):
        case []:
            triple = default
        case [one]:
            triple = (one, one, one)
        case [first, second, third]:
            triple = (first, second, third)
        case others:
            raise RejectedError(f"rt_info {key} has {len(others)} numbers; it must have 1 or 3")
    if key == "scale_values" and not all(value > 0 for value in triple):
        raise RejectedError(f"rt_info {key} is {triple}; a scale must be above 0")
    return triple


def _number(info: Mapping[str, Any], key: str, default: float, least: float, most: float) -> float:
    match _numbers(info, key):
        case []:
            return default
        case [number] if least <= number <= most:
            return number
        case _:
            raise RejectedError(
                f"rt_info {key} is {_text(info, key)[:80]!r}; it must be a number from {least:g} to {most:g}"
            )


def _original_size(info: Mapping[str, Any]) -> tuple[int, int] | None:
    height = int(_number(info, "orig_height", 0.0, 0.0, 65536.0))
    width = int(_number(info, "orig_width", 0.0, 0.0, 65536.0))
    return (height, width) if height and width else None


def _resize_type(info: Mapping[str, Any], unsaid: ResizeMode) -> tuple[ResizeMode, PadAnchor]:
    name = _text(info, "resize_type")
    if not name:
        return unsaid, PadAnchor.CENTER
    if name not in RESIZE_TYPES:
        raise RejectedError(f"rt_info resize_type is {name[:80]!r}; known are {', '.join(RESIZE_TYPES)}")
    return RESIZE_TYPES[name]


def _layout(info: Mapping[str, Any]) -> Layout | None:
    """Accepts `NHWC`, `image:NHWC` and `[N,H,W,C]`; anything else says nothing, and the shape decides."""
    text = re.sub(r"[\[\],.\s]", "", _text(info, "layout").rpartition(":")[2]).upper()
    return Layout(text) if text in Layout.__members__ else None


def labels_of_model_info(info: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The class names in `info`: blanks between them, underscores for the blanks inside, or a list."""
    value = info.get("labels")
    if isinstance(value, list):
        return tuple(str(label) for label in value) or None
    return tuple(label.replace("_", " ") for label in _text(info, "labels").split()) or None
