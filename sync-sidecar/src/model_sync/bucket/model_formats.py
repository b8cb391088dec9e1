"""Which files make a model, and which of them is the one that it is read from. Pure.

The server's own precedence (OVMS 2026.2.1): IR, ONNX, Paddle, TensorFlow, TensorFlow Lite, looking only at
the top level of the folder. Of several files with the suffix it takes the first that the file system lists,
which nobody can foresee, so a version with several is not fit to serve.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

from edge_common.errors import RejectedError

from model_sync.bucket.keys import quoted
from model_sync.bucket.recognise import lacking_model, lacking_partner

_PARTNERS = {".xml": ".bin", ".pdmodel": ".pdiparams"}
_ALONE = frozenset({".onnx", ".tflite", ".pb"})
SAVED_MODEL = "saved_model.pb"
_GRAPH = "graph.pbtxt"
_SAVED_MODEL_INDEX = "variables/variables.index"
_PRECEDENCE = (
    (".xml", ".bin"),
    (".onnx", None),
    (".pdmodel", ".pdiparams"),
    (".pb", None),
    (".tflite", None),
)


def partner_missing(paths: Iterable[str]) -> str | None:
    """What these files of a version still lack to be a model, and what to do; None when nothing by name."""
    names = set(paths)
    top = [PurePosixPath(name) for name in sorted(names) if "/" not in name]
    alone = any(file.suffix in _ALONE for file in top)
    for file in top:
        partner = file.with_suffix(_PARTNERS.get(file.suffix, "")).name
        if file.suffix not in _PARTNERS or partner in names:
            continue
        if not alone or any(other.suffix == _PARTNERS[file.suffix] for other in top):
            return lacking_partner(file.name, partner, names)
        # else the server passes it over: it takes the pair only where both suffixes are there
    if SAVED_MODEL in names and _SAVED_MODEL_INDEX not in names:
        return f"waiting for {_SAVED_MODEL_INDEX}, which {SAVED_MODEL} needs"
    if alone or any(file.suffix in _PARTNERS for file in top):
        return None
    lonely = [file.name for file in top if file.suffix in _PARTNERS.values()]
    if lonely and not any(file.suffix.casefold() in _PARTNERS for file in top):
        suffix = ".xml" if lonely[0].endswith(".bin") else ".pdmodel"
        pir = f"{PurePosixPath(lonely[0]).stem}.json"
        hint = (
            f"; {quoted(pir)} is Paddle 3's own format: export to ONNX with paddle2onnx"
            if pir in names
            else ""
        )
        return f"waiting for the {suffix} file that belongs to {lonely[0]}{hint}"
    return lacking_model(names)


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
                "server might read either; leave one, and give each other a model of its own"
            )
        if suffix == ".pb" and SAVED_MODEL in found:
            return "."
        if found:
            return found[0]
    return None
