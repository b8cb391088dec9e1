"""Which file of a version folder is the model. Pure.

The server's own precedence (OVMS 2026.2.1): IR, ONNX, Paddle, TensorFlow, TensorFlow Lite, looking only at
the top level of the folder. Of several files with the suffix it takes the first that the file system lists,
which nobody can foresee, so a version with several is not fit to serve.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

from edge_common.errors import RejectedError

from model_sync.bucket.keys import quoted

SAVED_MODEL = "saved_model.pb"
_GRAPH = "graph.pbtxt"
_PRECEDENCE = (
    (".xml", ".bin"),
    (".onnx", None),
    (".pdmodel", ".pdiparams"),
    (".pb", None),
    (".tflite", None),
)


def model_file(paths: Iterable[str]) -> str | None:
    """The path that the model is read from, relative to the version's folder; "." for a SavedModel folder.

    None when these files are no model. Raises RejectedError when the server might read something else.
    """
    top = sorted(path for path in paths if "/" not in path)
    if _GRAPH in top:
        raise RejectedError(f"{_GRAPH} makes the server run a graph in place of the model; remove it")
    suffixes = {PurePosixPath(name).suffix for name in top}
    for suffix, partner in _PRECEDENCE:
        if partner is not None and partner not in suffixes:
            continue
        found = [name for name in top if name.endswith(suffix)]
        if len(found) > 1:
            raise RejectedError(
                f"it has several {suffix} files, such as {quoted(found[0])} and {quoted(found[1])}, and the "
                "server might read either; leave one"
            )
        if suffix == ".pb" and SAVED_MODEL in found:
            return "."
        if found:
            return found[0]
    return None
