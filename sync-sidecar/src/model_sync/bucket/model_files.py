"""Which file of a version folder is the model. Pure.

The server's own precedence (OVMS 2026.2.1): IR, ONNX, Paddle, TensorFlow, TensorFlow Lite, looking only at
the top level of the folder.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

SAVED_MODEL = "saved_model.pb"
_PRECEDENCE = (
    (".xml", ".bin"),
    (".onnx", None),
    (".pdmodel", ".pdiparams"),
    (".pb", None),
    (".tflite", None),
)


def model_file(paths: Iterable[str]) -> str | None:
    """The path that the model is read from, relative to the version's folder; "." for a SavedModel folder.

    None when these files are no model.
    """
    top = sorted(path for path in paths if "/" not in path)
    suffixes = {PurePosixPath(name).suffix for name in top}
    for suffix, partner in _PRECEDENCE:
        if partner is not None and partner not in suffixes:
            continue
        found = [name for name in top if name.endswith(suffix)]
        if suffix == ".pb" and SAVED_MODEL in found:
            return "."
        if found:
            return found[0]
    return None
