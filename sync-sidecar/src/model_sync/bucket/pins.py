"""The pin of a model, `pin.yaml` in its folder: which version answers until it goes, and why. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from edge_common.errors import RejectedError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from model_sync.bucket.catalog import Catalog, ListedModel
from model_sync.bucket.file_kinds import text_problem
from model_sync.bucket.keys import PIN_NAME, is_version_name, quoted

MAX_BYTES = 4096
MAX_REASON, MAX_NAME = 300, 100
"""Characters of a reason, and of the name of who gives it."""
_EXAMPLE = "write 'version: 1', and, if you like, reason, by and at"


@dataclass(frozen=True)
class Pin:
    """The bucket version that is to answer; `reason`, `by` and `at` (ISO 8601) as written, or empty."""

    version: str
    reason: str = ""
    by: str = ""
    at: str = ""


@dataclass(frozen=True)
class ListedPin:
    """What the bucket says of a model's pin. With a `problem`, `pin` is the last good one, if any."""

    pin: Pin | None
    problem: str | None = None
    mark: str = ""
    """What changes with the object; empty: it is to be read."""
    missed: int = 0
    """Listings in a row that had the model without it."""


def _version(value: Any) -> Any:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not is_version_name(text):
        raise ValueError(f"{quoted(str(value))} is no version; write a whole number such as 1, or latest")
    return text


def one_line(value: Any) -> Any:
    """Text as one line; raises ValueError for control characters, which a terminal would obey."""
    text = " ".join(value.split()) if isinstance(value, str) else value
    if isinstance(text, str) and not text.isprintable():
        raise ValueError("holds a control or invisible character; remove it")
    return text


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):  # what YAML makes of an unquoted one
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and value:
        datetime.fromisoformat(value)
    return value


_Text = BeforeValidator(one_line)


class _PinFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[str, BeforeValidator(_version)]
    reason: Annotated[str, _Text, Field(max_length=MAX_REASON)] = ""
    by: Annotated[str, _Text, Field(max_length=MAX_NAME)] = ""
    at: Annotated[str, BeforeValidator(_moment), Field(max_length=40)] = ""


def parse_pin(content: bytes) -> Pin:
    """The pin in a pin.yaml; raises RejectedError that names the key at fault and what to write."""
    # imported here because every start imports this module, and few read a pin
    from edge_common.plain_yaml import PlainYamlError, parse_plain_yaml  # noqa: PLC0415

    if len(content) > MAX_BYTES:
        raise RejectedError(f"{PIN_NAME} has {len(content)} bytes, and at most {MAX_BYTES} are read")
    problem = text_problem(PIN_NAME, content)
    if problem is not None:
        raise RejectedError(problem)
    try:
        data = parse_plain_yaml(content)
    except PlainYamlError as error:
        raise RejectedError(f"{PIN_NAME} {error} and upload it again") from error
    if not isinstance(data, dict):
        raise RejectedError(f"{PIN_NAME} is no pin; {_EXAMPLE}")
    return pin_from_mapping(data)


def pin_from_mapping(data: Mapping[Any, Any]) -> Pin:
    """The pin in an already parsed mapping; raises RejectedError as `parse_pin` does."""
    try:
        return Pin(**_PinFile.model_validate(data).model_dump())
    except ValidationError as error:
        raise RejectedError(f"{PIN_NAME}: {first_fault(error)}; {_EXAMPLE}") from error


def first_fault(error: ValidationError) -> str:
    """The first key that is at fault, and why."""
    first = error.errors()[0]
    place = quoted(".".join(map(str, first["loc"])))
    if first["type"] == "extra_forbidden":
        return f"unknown key {place}"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"


def format_pin(pin: Pin) -> bytes:
    """The pin.yaml that `parse_pin` reads as `pin`; values are quoted as in JSON, which is YAML as well."""
    told = {key: value for key, value in asdict(pin).items() if value}
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in told.items()).encode()


def pin_key(model: ListedModel) -> str:
    """The key of the model's pin, there or not; beside its other objects, under whichever prefix they lie.

    The model is one of a listing, so it has an object.
    """
    found = [("", there) for there in model.loose.values()]
    for version, upload in model.versions.items():
        found += [(f"{version}/", there) for there in (*upload.files, upload.checksums) if there is not None]
    folder, there = found[0]
    return there.key.removesuffix(folder + there.path) + PIN_NAME


Pins = Mapping[str, ListedPin]
"""Model -> its pin."""
_ENOUGH_LISTINGS = 2
"""Without the object, before a pin is believed to be gone."""


def pins_after_listing(before: Pins, found: Pins, catalog: Catalog) -> dict[str, ListedPin]:
    """The pins after a listing that `found` these; `before`: those known until then.

    A pin is gone when two listings in a row have a version of its model, and not the pin. So an empty answer
    ends none.
    """
    pins = dict(found)
    for name, known in before.items():
        listed = catalog.models.get(name)
        if name in found:
            continue
        if listed is None or not listed.versions:
            pins[name] = known
        elif known.missed + 1 < _ENOUGH_LISTINGS:
            pins[name] = ListedPin(known.pin, known.problem, missed=known.missed + 1)
    return pins
