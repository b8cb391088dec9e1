"""Folders of a model repository: which versions are there, and which file of a version is the model."""

import re
from dataclasses import dataclass
from pathlib import Path

from ovms_lite.errors import LoadError

_VERSION_NAME = re.compile(r"[1-9][0-9]{0,18}")
MAX_VERSION = 2**63 - 1
MAPPING_FILE = "mapping_config.json"
_CANDIDATES = ((".xml", ".bin"), (".onnx", ""), (".pdmodel", ".pdiparams"), (".pb", ""), (".tflite", ""))
"""(file to read, partner that must be there), in OVMS's order of precedence."""


@dataclass(frozen=True, slots=True)
class VersionListing:
    """The version folders of one model, and the folder names that are not versions."""

    versions: frozenset[int]
    ignored: tuple[str, ...]


def list_versions(base_path: Path) -> VersionListing:
    """Read the folder names under `base_path`.

    A version is a folder, or a link to one, whose name is a whole number from 1 to 2^63-1 without leading
    zeros. OVMS also takes `01` and `2.tmp` for versions and then fails to open them; here they are ignored.
    Raises OSError when the folder cannot be listed.
    """
    versions: set[int] = set()
    ignored: list[str] = []
    for entry in sorted(base_path.iterdir()):
        if not entry.is_dir():
            continue
        if _VERSION_NAME.fullmatch(entry.name) and int(entry.name) <= MAX_VERSION:
            versions.add(int(entry.name))
        else:
            ignored.append(entry.name)
    return VersionListing(frozenset(versions), tuple(ignored))


def find_model_file(folder: Path) -> Path:
    """The file, or SavedModel folder, that OpenVINO shall read; raises LoadError when there is none.

    Only the top level of the folder counts. Among several files of one kind the first by name is taken.
    """
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise LoadError(
            f"{folder} cannot be listed: {error.strerror}; make it readable for the server", reload_status=400
        ) from error
    for suffix, partner in _CANDIDATES:
        main = next((name for name in names if name.endswith(suffix)), None)
        if main is not None and any(name.endswith(partner) for name in names):
            return folder if main == "saved_model.pb" else folder / main
    raise LoadError(
        f"{folder} holds no model; expected .xml with .bin, .onnx, .pdmodel with .pdiparams, .pb or .tflite"
    )
