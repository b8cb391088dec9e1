"""A model file -> the files of a version, tried as the sidecar would, in a folder of the bucket's layout."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_common.errors import RejectedError
from edge_common.model_card import ModelCard
from edge_common.openvino_runtime import ov

from car_models.build import Files
from car_models.check import check_model
from car_models.checkpoint_names import Family
from car_models.importing.describe import describe, files_beside
from car_models.importing.quantise import calibrated
from car_models.importing.sources import read_source
from car_models.importing.wishes import Wishes
from car_models.model_info import model_info
from car_models.openvino_ir import accepting_bgr_pixels, input_of_pixels, ir_bytes
from car_models.package import next_version, with_sums, write_version


class Precision(StrEnum):
    """How the weights are stored, and for INT8 also what is computed with."""

    FP32 = "fp32"
    """As the file has them."""
    FP16 = "fp16"
    INT8 = "int8"


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """What is to become a version of a model."""

    source: Path
    wishes: Wishes = field(default_factory=Wishes)
    family: Family | None = None
    """Whose weights a checkpoint holds, where their names fit several programs."""
    precision: Precision = Precision.FP32
    calibrate: Path | None = None
    """Folder of pictures for INT8."""
    embed_preprocessing: bool = False
    """Whether the model is to take the pixels of a picture as a server decodes them."""


@dataclass(frozen=True)
class Imported:
    """The files of a version without SHA256SUMS, its card, and what the person should know."""

    files: Files
    card: ModelCard
    labels: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ImportedVersion:
    """A version that was written and that the sidecar would serve."""

    folder: Path
    model: str
    version: int
    card: ModelCard
    notes: tuple[str, ...]
    bytes: int


def import_model(request: ImportRequest) -> Imported:
    """The files that `request` becomes, in memory.

    Raises RejectedError when the source cannot be read, is no image classifier, or when labels, size or
    preprocessing are wrong or unknown; FatalError when INT8 is asked for and nncf is not installed.
    """
    wishes = request.wishes
    source = read_source(request.source, size=wishes.size, family=request.family)
    described = describe(source, wishes)
    network, ends, knowledge = described.network, described.ends, described.knowledge
    card = knowledge.card
    if request.precision is Precision.INT8:
        network = calibrated(network, card.input, ends.size, request.calibrate)
    if request.embed_preprocessing and not ends.whole_numbers:
        network = accepting_bgr_pixels(network, card.input)
        card = card.model_copy(update={"input": input_of_pixels(card.input)})
    _name_ends(network, card)
    xml, weights = ir_bytes(
        network,
        model_info=model_info(card, knowledge.labels),
        half_weights=request.precision is Precision.FP16,
    )
    files = {
        **files_beside(replace(knowledge, card=card), wishes),
        "model.bin": weights,
        "model.xml": xml,
    }
    return Imported(files, card, knowledge.labels, source.notes + knowledge.notes)


def import_version(
    request: ImportRequest, out: Path, model: str, version: int | None = None
) -> ImportedVersion:
    """Write what `request` becomes to `out/<model>/<version>`; without a number the next free one.

    It is tried first with the sidecar's own code, sample picture included. Raises what `import_model` raises,
    RejectedError with the sidecar's sentence when it would not be served, and OSError.
    """
    imported = import_model(request)
    number = version or next_version(out / model)
    files = with_sums(imported.files)
    with TemporaryDirectory(prefix="car-models-") as folder:
        (verdict,) = check_model(write_version(Path(folder), model, number, files))
        if verdict.problem is not None:
            raise RejectedError(f"{request.source} would not be served: {verdict.problem}")
    written = write_version(out, model, number, files)
    size = sum(map(len, files.values()))
    return ImportedVersion(written, model, number, imported.card, imported.notes, size)


def _name_ends(network: ov.Model, card: ModelCard) -> None:
    """Let server and card call the two ends the same, also where the file gave them no name."""
    if card.input.name not in network.inputs[0].get_names():
        network.inputs[0].set_names({card.input.name})
    if card.output.name not in network.outputs[0].get_names():
        network.outputs[0].set_names({card.output.name})
