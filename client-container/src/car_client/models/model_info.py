"""Facts from `rt_info.model_info`, the key names of OpenVINO's Model API; OVMS sends every value as text.

Model API hands pictures over in OpenCV's BGR order, so `reverse_input_channels` YES means that the model sees
RGB, and `embedded_processing` YES that the graph itself takes BGR pixels, reverses and normalises them
(model_api: adapters/utils.py, models/image_model.py).
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from edge_common.model_card import Color, Layout, ResizeMode, Triple
from edge_common.pictures.steps import NO_MEAN, NO_SCALE, PadAnchor, Resizing

from car_client.errors import UnusableModelError
from car_client.models.facts import Facts
from car_client.models.served_model import FactSource

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


def facts_of_model_info(info: Mapping[str, Any], *, whole_numbers: bool) -> Facts | None:
    """Facts in `info`; None when it has none of the keys that matter here.

    `whole_numbers` tells that the input tensor has an integer type: then mean and scale, if given, describe
    what the graph does after it, because such a tensor can only hold plain pixels.
    Raises UnusableModelError naming the key whose value cannot be understood.
    """
    if not _TELLING_KEYS & info.keys():
        return None
    _check_task(info)
    embedded = _flag(info, "embedded_processing")
    reverse = _flag(info, "reverse_input_channels")
    in_graph = embedded or whole_numbers
    mode, anchor = _resize_type(info)
    said_order = "reverse_input_channels" in info or embedded
    return Facts(
        source=FactSource.RT_INFO,
        size=_original_size(info),
        layout=_layout(info),
        color=Color.RGB if reverse and not embedded else Color.BGR,
        mean=NO_MEAN if in_graph else _triple(info, "mean_values", NO_MEAN),
        scale=NO_SCALE if in_graph else _triple(info, "scale_values", NO_SCALE),
        resizing=Resizing(
            mode=mode,
            anchor=anchor,
            pad_value=_number(info, "pad_value", 0.0, 0.0, 255.0),
            antialias=_flag(info, "resize_antialias"),  # our key; Model API itself resizes by OpenCV
        ),
        labels=_labels(info),
        top_k=int(_number(info, "topk", 5.0, 1.0, 100.0)),
        min_probability=_number(info, "confidence_threshold", 0.0, 0.0, 1.0),
        warnings=()
        if said_order
        else ("rt_info has no reverse_input_channels: BGR assumed, as Model API does",),
    )


def _check_task(info: Mapping[str, Any]) -> None:
    task = _text(info, "model_type")
    if task and "class" not in task.lower():
        raise UnusableModelError(f"rt_info says model_type {task!r}; this client reads image classifiers")
    for key in ("multilabel", "hierarchical"):
        if _flag(info, key):
            raise UnusableModelError(f"rt_info says {key}; this client reads one class per picture")


def _text(info: Mapping[str, Any], key: str) -> str:
    value = info.get(key, "")
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return "" if value is None or isinstance(value, dict) else str(value).strip()


def _flag(info: Mapping[str, Any], key: str) -> bool:
    text = _text(info, key).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise UnusableModelError(f"rt_info {key} is {text[:80]!r}; it must be YES or NO")


def _numbers(info: Mapping[str, Any], key: str) -> list[float]:
    text = _text(info, key)
    parts = [part for part in re.split(r"[\s,\[\]()]+", text) if part]
    try:
        numbers = [float(part) for part in parts]
    except ValueError as error:
        raise UnusableModelError(f"rt_info {key} is {text[:80]!r}; it must be numbers") from error
    if not all(math.isfinite(number) for number in numbers):
        raise UnusableModelError(f"rt_info {key} is {text[:80]!r}; it must be finite")
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
            raise UnusableModelError(f"rt_info {key} has {len(others)} numbers; it must have 1 or 3")
    if key == "scale_values" and not all(value > 0 for value in triple):
        raise UnusableModelError(f"rt_info {key} is {triple}; a scale must be above 0")
    return triple


def _number(info: Mapping[str, Any], key: str, default: float, least: float, most: float) -> float:
    match _numbers(info, key):
        case []:
            return default
        case [number] if least <= number <= most:
            return number
        case _:
            raise UnusableModelError(
                f"rt_info {key} is {_text(info, key)[:80]!r}; it must be a number from {least:g} to {most:g}"
            )


def _original_size(info: Mapping[str, Any]) -> tuple[int, int] | None:
    height = int(_number(info, "orig_height", 0.0, 0.0, 65536.0))
    width = int(_number(info, "orig_width", 0.0, 0.0, 65536.0))
    return (height, width) if height and width else None


def _resize_type(info: Mapping[str, Any]) -> tuple[ResizeMode, PadAnchor]:
    name = _text(info, "resize_type") or "standard"
    if name not in RESIZE_TYPES:
        raise UnusableModelError(f"rt_info resize_type is {name[:80]!r}; known are {', '.join(RESIZE_TYPES)}")
    return RESIZE_TYPES[name]


def _layout(info: Mapping[str, Any]) -> Layout | None:
    """Accepts `NHWC`, `image:NHWC` and `[N,H,W,C]`; anything else says nothing, and the shape decides."""
    text = re.sub(r"[\[\],.\s]", "", _text(info, "layout").rpartition(":")[2]).upper()
    return Layout(text) if text in Layout.__members__ else None


def _labels(info: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Separated by spaces, where underscores stand for the spaces inside a label (Model API's convention)."""
    value = info.get("labels")
    if isinstance(value, list):
        return tuple(str(label) for label in value) or None
    return tuple(label.replace("_", " ") for label in _text(info, "labels").split()) or None
