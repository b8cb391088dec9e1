"""What a version brings beside its model: a signature, its origin, pictures, and what came of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_common.errors import RejectedError
from edge_common.logs import get_logger
from edge_common.model_card import Acceptance, ModelCard

from model_sync.bucket.catalog import ListedModel, Upload
from model_sync.bucket.completeness import IncompleteError
from model_sync.bucket.evidence_files import (
    ACCEPTANCE_FOLDER,
    EXPECTED_NAME,
    MAX_EXPECTED_BYTES,
    MAX_PROVENANCE_BYTES,
    PROVENANCE_NAME,
    Provenance,
    parse_expected,
    parse_provenance,
    unknown_label,
)
from model_sync.bucket.keys import quoted
from model_sync.cards.cards import EffectiveCard
from model_sync.download.staging import Staging
from model_sync.metrics import Metrics
from model_sync.planning.evidence import (
    AcceptanceFigures,
    AcceptanceRun,
    Evidence,
    acceptance_figures,
    acceptance_rejection,
)
from model_sync.planning.state import StoredFile, StoredVersion
from model_sync.preflight.check import AcceptancePictures, SamplePicture, VersionInService
from model_sync.settings import Settings
from model_sync.store.object_store import ObjectStore, read_small
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.volume import Volume

if TYPE_CHECKING:
    from model_sync.trust.verify import SignatureCheck

_log = get_logger()

_MAX_SAMPLE_BYTES: Final = 16 * 1024 * 1024
"""A larger picture is refused unread; a photo of 12 megapixels is a quarter of this."""
_NO_CARD = EffectiveCard(ModelCard(schema=1), None)


@dataclass(frozen=True)
class Published:
    """What is on the volume, as far as acceptance asks for it, from any thread.

    The state in `records` is replaced by the loop, never changed.
    """

    volume: Volume
    records: RecordedState

    def in_service(self, name: str) -> VersionInService | None:
        """The highest version of the model `name` that the server has answered with; None: there is none."""
        model = self.records.current.model(name)
        answering = [n for n in model.confirmed if n in model.configured and n in model.stored]
        newest = max((n for n in answering if not model.stored[n].harmed), default=None)
        if newest is None:
            return None
        try:
            card = EffectiveCard.from_json(self.volume.load_card(name, newest) or b"")
        except (OSError, ValueError, RejectedError):
            card = _NO_CARD
        folder = self.volume.version_folder(name, newest)
        return VersionInService(model.stored[newest].bucket_version, folder, card)

    def same_content(self, upload: Upload, files: Iterable[StoredFile]) -> StoredVersion | None:
        """The version that was published with exactly these files; None: they are new."""
        return self.records.current.model(upload.model).stored_with(upload.bucket_version, files)


def acceptance_pictures(
    tree: Path, card: EffectiveCard | None, served: VersionInService | None
) -> AcceptancePictures | None:
    """The pictures that the version in `tree` brings; None when it brings none and its card wants none.

    Raises RejectedError for an expected.csv that cannot be used and for thresholds without pictures,
    IncompleteError for a picture that is named and not there.
    """
    path = tree / EXPECTED_NAME
    if not path.is_file():
        if (tree / ACCEPTANCE_FOLDER).exists():
            raise RejectedError(
                f"its folder {ACCEPTANCE_FOLDER} has no expected.csv that says what the pictures show; "
                "upload that with a line file,label for each, or remove the folder"
            )
        if card is not None and card.card.acceptance != Acceptance():
            raise RejectedError(
                f"the card's acceptance asks for pictures, and the version brings no {EXPECTED_NAME}; upload "
                "that with the pictures (and list them in SHA256SUMS), or remove acceptance from the card"
            )
        return None
    with path.open("rb") as file:
        expected = parse_expected(file.read(MAX_EXPECTED_BYTES + 1))
    if card is None or card.labels is None:
        raise RejectedError(
            f"{EXPECTED_NAME} names labels, and the model's card has none; add output.labels to model.yaml"
        )
    unknown = unknown_label(expected, card.labels)
    if unknown is not None:
        raise RejectedError(unknown)
    folder = tree / ACCEPTANCE_FOLDER
    missing = [line.file for line in expected if not (folder / line.file).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise IncompleteError(f"waiting for {ACCEPTANCE_FOLDER}/{missing[0]}{more}, named by {EXPECTED_NAME}")
    return AcceptancePictures(folder, expected, card, served)


def judged(
    run: AcceptanceRun | None, card: EffectiveCard | None, served: VersionInService | None, *, times: bool
) -> AcceptanceFigures | None:
    """The figures of a run that is good enough for the card's thresholds; None when there was none.

    Without `times` max_latency is not judged. Raises RejectedError that says what was missed.
    """
    if run is None or card is None:
        return None
    figures = acceptance_figures(run, served.bucket_version if served is not None else None)
    wanted = card.card.acceptance
    rejection = acceptance_rejection(
        figures, wanted if times else wanted.model_copy(update={"max_latency": None})
    )
    if rejection is not None:
        raise RejectedError(rejection)
    return figures


def provenance_of(tree: Path) -> Provenance | None:
    """What the file says; None without one, or with one that cannot be read, which is logged.

    A version is no worse for it. Raises OSError.
    """
    path = tree / PROVENANCE_NAME
    if not path.is_file():
        return None
    with path.open("rb") as file:
        content = file.read(MAX_PROVENANCE_BYTES + 1)
    try:
        return parse_provenance(content)
    except RejectedError as error:
        _log.warning("provenance_unreadable", error=str(error))
        return None


def signature_check(settings: Settings, now: Callable[[], float]) -> "SignatureCheck | None":
    """What is asked of each version; None: nothing. `now` gives Unix seconds."""
    if settings.signatures == "off" or settings.trusted_keys is None:
        return None
    # imported here because cryptography takes memory that a sidecar without signatures need not have
    from model_sync.trust.trusted_keys import TrustedKeys  # noqa: PLC0415
    from model_sync.trust.verify import SignatureCheck  # noqa: PLC0415

    keys = TrustedKeys(settings.trusted_keys)
    return SignatureCheck(keys, now, required=settings.signatures == "require")


def evidence_of(
    upload: Upload, stored: Sequence[StoredFile], tree: Path, check: "SignatureCheck | None", metrics: Metrics
) -> Evidence:
    """What the signature of `upload` proves; `stored`: the digests of the bytes that arrived in `tree`.

    Raises RejectedError that names the signer and the file at fault.
    """
    if check is None:
        return Evidence()
    first = upload.files[0]
    place = first.key.removesuffix(f"/{upload.bucket_version}/{first.path}")
    result = "rejected"
    try:
        signature = check.of_files([place], stored, tree)
        result = "valid" if signature is not None else "unsigned"
    finally:
        metrics.signatures.labels(result=result).inc()
    return Evidence(signature)


def place_sample(
    store: ObjectStore, remote: ListedModel, upload: Upload, staging: Staging, card: EffectiveCard | None
) -> SamplePicture | None:
    """The card's sample picture as a file; None when the card wants none.

    It is looked for in the version's folder, then in the model's. Raises RejectedError when it is in neither
    or too large, RetryableError when the store fails.
    """
    if card is None or card.card.sample is None:
        return None
    name = card.card.sample.picture
    fetched = staging.tree / name
    if fetched.is_file() and fetched.stat().st_size <= _MAX_SAMPLE_BYTES:
        return SamplePicture(fetched, card)
    listed = next((file for file in upload.files if file.path == name), remote.loose.get(name))
    if listed is None:
        raise RejectedError(
            f"the card names the sample picture {quoted(name)}, which is not there; upload it beside the card"
        )
    beside = staging.folder / "sample"  # outside the tree: it is no part of what is served
    beside.write_bytes(read_small(store, listed, _MAX_SAMPLE_BYTES))
    return SamplePicture(beside, card)
