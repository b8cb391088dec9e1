"""Which files make a model, and what people upload by mistake, by where it lies and how it is called. Pure.

The server's own precedence (OVMS 2026.2.1): IR, ONNX, Paddle, TensorFlow, TensorFlow Lite, looking only at
the top level of the folder. Of several files with the suffix it takes the first that the file system lists,
which nobody can foresee, so a version with several is not fit to serve.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath

from edge_common.errors import RejectedError

from model_sync.bucket.file_kinds import kind_by_name
from model_sync.bucket.keys import (
    CARD_NAME,
    CHECKSUMS_NAME,
    PIN_NAME,
    SIGNATURE_NAME,
    is_model_name,
    is_version_name,
    next_number,
    quoted,
    version_name_advice,
)

_PARTNERS = {".xml": ".bin", ".pdmodel": ".pdiparams"}
_WEIGHTS_SUFFIXES = tuple(_PARTNERS.values())
_PRECEDENCE = (".xml", ".onnx", ".pdmodel", ".pb", ".tflite")
_SAVED_MODEL, _SAVED_MODEL_INDEX = "saved_model.pb", "variables/variables.index"
_GRAPH = "graph.pbtxt"
_CARD = re.compile(r"(model|(model)?[-_ ]?card)( ?\(\d+\)| - copy| copy)?\.ya?ml(\.txt)?", re.IGNORECASE)
_PIN = re.compile(r"(pin|pinned)( ?\(\d+\)| - copy| copy)?\.ya?ml(\.txt)?", re.IGNORECASE)
_CHECKSUMS = re.compile(r"(sha256sums?|checksums?|sums)(\.(txt|sha256))?|.+\.sha256(sums?)?", re.IGNORECASE)


def partner_missing(paths: Iterable[str]) -> str | None:
    """What these files of a version still lack to be a model, and what to do; None when nothing by name."""
    names = set(paths)
    top = [PurePosixPath(name) for name in sorted(names) if "/" not in name]
    alone = any(file.suffix in _PRECEDENCE and file.suffix not in _PARTNERS for file in top)
    for file in top:
        partner = file.with_suffix(_PARTNERS.get(file.suffix, "")).name
        if file.suffix not in _PARTNERS or partner in names:
            continue
        if not alone or any(other.suffix == _PARTNERS[file.suffix] for other in top):
            return lacking_partner(file.name, partner, names)
        # else the server passes it over: it takes the pair only where both suffixes are there
    if _SAVED_MODEL in names and _SAVED_MODEL_INDEX not in names:
        return f"waiting for {_SAVED_MODEL_INDEX}, which {_SAVED_MODEL} needs"
    if alone or any(file.suffix in _PARTNERS for file in top):
        return None
    lonely = [file.name for file in top if file.suffix in _WEIGHTS_SUFFIXES]
    if lonely and not any(file.suffix.casefold() in _PARTNERS for file in top):
        suffix = ".xml" if lonely[0].endswith(".bin") else ".pdmodel"
        pir = f"{PurePosixPath(lonely[0]).stem}.json"
        paddle = f"; {quoted(pir)} is Paddle 3's own format: export to ONNX with paddle2onnx"
        return f"waiting for the {suffix} file that belongs to {lonely[0]}{paddle if pir in names else ''}"
    return lacking_model(names)


def model_file(paths: Iterable[str]) -> str | None:
    """The path that the model is read from, relative to the version's folder; "." for a SavedModel folder.

    None when these files are no model. Raises RejectedError when the server might read something else.
    """
    top = sorted(path for path in paths if "/" not in path)
    if _GRAPH in top:
        raise RejectedError(f"{_GRAPH} makes the server run a graph in place of the model; remove it")
    suffixes = {PurePosixPath(name).suffix for name in top}
    for suffix in _PRECEDENCE:
        if suffix in _PARTNERS and _PARTNERS[suffix] not in suffixes:
            continue
        found = [name for name in top if name.endswith(suffix)]
        if len(found) > 1:
            raise RejectedError(
                f"it has several {suffix} files, such as {quoted(found[0])} and {quoted(found[1])}, and the "
                "server might read either; leave one, and give each other a model of its own"
            )
        if _SAVED_MODEL in found:
            return "."
        if found:
            return found[0]
    return None


def folder_problem(
    model: str, folder: str, paths: Iterable[str], *, prefix: str = "", taken: Collection[str] = ()
) -> str:
    """Why `folder`, which is no version, is not served, and what to do, as the `paths` in it tell.

    `prefix` is the one under which the model is listed; `taken` are the folders beside this one.
    """
    for path in paths:
        folders = [model, folder, *PurePosixPath(path).parts[:-1]]
        deeper = next((at for at in range(2, len(folders)) if is_version_name(folders[at])), None)
        if deeper is None:
            continue
        inner, version = folders[deeper - 1], folders[deeper]
        if inner in {model, ""}:
            there = "/".join(folders[: deeper + 1])
            return f"{quoted(there)} lies too deep; upload it as {quoted(f'{model}/{version}')}"
        if is_model_name(inner):
            above = "/".join(folders[: deeper - 1])
            return (
                f"{quoted(above)} is a folder above models; upload the folder {quoted(inner)} itself, "
                f"or, if all models lie there, set MODEL_SYNC_PREFIX={prefix}{above}/"
            )
    return version_name_advice(folder, taken)


def lacking_model(paths: Iterable[str]) -> str:
    """What to do when none of the files `paths` of a version is a model that the server would find."""
    names = sorted(paths)
    top = [name for name in names if "/" not in name]
    known = (*_PRECEDENCE, *_WEIGHTS_SUFFIXES)
    wrong_case = [name for name in top if _suffix(name) in known and not name.endswith(known)]
    renamed = [f"{quoted(name)} as {quoted(_small_suffix(name))}" for name in wrong_case]
    if any(_suffix(name) in _PRECEDENCE for name in wrong_case):
        return f"the server finds only suffixes in small letters; upload {' and '.join(renamed)}"
    for name in (*top, *names):
        kind = kind_by_name(name)
        if kind is not None:
            return f"waiting for a model file; {quoted(name)} is {kind.what}: {kind.advice}"
    deeper = next((name for name in names if "/" in name and _suffix(name) in _PRECEDENCE), None)
    if deeper is not None:
        folder = deeper.rpartition("/")[0]
        return (
            f"waiting for a model file; {quoted(deeper)} lies too deep, "
            f"upload what is in {quoted(folder)} directly into the version"
        )
    bare = next((name for name in top if "." not in name and name != CHECKSUMS_NAME), None)
    if bare is not None:
        return (
            f"waiting for a model file; {quoted(bare)} has no suffix that tells its format; "
            f"upload it with one, such as {quoted(f'{bare}.onnx')}"
        )
    return (
        "waiting for a model file (.xml and .bin, .onnx, .pdmodel and .pdiparams, saved_model.pb or .tflite)"
    )


def lacking_partner(name: str, partner: str, paths: Collection[str]) -> str:
    """What to do when `name` needs the file `partner`, which is not among the files `paths` of a version."""
    waiting = f"waiting for {partner}, named by {name}"
    suffix = PurePosixPath(partner).suffix
    needed = {
        str(PurePosixPath(path).with_suffix(suffix)) for path in paths if path.endswith(tuple(_PARTNERS))
    }
    spare = [
        path
        for path in sorted(paths)
        if "/" not in path and _suffix(path) == suffix and path not in needed - {partner}
    ]
    if len(spare) == 1:
        waiting += f"; if {quoted(spare[0])} is meant, upload it as {quoted(partner)}"
    others = [path for path in paths if "/" not in path and path != name and path.endswith(_PRECEDENCE)]
    return f"{waiting}; if {quoted(name)} is no model, remove it" if others else waiting


def loose_notices(model: str, loose: Collection[str], versions: Collection[str]) -> Sequence[str]:
    """What to do about the files `loose` directly in the model's folder that do not belong there."""
    stray = [
        name
        for name in sorted(loose)
        if _suffix(name) in (*_PRECEDENCE, *_WEIGHTS_SUFFIXES) or kind_by_name(name) is not None
    ]
    there = f"{model}/{next_number(versions)}/"
    if SIGNATURE_NAME in loose:
        stray.append(SIGNATURE_NAME)
    if not stray:
        return [] if versions else [f"{model}: it has no version yet; upload the model's files into {there}"]
    more = f" and {len(stray) - 1} more" if len(stray) > 1 else ""
    found = f"{model}: {quoted(stray[0])}{more} directly in the model's folder is not served"
    return [f"{found}; move the model's files into a version's folder, such as {there}{stray[0]}"]


def misnamed_notices(where: str, names: Collection[str]) -> Sequence[str]:
    """What to do about cards, digests and pins under other names; `where` is the folder of the `names`."""
    notices = []
    for name, right, use in (
        (CARD_NAME, _CARD, "the model card"),
        (CHECKSUMS_NAME, _CHECKSUMS, "the digests"),
        *(() if "/" in where else ((PIN_NAME, _PIN, "the pin"),)),
    ):
        found = next((other for other in sorted(names) if right.fullmatch(other)), None)
        if found is not None and name not in names:
            notices.append(f"{where}: {quoted(found)} is not read; if it is {use}, upload it as {name}")
    return notices


def similar_name(name: str, others: Iterable[str]) -> str | None:
    """The path among `others` that was probably meant by the file `name`; None when none is like it."""
    wanted = PurePosixPath(_folded(name))

    def likeness(path: str) -> int:
        other = PurePosixPath(_folded(path))
        if other.name == wanted.name:
            return 3
        return 2 if other.stem.rstrip("s") == wanted.stem.rstrip("s") else other.name.startswith(wanted.stem)

    like = [path for path in others if likeness(path)]
    return min(like, key=lambda path: (-likeness(path), path.count("/"), path), default=None)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def no_etag_notice(key: str, count: int, *, dated: bool) -> str:
    """What cannot be known of `count` objects without a usable ETag, `key` among them."""
    others = f" and {count - 1} more" if count > 1 else ""
    which = f"the store gives no usable ETag for {quoted(key)}{others}"
    if dated:
        return f"{which}; an overwrite of the same size is noticed by its date"
    return f"{which}, and no date; an overwrite of the same size goes unnoticed, so give it a new version"


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.casefold()


def _small_suffix(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(_suffix(name)))
