"""The files of one version in the bucket's layout, `<model>/<version>/<files>`."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from edge_common.atomic_files import fsync_folder, replace_file
from edge_common.card_file import FILE_NAME as CARD_FILE
from edge_common.card_file import card_as_mapping
from edge_common.errors import RejectedError
from edge_common.model_card import ModelCard
from model_sync.upload import CHECKSUMS_NAME, format_checksums

Files = Mapping[str, bytes]
"""Name of a file in a version folder -> its content."""
LABELS_FILE = "labels.txt"
_STAGING = ".staging"
"""Begins with a dot, so an upload of the whole output folder does not take a leftover for a model."""


def card_yaml(card: ModelCard) -> bytes:
    """`model.yaml`, in the order of the schema, with the schema's number first."""
    mapping = card_as_mapping(card)
    ordered = {"schema": mapping.pop("schema"), "task": card.task, **mapping}
    text = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    return text.encode()


def card_files(card: ModelCard, labels: Sequence[str]) -> Files:
    """`model.yaml`, and `labels.txt` where the card names that file."""
    files = {CARD_FILE: card_yaml(card)}
    if card.output.labels == LABELS_FILE:
        files[LABELS_FILE] = "".join(f"{label}\n" for label in labels).encode()
    return files


def with_sums(files: Files) -> Files:
    """`files` and the SHA256SUMS over them, in coreutils' format; what an upload has to bring last."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {**files, CHECKSUMS_NAME: format_checksums(digests)}


def renew_sums(version: Path) -> None:
    """Write the SHA256SUMS of the folder `version` anew, where it has one. Raises OSError."""
    if not (version / CHECKSUMS_NAME).exists():
        return
    digests = {}
    for path in version.rglob("*"):
        if path.is_file() and path.name != CHECKSUMS_NAME:
            with path.open("rb") as file:
                digests[path.relative_to(version).as_posix()] = hashlib.file_digest(
                    file, "sha256"
                ).hexdigest()
    replace_file(version / CHECKSUMS_NAME, format_checksums(digests))


def write_version(out: Path, model: str, version: int, files: Files) -> Path:
    """Make `out/<model>/<version>` hold exactly `files`; returns the folder.

    The folder appears by a rename when complete, in the place of one that is there. Raises OSError.
    """
    folder = out / model / str(version)
    staged = out / _STAGING / f"{model}-{version}"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    for name, content in files.items():
        (staged / name).write_bytes(content)
    fsync_folder(staged)
    folder.parent.mkdir(exist_ok=True)
    if folder.exists():
        shutil.rmtree(folder)
    staged.rename(folder)
    fsync_folder(folder.parent)
    if not any(staged.parent.iterdir()):
        staged.parent.rmdir()
    return folder


def highest_version(path: Path) -> Path:
    """`path` when it is a version folder, else the highest version in the model folder `path`.

    Raises RejectedError when it is neither, or not there.
    """
    if not path.is_dir():
        raise RejectedError(f"there is no folder {path}; name a model's folder, or a version in it")
    if path.name.isdecimal():
        return path
    versions = [child for child in path.glob("*") if child.name.isdecimal() and child.is_dir()]
    if not versions:
        raise RejectedError(f"{path} is no model folder: it holds no numbered version, such as {path / '1'}")
    return max(versions, key=lambda child: int(child.name))


def next_version(model_folder: Path) -> int:
    """One more than the highest numbered version in `model_folder`; 1 when there is none."""
    numbers = [int(child.name) for child in model_folder.glob("*") if child.name.isdecimal()]
    return max(numbers, default=0) + 1


def truncated(files: Files) -> Files:
    """`files` with the largest one cut off half-way, as an upload that broke unnoticed leaves them.

    SHA256SUMS made over the result agree with it, so only loading the model shows that it is broken.
    """
    largest = max(files, key=lambda name: len(files[name]))
    return {**files, largest: files[largest][: len(files[largest]) // 2]}
