"""What a model file and a person's words make together; and a card written beside a model that is there."""

from dataclasses import dataclass
from pathlib import Path

from edge_common.atomic_files import replace_file
from edge_common.errors import RejectedError
from edge_common.model_card import ImageInput
from edge_common.openvino_runtime import ov
from model_sync.upload import model_file

from car_models.importing.card_resolution import ResolvedCard, resolve_card
from car_models.importing.classifier_ports import ClassifierPorts, as_classifier
from car_models.importing.model_spec import ModelSpec
from car_models.importing.sources import Source, read_source
from car_models.packaging.version_files import Files, card_files, renew_sums


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


def files_beside(resolved: ResolvedCard, spec: ModelSpec) -> Files:
    """Card, labels and sample picture; raises RejectedError when the picture cannot be read."""
    files = dict(card_files(resolved.card, resolved.labels))
    if resolved.card.sample is not None and spec.sample is not None:
        try:
            files[resolved.card.sample.picture] = spec.sample.read_bytes()
        except OSError as error:
            raise RejectedError(
                f"the sample picture {spec.sample} cannot be read: {error.strerror}"
            ) from error
    return files


def write_card(version: Path, spec: ModelSpec) -> None:
    """Write card, labels and sample into the folder `version`, for its model; renews SHA256SUMS.

    Raises RejectedError as `describe` does, and OSError.
    """
    name = model_file(path.relative_to(version).as_posix() for path in version.rglob("*"))
    if name is None:
        raise RejectedError(f"{version} holds no model; give a folder <model>/<version>")
    described = describe(read_source(version / name), spec)
    for file, content in files_beside(described.resolved, spec).items():
        replace_file(version / file, content)
    renew_sums(version)
