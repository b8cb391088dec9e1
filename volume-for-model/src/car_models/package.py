"""Writing the files of one version where the bucket's layout wants them: `<model>/<version>/<files>`."""

import hashlib
import shutil
from pathlib import Path

from edge_common.atomic_files import fsync_folder
from model_sync.bucket.checksums import format_checksums
from model_sync.bucket.keys import CHECKSUMS_NAME

from car_models.build import Files

_STAGING = ".staging"
"""Begins with a dot, so an upload of the whole output folder does not take a leftover for a model."""


def with_sums(files: Files) -> Files:
    """`files` and the SHA256SUMS over them, in coreutils' format; what an upload has to bring last."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {**files, CHECKSUMS_NAME: format_checksums(digests)}


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


def next_version(model_folder: Path) -> int:
    """One more than the highest numbered version in `model_folder`; 1 when there is none."""
    numbers = [int(child.name) for child in model_folder.glob("*") if child.name.isdecimal()]
    return max(numbers, default=0) + 1


def truncated(files: Files) -> Files:
    """`files` as a broken upload leaves them that nobody noticed: the largest file ends half-way.

    SHA256SUMS made over the result agree with it, so only loading the model shows that it is broken.
    """
    largest = max(files, key=lambda name: len(files[name]))
    return {**files, largest: files[largest][: len(files[largest]) // 2]}
