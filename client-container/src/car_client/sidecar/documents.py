"""What the sidecar says of itself, the bucket and every version; nothing in it is believed unchecked."""

from typing import Annotated

from edge_common.printable import printable
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from car_client.errors import ServerFailedError

_LONGEST = 2000
"""Characters of one text; a reason has some hundred."""
_MOST_CHANGES = 200

Text = Annotated[str, AfterValidator(lambda text: printable(text[:_LONGEST]))]
"""One line that only says something, whoever wrote it."""
Time = AwareDatetime | None


class _Said(BaseModel):
    """Keys that a newer sidecar has beside these are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Signature(_Said):
    """Who signed a version, and what would be said against it now."""

    signer: Text
    key: Text = ""
    problem: Text = ""


class Acceptance(_Said):
    """What a version made of its acceptance pictures."""

    sentence: Text


class Provenance(_Said):
    """Where a version's files say that they come from."""

    registry: Text
    name: Text
    version: Text = ""
    run: Text = ""


class Version(_Said):
    """One version of a model, in the bucket or on the volume."""

    source: Text
    state: Text
    reason: Text = ""
    local_version: int | None = None
    bytes: int = 0
    files: int = 0
    since: Time = None
    removal: Time = None
    digest: Text | None = None
    signature: Signature | Text | None = None
    """A sentence where nobody signed it."""
    acceptance: Acceptance | None = None
    provenance: Provenance | None = None
    progress: Annotated[float, Field(ge=0, le=1)] | None = None


class Pin(_Said):
    """Which version a model is held to, or why a pin is not followed."""

    version: Text | None = None
    holds: bool = False
    sentence: Text = ""


class Watch(_Said):
    """A version that took over, compared with the one before for a while."""

    local_version: int
    local_before: int
    state: Text
    since: Time = None


class Model(_Said):
    """One model with the versions that answer at the moment."""

    serving: tuple[int, ...] = ()
    pin: Pin | None = None
    watch: Watch | None = None
    versions: tuple[Version, ...] = ()


class Cycle(_Said):
    """How listing the bucket went."""

    last_success: Time = None
    result: Text = "none"
    error: Text | None = None
    listing_since: Time = None


class ModelServer(_Said):
    """The model server, as the sidecar sees it."""

    state: Text = "away"
    busy_since: Time = None


class Store(_Said):
    """Which bucket is read."""

    endpoint: Text = ""
    bucket: Text = ""


class Mended(_Said):
    """Something that others had changed on the volume, and the sidecar put right."""

    at: Time = None
    sentence: Text = ""


class Changes(_Said):
    """Whether the sidecar takes changes from those who have its token, else how to have it do so."""

    allowed: bool = False
    how: Text | None = None


class Status(_Said):
    """The document of `GET /v1/status`; before the sidecar has taken over its volume it is empty."""

    instance: Text = ""
    role: Text = ""
    changes: Changes = Changes()
    cycle: Cycle = Cycle()
    server: ModelServer = ModelServer()
    store: Store = Store()
    models: dict[Text, Model] = {}
    mended: tuple[Mended, ...] = ()
    notices: tuple[Text, ...] = ()


class HistoryEntry(_Said):
    """One change of the past, and who asked for it if somebody did."""

    at: AwareDatetime
    event: Text
    model: Text = ""
    version: Text = ""
    reason: Text = ""
    by: Text = ""


class History(_Said):
    """The document of `GET /v1/history`, newest first."""

    entries: Annotated[tuple[HistoryEntry, ...], Field(max_length=_MOST_CHANGES)] = ()


def read_history(body: bytes) -> History | None:
    """The history in `body`; None when it is none, as with a sidecar that keeps none."""
    try:
        return History.model_validate_json(body)
    except ValidationError:
        return None


def read_status(body: bytes, address: str) -> Status:
    """The status in `body`, which `address` answered. Raises ServerFailedError when it is none."""
    try:
        return Status.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the answer"
        raise ServerFailedError(
            f"{address} does not answer as a sidecar does ({printable(place[:100])}: {first['msg']}); "
            "correct CAR_CLIENT_SIDECAR_URL, or use a sidecar of this client's version"
        ) from error
