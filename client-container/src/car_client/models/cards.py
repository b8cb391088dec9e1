"""Model cards, as the sidecar hands them out; it may be absent, and it may come and go."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from edge_common.card_file import card_from_mapping
from edge_common.errors import EdgeError, RejectedError
from edge_common.model_card import ModelCard

from car_client.errors import ServerFailedError
from car_client.kserve.connection import Connection

_OK = 200
_NOT_FOUND = 404
_PAUSE_SECONDS = 2.0
"""After a failure the sidecar is left alone for so long, so that its absence delays nothing else."""
_MOST_KEPT = 1000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """The card of a version, or None when it has none; `error` says why it could not be asked for."""

    card: ModelCard | None
    error: str | None = None
    digest: str | None = None
    """Of the version's files, `sha256:…`, as the sidecar has it; None: it does not say."""


class CardReader:
    """Asks the sidecar at `connection` for cards, and keeps to what it said when it cannot be asked.

    Keeping matters: a sidecar that restarts must not turn a described model into a guessed one.
    """

    def __init__(self, connection: Connection, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self._known: dict[tuple[str, int], CardAnswer] = {}
        self._silent_until = float("-inf")
        self._error = ""

    def card_of(self, model: str, version: int) -> CardAnswer:
        """The card of `version` of `model`. Raises RejectedError when there is one that is not valid."""
        key = (model, version)
        if self._monotonic() >= self._silent_until:
            try:
                answer = self._ask(model, version)
            except RejectedError:
                raise
            except EdgeError as error:
                self._silent_until = self._monotonic() + _PAUSE_SECONDS
                self._error = f"the sidecar could not be asked for a model card: {error}"
            else:
                if len(self._known) >= _MOST_KEPT:
                    self._known.pop(next(iter(self._known)))
                self._known[key] = answer
                return answer
        if key in self._known:
            return self._known[key]
        return CardAnswer(None, self._error)

    def _ask(self, model: str, version: int) -> CardAnswer:
        answer = self._connection.get(f"/v1/models/{quote(model, safe='')}/card?version={version}")
        said = answer.headers.get("x-model-digest", "")
        digest = said if _DIGEST.fullmatch(said) else None
        if answer.status == _NOT_FOUND:
            return CardAnswer(None, digest=digest)
        where = f"the card of model {model} version {version}"
        document = answer.document
        if answer.status != _OK or document is None:
            raise ServerFailedError(
                f"{self._connection.base_url} answers {where} with status {answer.status} and no card; "
                "check that the address is that of the sidecar"
            )
        return CardAnswer(card_from_mapping(document, where), digest=digest)
