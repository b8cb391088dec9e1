"""A version's acceptance: the pictures that it brings, the version it is held against, what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_common.errors import RejectedError
from edge_common.model_card import Acceptance, ModelCard

from model_sync.bucket.catalog import Upload
from model_sync.bucket.completeness import IncompleteError
from model_sync.bucket.expected_csv import (
    ACCEPTANCE_FOLDER,
    EXPECTED_NAME,
    MAX_EXPECTED_BYTES,
    parse_expected,
    unknown_label,
)
from model_sync.cards.cards import EffectiveCard
from model_sync.planning.acceptance import (
    AcceptanceFigures,
    AcceptanceRun,
    acceptance_figures,
    acceptance_rejection,
)
from model_sync.planning.state import StoredFile, StoredVersion
from model_sync.preflight.check import AcceptancePictures, VersionInService
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.volume import Volume

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
