"""A model file -> the files of a version, checked as the sidecar would; or the card of one that is there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_common.atomic_files import replace_file
from edge_common.errors import RejectedError
from edge_common.model_card import ImageInput, ModelCard
from edge_common.openvino_runtime import ov
from model_sync.upload import check_model, model_file

from car_models.importing.card_resolution import ResolvedCard, resolve_card
from car_models.importing.checkpoints.architectures import Family
from car_models.importing.classifier_ports import ClassifierPorts, as_classifier
from car_models.importing.model_spec import ModelSpec, Precision
from car_models.importing.quantise import calibrated
from car_models.importing.sources import Source, read_source
from car_models.packaging.openvino_ir import accepting_bgr_pixels, input_of_pixels, ir_files
from car_models.packaging.version_files import (
    Files,
    card_files,
    next_version,
    renew_sums,
    with_sums,
    write_version,
)


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


def write_card(version: Path, spec: ModelSpec) -> None:
    """Write card, labels and sample into the folder `version`, for its model; renews SHA256SUMS.

    Raises RejectedError as `describe` does, and OSError.
    """
    name = model_file(path.relative_to(version).as_posix() for path in version.rglob("*"))
    if name is None:
        raise RejectedError(f"{version} holds no model; give a folder <model>/<version>")
    resolved = describe(read_source(version / name), spec).resolved
    for file, content in _files_beside(resolved.card, resolved.labels, spec).items():
        replace_file(version / file, content)
    renew_sums(version)


@dataclass(frozen=True)
class Described:
    """A network for one picture of fixed size, its two ports, and its card."""

    network: ov.Model
    ports: ClassifierPorts
    resolved: ResolvedCard


def describe(source: Source, spec: ModelSpec) -> Described:
    """Hold `source` against `spec`; raises RejectedError when they do not fit or do not suffice."""
    in_card = spec.card.input if spec.card is not None else ImageInput()
    labels = spec.labels or source.labels
    network, ports = as_classifier(
        source.network,
        spec.size or in_card.size or source.size,
        output=spec.output,
        labels=len(labels) if labels is not None else None,
        layout=in_card.layout if "layout" in in_card.model_fields_set else None,
    )
    return Described(network, ports, resolve_card(spec, ports, source))


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
    beside = _files_beside(card, resolved.labels, request.spec)
    files = {**beside, **ir_files(network, card, resolved.labels, half_weights=half_weights)}
    return with_sums(files), card, source.notes + resolved.notes


def _files_beside(card: ModelCard, labels: Sequence[str], spec: ModelSpec) -> Files:
    """Card, labels and sample picture; raises RejectedError when the picture cannot be read."""
    files = card_files(card, labels)
    if card.sample is None or spec.sample is None:
        return files
    try:
        return {**files, card.sample.picture: spec.sample.read_bytes()}
    except OSError as error:
        raise RejectedError(f"the sample picture {spec.sample} cannot be read: {error.strerror}") from error


def _name_ports(network: ov.Model, card: ModelCard) -> None:
    """Let server and card call input and output the same, also where the file gave them no name."""
    for port, name in ((network.inputs[0], card.input.name), (network.outputs[0], card.output.name)):
        if name not in port.get_names():
            port.set_names({name})
