"""Which models the server has, and what each of them takes: nothing is configured, everything is asked."""

import dataclasses
import json
from collections.abc import Collection, Iterable, Sequence
from urllib.parse import quote

from edge_common.errors import RejectedError, RetryableError
from edge_common.printable import printable
from edge_common.served_state import (
    RESERVED,
    ServedModels,
    VersionState,
    available_versions,
    parse_served_models,
)
from pydantic import BaseModel, TypeAdapter, ValidationError

from car_client.errors import RequestRefusedError, ServerFailedError, UnknownModelError, UnusableModelError
from car_client.kserve.connection import Connection
from car_client.kserve.inference import parse_metadata, version_number
from car_client.models.cards import CardAnswer, CardReader
from car_client.models.describe import describe_model
from car_client.models.served_model import ModelTable, ServedModel

_NOT_FOUND = 404
_TRITON_UNKNOWN = "Request for unknown model"


class _IndexEntry(BaseModel):
    name: str
    version: str = ""
    state: str = "UNAVAILABLE"  # Triton tells nothing but the name of what is not loaded


_INDEX = TypeAdapter(list[_IndexEntry])
_INDEX_STATES = {
    "READY": VersionState.AVAILABLE,
    "LOADING": VersionState.LOADING,
    "UNLOADING": VersionState.UNLOADING,
    "UNAVAILABLE": VersionState.END,
}


class Discovery:
    """Asks `server` for its models and `cards` for their cards; `only` restricts it to these names."""

    def __init__(self, server: Connection, cards: CardReader | None, *, only: Sequence[str] = ()) -> None:
        self._server = server
        self._cards = cards
        self._only = frozenset(only)
        self._has_config_status = True

    def refresh(self) -> ModelTable:
        """Everything the server has now. Raises ServerUnreachableError or ServerFailedError.

        A model that cannot be used, or that goes away meanwhile, harms no other one.
        """
        states, unclear = self._states()
        usable: dict[str, ServedModel] = {}
        unusable = {
            name: f"model {printable(name)} is left aside: the server tells its states in a form that is not "
            "known; use a client of the server's release, or mend the server"
            for name in unclear
        }
        for name in states:
            if not available_versions(states, name):
                continue
            try:
                usable[name] = self._describe(name, states)
            except UnknownModelError:
                continue  # it went away between the two questions; the next refresh tells
            except (RejectedError, ServerFailedError) as error:
                unusable[name] = str(error)
        return ModelTable({**states, **{name: {} for name in unclear}}, usable, unusable)

    def describe(self, name: str) -> ServedModel:
        """The model as it is now. Raises UnknownModelError, UnusableModelError, or what `refresh` raises."""
        return self._describe(name, self._states()[0])

    def _describe(self, name: str, states: ServedModels) -> ServedModel:
        available = available_versions(states, name)
        if not available:
            raise UnknownModelError(name, (known for known in states if available_versions(states, known)))
        # Unversioned, because the answer is then about the version that unversioned requests reach, even if
        # versions change between this question and the one before.
        answer = self._server.get(f"/v2/models/{quote(name, safe='')}")
        # Triton answers 400 where others answer 404.
        if answer.status == _NOT_FOUND or _TRITON_UNKNOWN in answer.error_text:
            raise UnknownModelError(name, states)
        metadata = parse_metadata(answer.checked(f"the metadata of model {name}").body)
        version = metadata.newest_version or available[-1]
        card = self._cards.card_of(name, version) if self._cards is not None else CardAnswer(None)
        try:
            model = describe_model(metadata, version, card.card, warnings=(card.error,) if card.error else ())
        except UnusableModelError as error:
            raise UnusableModelError(f"model {name} version {version} cannot be used: {error}") from error
        # Of the servers known, those with /v1/config are OVMS and its like, which decode files.
        return dataclasses.replace(model, decodes_files=self._has_config_status, digest=card.digest)

    def _states(self) -> tuple[ServedModels, list[str]]:
        """The states of the models that are looked at, and the names of those whose states are unclear."""
        told = self._config_status() if self._has_config_status else None
        states, unclear = (self._repository_index(), ()) if told is None else told
        return {name: states[name] for name in self._wanted(states)}, self._wanted(unclear)

    def _wanted(self, names: Iterable[str]) -> list[str]:
        if not self._only:
            # a sidecar tries new serving settings of a model under a name that is none
            return [name for name in names if not name.startswith(RESERVED)]
        return [name for name in names if name in self._only]

    def _config_status(self) -> tuple[ServedModels, Collection[str]] | None:
        answer = self._server.get("/v1/config")
        try:
            body = answer.checked("GET /v1/config").body
        except RequestRefusedError:
            return None
        try:
            return parse_served_models(body)
        except RetryableError as error:
            raise ServerFailedError(str(error)) from error

    def _repository_index(self) -> ServedModels:
        """The same from a server without `/v1/config`, such as Triton or MLServer."""
        answer = self._server.request(
            "POST",
            "/v2/repository/index",
            body=(json.dumps({}).encode(),),
            headers={"Content-Type": "application/json"},
        )
        try:
            entries = _INDEX.validate_json(answer.checked("the list of its models").body)
        except (RequestRefusedError, ValidationError) as error:
            raise ServerFailedError(
                f"{self._server.base_url} has neither /v1/config nor /v2/repository/index; "
                "check that the address is that of a model server"
            ) from error
        self._has_config_status = False
        states: dict[str, dict[int, VersionState]] = {}
        for entry in entries:
            # MLServer leaves the version out when there is one only; names such as "v2" cannot be ordered.
            number = version_number(entry.version)
            state = _INDEX_STATES.get(entry.state, VersionState.FAILED)
            states.setdefault(entry.name, {})[1 if number is None else number] = state
        return states
