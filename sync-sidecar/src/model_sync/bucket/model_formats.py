"""Which files make a model: some formats need a second file beside the first. Pure."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from model_sync.bucket.keys import quoted

_PARTNERS = {".xml": ".bin", ".pdmodel": ".pdiparams"}
_ALONE = frozenset({".onnx", ".tflite", ".pb"})
_SAVED_MODEL = "saved_model.pb"
_SAVED_MODEL_INDEX = "variables/variables.index"


def partner_missing(paths: Iterable[str]) -> str | None:
    """What these files of a version still lack to be a model; None when nothing by name."""
    names = set(paths)
    top = [PurePosixPath(name) for name in sorted(names) if "/" not in name]
    for file in top:
        partner = _PARTNERS.get(file.suffix)
        if partner is not None and file.with_suffix(partner).name not in names:
            return f"waiting for {file.with_suffix(partner).name}, named by {file.name}"
    if _SAVED_MODEL in names and _SAVED_MODEL_INDEX not in names:
        return f"waiting for {_SAVED_MODEL_INDEX}, which {_SAVED_MODEL} needs"
    if any(file.suffix in _ALONE or file.suffix in _PARTNERS for file in top):
        return None
    lonely = [file.name for file in top if file.suffix in _PARTNERS.values()]
    if lonely:
        suffix = ".xml" if lonely[0].endswith(".bin") else ".pdmodel"
        return f"waiting for the {suffix} file that belongs to {lonely[0]}"
    deeper = next(
        (name for name in sorted(names) if "/" in name and PurePosixPath(name).suffix in _ALONE), None
    )
    if deeper is not None:
        return (
            f"waiting for a model file; {quoted(deeper)} lies too deep, upload it directly into the version"
        )
    return (
        "waiting for a model file (.xml and .bin, .onnx, .pdmodel and .pdiparams, saved_model.pb or .tflite)"
    )
