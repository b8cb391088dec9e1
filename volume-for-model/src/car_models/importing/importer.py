"""A model file -> the files of a version, checked as the sidecar would, in the bucket's layout."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_common.errors import RejectedError
from edge_common.model_card import ModelCard
from edge_common.openvino_runtime import ov
from model_sync.upload import check_model

from car_models.importing.checkpoints.architectures import Family
from car_models.importing.describe import describe, files_beside
from car_models.importing.model_spec import ModelSpec, Precision
from car_models.importing.quantise import calibrated
from car_models.importing.sources import read_source
from car_models.packaging.openvino_ir import accepting_bgr_pixels, input_of_pixels, ir_files
from car_models.packaging.version_files import Files, next_version, with_sums, write_version


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """What is to become a version of a model."""

    source: Path
    spec: ModelSpec = field(default_factory=ModelSpec)
    family: Family | None = None
    """Whose weights a checkpoint holds, where their names fit several programs."""
    precision: Precision = Precision.FP32
    calibrate: Path | None = None
    """Folder of pictures for INT8."""
    embed_preprocessing: bool = False
    """Whether the model is to take the pixels of a picture as a server decodes them."""


@dataclass(frozen=True)
class ImportedVersion:
    """A version that was written and that the sidecar would serve; `notes` are for the person."""

    folder: Path
    model: str
    version: int
    card: ModelCard
    notes: tuple[str, ...]
    bytes: int


def import_version(
    request: ImportRequest, out: Path, model: str, version: int | None = None
) -> ImportedVersion:
    """Write what `request` becomes to `out/<model>/<version>`; without a number the next free one.

    It is checked first with the sidecar's own code, sample picture included. Raises RejectedError when the
    source cannot be read, is no image classifier, when labels, size or preprocessing are wrong or unknown, or
    with the sidecar's sentence; FatalError when INT8 is asked for and nncf is not installed; OSError.
    """
    number = version or next_version(out / model)
    files, card, notes = _imported(request)
    with TemporaryDirectory(prefix="car-models-") as folder:
        (checked,) = check_model(write_version(Path(folder), model, number, files))
        if checked.problem is not None:
            raise RejectedError(f"{request.source} would not be served: {checked.problem}")
    written = write_version(out, model, number, files)
    return ImportedVersion(written, model, number, card, notes, sum(map(len, files.values())))


def _imported(request: ImportRequest) -> tuple[Files, ModelCard, tuple[str, ...]]:
    """The files that `request` becomes, in memory, with their card and notes for the person."""
    source = read_source(request.source, size=request.spec.size, family=request.family)
    described = describe(source, request.spec)
    network, resolved = described.network, described.resolved
    card = resolved.card
    if request.precision is Precision.INT8:
        network = calibrated(network, card.input, described.ports.size, request.calibrate)
    if request.embed_preprocessing and not described.ports.whole_numbers:
        network = accepting_bgr_pixels(network, card.input)
        card = card.model_copy(update={"input": input_of_pixels(card.input)})
    _name_ports(network, card)
    half_weights = request.precision is Precision.FP16
    files = {
        **files_beside(replace(resolved, card=card), request.spec),
        **ir_files(network, card, resolved.labels, half_weights=half_weights),
    }
    return with_sums(files), card, source.notes + resolved.notes


def _name_ports(network: ov.Model, card: ModelCard) -> None:
    """Let server and card call input and output the same, also where the file gave them no name."""
    if card.input.name not in network.inputs[0].get_names():
        network.inputs[0].set_names({card.input.name})
    if card.output.name not in network.outputs[0].get_names():
        network.outputs[0].set_names({card.output.name})
