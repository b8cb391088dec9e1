"""The platform a notebook talks to: found by itself, asked through the sidecar and the client package."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from car_client.pipeline.classifier import Classification
from car_client.pipeline.given import classify_given, given_file
from car_client.session import Session
from car_client.settings import Settings as ClientSettings
from car_models.tracking.promote import Waiting
from edge_common.errors import FatalError
from edge_stack.background.record import read_record
from model_sync.upload import Settings as StoreSettings
from model_sync.upload import read_settings, read_status, versions_of

RECORD = Path(".local/stack/stack.json")
"""What `make up` leaves, under the folder of the checkout."""
_NEEDED = ("MODEL_SYNC_S3_ENDPOINT", "CAR_CLIENT_SERVER_URL", "CAR_CLIENT_SIDECAR_URL")
_MARK = "serving"


@dataclass(frozen=True)
class Platform:
    """Addresses of a store, a sidecar and a model server that belong together."""

    store: StoreSettings
    client: ClientSettings
    sidecar_url: str

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ, start: Path | None = None) -> Self:
        """The platform that the environment names, else the one of `make up` in a checkout above `start`.

        Raises FatalError when there is neither.
        """
        if missing := [name for name in _NEEDED if name not in environ]:
            record = _record_above(start or Path.cwd())
            if record is None:
                raise FatalError(
                    f"there is no platform: {missing[0]} is not set, and no `make up` runs here; start one "
                    f"with `make up`, or set {', '.join(_NEEDED)} and the store's keys"
                )
            environ = record
        settings = ClientSettings(
            server_url=environ["CAR_CLIENT_SERVER_URL"], sidecar_url=environ["CAR_CLIENT_SIDECAR_URL"]
        )
        return cls(read_settings(environ), settings, environ["CAR_CLIENT_SIDECAR_URL"])

    def waiting(self, timeout: float = 120.0) -> Waiting:
        """For a promotion that is to wait until this platform serves it, at most `timeout` seconds."""
        return Waiting(self.sidecar_url, timeout)

    def versions(self, model: str) -> Sequence[Mapping[str, Any]]:
        """The sidecar's word on every version of `model`; raises FatalError when it does not answer."""
        return versions_of(read_status(self.sidecar_url), model)

    def serving(self, model: str) -> str | None:
        """The bucket version of `model` that is served now; None when none is."""
        served = [entry["source"] for entry in self.versions(model) if entry["state"] == _MARK]
        return str(served[-1]) if served else None

    def classify(self, pictures: Sequence[Path], model: str) -> list[Classification]:
        """What the served `model` says of `pictures`, in order; raises what `car-client classify` does."""
        session = Session(self.client)
        given = [given_file(picture) for picture in pictures]
        outcome = classify_given(
            given, session.discovery, session.classifier, limits=session.limits, models=[model]
        )
        outcome.check()
        order = {picture.name: place for place, picture in enumerate(given)}
        return sorted(outcome.results, key=lambda result: order[result.picture])


def _record_above(start: Path) -> Mapping[str, str] | None:
    for folder in (start, *start.parents):
        record = read_record(folder / RECORD)
        if record is not None and record.running():
            return record.environment
    return None
