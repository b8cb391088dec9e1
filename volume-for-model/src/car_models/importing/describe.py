"""What a model file and a person's words make together; and a card written beside a model that is there."""

from dataclasses import dataclass
from pathlib import Path

from edge_common.atomic_files import replace_file
from edge_common.errors import RejectedError
from edge_common.model_card import FILE_NAME as CARD_FILE
from edge_common.openvino_runtime import ov
from model_sync.bucket.keys import CHECKSUMS_NAME
from model_sync.bucket.model_files import model_file

from car_models.build import Files
from car_models.card import card_yaml
from car_models.importing.knowledge import LABELS_FILE, Knowledge, known
from car_models.importing.network_shape import Ends, settle
from car_models.importing.sources import Source, read_source
from car_models.importing.wishes import Wishes
from car_models.package import with_sums


@dataclass(frozen=True)
class Described:
    """A network for one picture of fixed size, its two ends, and its card."""

    network: ov.Model
    ends: Ends
    knowledge: Knowledge


def describe(source: Source, wishes: Wishes) -> Described:
    """Hold `source` against `wishes`; raises RejectedError when they do not fit or do not suffice."""
    in_card = wishes.card.input.size if wishes.card is not None else None
    network, ends = settle(source.network, wishes.size or in_card or source.size, wishes.output)
    return Described(network, ends, known(wishes, ends, source.model_info))


def files_beside(knowledge: Knowledge, wishes: Wishes) -> Files:
    """Card, labels and sample picture; raises RejectedError when the picture cannot be read."""
    files = {
        CARD_FILE: card_yaml(knowledge.card),
        LABELS_FILE: "".join(f"{label}\n" for label in knowledge.labels).encode(),
    }
    if knowledge.card.sample is not None and wishes.sample is not None:
        try:
            files[knowledge.card.sample.picture] = wishes.sample.read_bytes()
        except OSError as error:
            raise RejectedError(
                f"the sample picture {wishes.sample} cannot be read: {error.strerror}"
            ) from error
    return files


def write_card(version: Path, wishes: Wishes) -> None:
    """Write card, labels and sample into the folder `version`, for its model; renews SHA256SUMS.

    Raises RejectedError as `describe` does, and OSError.
    """
    name = model_file(path.relative_to(version).as_posix() for path in version.rglob("*"))
    if name is None:
        raise RejectedError(f"{version} holds no model; give a folder <model>/<version>")
    described = describe(read_source(version / name), wishes)
    for file, content in files_beside(described.knowledge, wishes).items():
        replace_file(version / file, content)
    if (version / CHECKSUMS_NAME).exists():
        files = {
            path.relative_to(version).as_posix(): path.read_bytes()
            for path in version.rglob("*")
            if path.is_file() and path.name != CHECKSUMS_NAME
        }
        replace_file(version / CHECKSUMS_NAME, with_sums(files)[CHECKSUMS_NAME])
