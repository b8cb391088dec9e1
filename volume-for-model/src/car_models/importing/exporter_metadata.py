"""What training programs write into the metadata of ONNX files, and OpenVINO keeps in an IR."""

import ast
import json
from collections.abc import Mapping
from typing import Any, Final

from edge_common.errors import RejectedError

_KEYS: Final = ("names", "id2label", "labels", "class_names", "classes", "categories", "character")
"""ultralytics, transformers, hand-made ones, PaddleX; the first that can be read counts."""
_MOST_CHARACTERS: Final = 1024 * 1024


def labels_of_metadata(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """The class names in `metadata`, in the model's order; None where no known key holds any.

    Read are a Python or JSON list, a mapping from each number to its name, one name a line, and names with
    commas between.
    """
    for key in _KEYS:
        text = metadata.get(key, "")
        if 0 < len(text) <= _MOST_CHARACTERS:
            labels = _in_order(_literal(text))
            if labels is not None:
                return labels
    return None


def model_info_of_metadata(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """What `metadata` says of pictures, under Model API's names; empty where its author is not known.

    Known is ultralytics' exporter (8.4), whose classifiers take RGB from 0 to 1. Raises RejectedError when it
    says that the model is no classifier.
    """
    if metadata.get("author") != "Ultralytics":
        return {}
    task = metadata.get("task", "classify")
    if task != "classify":
        raise RejectedError(
            f"the file says that its task is {task!r}; only image classifiers can be served, which "
            "ultralytics calls 'classify' and names …-cls: export one of those"
        )
    return {"model_type": "YOLO", "reverse_input_channels": "True", "scale_values": "255"}


def _literal(text: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue  # not written that way
    return text.splitlines() if "\n" in text.strip() else text.split(",")


def _in_order(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, dict):
        numbered = {str(key): name for key, name in value.items()}
        value = [numbered.get(str(index)) for index in range(len(numbered))]
    if not isinstance(value, list | tuple):
        return None
    labels = tuple(str(name).strip() for name in value if isinstance(name, str | int))
    usable = len(labels) == len(value) and all(labels) and len(set(labels)) == len(labels)
    return labels if usable and len(labels) > 1 else None
