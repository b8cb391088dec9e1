"""The text of state.json, and the state in one. Pure."""

import json
import re
from typing import Any

from edge_common.errors import FatalError
from pydantic import TypeAdapter

from model_sync.planning.state import ModelState, State

SCHEMA = 3
_SCHEMA_1_NAMES = {
    "source": "bucket_version",
    "number": "local_version",
    "upload_mark": "upload_id",
    "before_trial": "before_rollout",
    "refused": "rejected_settings",
    "last_number": "last_local_version",
}
"""Names that schema 1 had for what is in an entry today."""
_MODEL = TypeAdapter(ModelState)
_HEAD = re.compile(rb'\{"schema": [0-9]+, "writer": ([0-9]{1,18}),')
HEAD_BYTES = 64
"""Of a state.json; they hold its fencing token."""


def state_to_json(state: State) -> bytes:
    """The text of state.json."""
    entries = [f"{json.dumps(name)}: {model.as_json}" for name, model in sorted(state.models.items())]
    head = f'{{"schema": {SCHEMA}, "writer": {state.writer}, "models": {{\n'
    return "".join([head, ",\n".join(entries), "\n}}\n"]).encode()


def writer_in(head: bytes) -> int | None:
    """The fencing token in the first bytes of a state.json; None where they have none."""
    found = _HEAD.match(head)
    return int(found[1]) if found else None


def state_from_json(content: bytes) -> State:
    """The state in a state.json; raises FatalError when it is not one (then it is rebuilt)."""
    try:
        data = json.loads(content)
        if data["schema"] not in {1, 2, SCHEMA}:
            raise FatalError(f"state.json has schema {data['schema']}; this program reads schema {SCHEMA}")
        models = {name: _model(entry) for name, entry in data["models"].items()}
        return State(models, writer=int(data.get("writer", 0)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FatalError(f"state.json cannot be understood: {error!r}") from error


def _renamed(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with today's names, whichever schema it was written in."""
    return {_SCHEMA_1_NAMES.get(name, name): value for name, value in entry.items()}


def _model(written: dict[str, Any]) -> ModelState:
    entry = _renamed(written)
    versions = [_renamed(version) for version in entry["stored"]]
    rejections = entry["rejections"].items()
    before = entry.get("before_rollout")  # until schema 2 settings were tried in the model's own entry
    return _MODEL.validate_python(
        {
            "stored": {version["local_version"]: version for version in versions},
            "configured": entry["configured"],
            "confirmed": entry["confirmed"],
            "settings": entry["settings"] if before is None else before,
            "rollout": entry.get("rollout"),
            "rejected_settings": entry["rejected_settings"],
            "last_local_version": entry["last_local_version"],
            "pin": entry.get("pin"),
            "rejections": {version: _renamed(rejection) for version, rejection in rejections},
        }
    )
