"""The text of `config.json`, from the state. Pure.

The server's schema is closed and one offending key makes it refuse the whole file, so only keys from its own
whitelist leave here. The policy is always `specific`: it makes every step explicit, and it avoids the
server's fallbacks, which lose models in some cases (measured on OVMS 2026.2.1).
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edge_common.errors import FatalError
from edge_common.model_card import Serving
from edge_common.served_state import RESERVED

from model_sync.planning.rollout import trial_name
from model_sync.planning.state import State

_SERVING_KEYS = frozenset({"target_device", "nireq", "batch_size", "shape", "layout", "plugin_config"})


def serving_settings(serving: Serving) -> Mapping[str, Any]:
    """The part of a card's `serving` that belongs into config.json; only what the card sets."""
    wanted = serving.model_fields_set & _SERVING_KEYS
    return serving.model_dump(mode="json", exclude_none=True, include=wanted) if wanted else {}


def format_config(state: State, models_dir: Path) -> bytes:
    """The config.json that serves exactly what the state has configured.

    Entries in which settings are tried come last: one that the server cannot take harms what follows it.
    Raises FatalError for a serving setting that is not in the server's whitelist.
    """
    entries, trials = [], []
    for name, model in sorted(state.models.items()):
        if not model.configured:
            continue  # an entry with an empty version list would be accepted and retire everything
        folder = models_dir / name
        entries.append(_entry(name, folder, model.configured, model.settings))
        if model.rollout is not None and model.rollout.bridge is None:
            tried = [
                local_version for local_version in model.rollout.versions if local_version in model.configured
            ]
            if tried:
                trials.append(_entry(trial_name(name, model.rollout), folder, tried, model.rollout.settings))
    return json.dumps({"model_config_list": entries + trials}, indent=2).encode() + b"\n"


def _entry(
    name: str, folder: Path, local_versions: Iterable[int], settings: Mapping[str, Any]
) -> dict[str, Any]:
    unknown = settings.keys() - _SERVING_KEYS
    if unknown:
        raise FatalError(f"serving setting {min(unknown)!r} of {name} is unknown to the model server")
    return {
        "config": {
            "name": name,
            "base_path": str(folder),
            "model_version_policy": {"specific": {"versions": sorted(local_versions)}},
            **settings,
        }
    }


def configured_versions(content: bytes) -> Mapping[str, tuple[int, ...]]:
    """Model -> numbers, as far as a config.json of ours tells; empty for anything else.

    Entries in which settings are tried are no models.
    """
    try:
        return {
            entry["name"]: tuple(sorted(entry["model_version_policy"]["specific"]["versions"]))
            for entry in _entries(content)
            if "specific" in entry.get("model_version_policy", {}) and not entry["name"].startswith(RESERVED)
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def configured_settings(content: bytes) -> Mapping[str, Mapping[str, Any]]:
    """Model -> serving settings with which it is served, as far as a config.json of ours tells."""
    try:
        return {
            entry["name"]: {key: entry[key] for key in entry if key in _SERVING_KEYS}
            for entry in _entries(content)
        }
    except (ValueError, KeyError, TypeError):
        return {}


def _entries(content: bytes) -> list[dict[str, Any]]:
    return [entry["config"] for entry in json.loads(content)["model_config_list"]]
