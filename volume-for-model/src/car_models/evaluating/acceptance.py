"""Labelled pictures as the acceptance of a version: what the sidecar tries it with before it is published."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_common.errors import RejectedError
from model_sync.upload import (
    ACCEPTANCE_FOLDER,
    MAX_PICTURES,
    ExpectedLabel,
    format_expected,
    path_problem,
    quoted,
    unknown_label,
)

from car_models.evaluating.classifier import card_of_version
from car_models.evaluating.pictures import EXPECTED_FILE, LabelledPicture
from car_models.packaging.version_files import renew_sums


def write_acceptance(version: Path, pictures: Sequence[LabelledPicture]) -> int:
    """Make those of `pictures` with a label the acceptance of the version in the folder `version`.

    They replace earlier ones; a SHA256SUMS there is written anew. Returns how many there are. Raises
    RejectedError when there are none, too many, or one with a label that the version's card does not have.
    """
    labelled = [(picture, picture.expected) for picture in pictures if picture.expected is not None]
    if not labelled or len(labelled) > MAX_PICTURES:
        raise RejectedError(
            f"there are {len(labelled)} pictures with a label; a version is tried with 1 to {MAX_PICTURES}, "
            "so give a folder with as many"
        )
    expected = [ExpectedLabel(picture.name, label) for picture, label in labelled]
    _raise_for(expected, version)
    try:
        with TemporaryDirectory(prefix=".acceptance-", dir=version.parent) as temporary:
            made = Path(temporary, ACCEPTANCE_FOLDER)
            for picture, _ in labelled:
                copy = made / picture.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(picture.path, copy)
            (made / EXPECTED_FILE).write_bytes(format_expected(expected))
            there = version / ACCEPTANCE_FOLDER
            if there.exists():
                there.rename(Path(temporary, "earlier"))
            made.rename(there)
        renew_sums(version)
    except OSError as error:
        raise RejectedError(f"{error.filename} cannot be read or written: {error.strerror}") from error
    return len(expected)


def _raise_for(expected: Sequence[ExpectedLabel], version: Path) -> None:
    labels = card_of_version(version).labels
    problem = unknown_label(expected, labels or ())
    if problem is not None:
        raise RejectedError(problem)
    for line in expected:
        problem = path_problem(line.file)
        if problem is not None:
            raise RejectedError(f"{quoted(line.file)} cannot be uploaded: {problem}; rename the picture")
