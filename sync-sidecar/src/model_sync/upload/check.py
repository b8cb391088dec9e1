"""Would the sidecar serve this folder? Answered by the sidecar's own code, before anything is uploaded.

The folder is read as a bucket; the gate checks names, files, SHA256SUMS and card, and loads it once.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_common.card_file import FILE_NAME as CARD_NAME
from edge_common.errors import RejectedError

from model_sync.bucket.catalog import ListedModel, Upload, build_catalog
from model_sync.bucket.completeness import check_upload
from model_sync.bucket.keys import is_version_name
from model_sync.cards.model_cards import ModelCards, ModelLevelCard
from model_sync.download.staging import Staging
from model_sync.gate.gate import Gate, Incoming
from model_sync.preflight.pool import WarmPreflight
from model_sync.upload.folder import FolderStore

_MEMORY = 8 * 1024**3
"""Address space of the child that loads a model, in bytes: the sidecar's default."""


@dataclass(frozen=True)
class CheckedVersion:
    """What the sidecar would make of one version; `problem` is None when it would be served."""

    model: str
    version: str
    bytes: int
    problem: str | None
    acceptance: str = ""
    """What it made of its acceptance pictures, in figures; empty: it brings none."""


def check_model(
    folder: Path, *, timeout: float = 300.0, loads: bool = True, scratch: Path | None = None
) -> list[CheckedVersion]:
    """What would become of each version in the model folder `folder`, or on the one version it is.

    `timeout` in seconds is for loading one version; without `loads` none is. `scratch` is a folder with room
    for a second copy of one. Raises RejectedError when the folder is no model at all.
    """
    folder = folder.resolve()
    only = folder.name if is_version_name(folder.name) else None
    store = FolderStore(folder.parent if only else folder)
    catalog = build_catalog(store.list_objects())
    cards = ModelCards(store)
    cards.take(cards.read(catalog))
    found = [(model, version) for model in catalog.models.values() for version in model.versions.values()]
    versions = [(model, version) for model, version in found if only in (None, version.bucket_version)]
    if not versions:
        advice = (*catalog.notices, "put the files into <model>/<version>/, such as car/1/")[0]
        raise RejectedError(f"{folder} holds no version of a model: {advice}")
    with ThreadPoolExecutor(2) as transfers, WarmPreflight(timeout=timeout, memory=_MEMORY) as preflight:
        gate = Gate(store, transfers, preflight if loads else None, serves_here=False)
        return [
            CheckedVersion(model.name, version.bucket_version, version.size, *checked)
            for model, version in versions
            for checked in [_checked(gate, model, version, cards.of(model.name), scratch)]
        ]


def _checked(
    gate: Gate, model: ListedModel, version: Upload, model_card: ModelLevelCard | None, scratch: Path | None
) -> tuple[str | None, str]:
    """Its problem and its acceptance, as `CheckedVersion` has them."""
    if version.problem is not None:
        return version.problem, ""
    has_own_card = any(file.path == CARD_NAME for file in version.files)
    if model_card is not None and model_card.rejection is not None and not has_own_card:
        return model_card.rejection, ""
    waiting = check_upload(version, quiet_for=inf, quiet_time=0)
    if waiting is not None:
        return waiting.reason, ""
    with TemporaryDirectory(prefix="model-sync-check-", dir=scratch) as folder:
        try:
            card = model_card.card if model_card is not None else None
            staged = gate.admit(Incoming(model, version, Staging(Path(folder, "staging")), card))
        except RejectedError as error:
            return str(error), ""
    figures = staged.evidence.acceptance
    return None, str(figures) if figures is not None else ""
