"""The text of `config.json`, from the state. Pure.

The server's schema is closed and one offending key makes it refuse the whole file, so only keys from its own
whitelist leave here. The policy is always `specific`: it makes every step explicit, and it avoids the
server's fallbacks, which lose models in some cases (measured on OVMS 2026.2.1).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_common.errors import FatalError
from edge_common.model_card import Serving

from model_sync.planning.state import State

_SERVING_KEYS = frozenset({"target_device", "nireq", "batch_size", "shape", "layout", "plugin_config"})


def serving_settings(serving: Serving) -> Mapping[str, Any]:
    """The part of a card's `serving` that belongs into config.json; only what the card sets."""
    wanted = serving.model_fields_set & _SERVING_KEYS
    return serving.model_dump(mode="json", exclude_none=True, include=wanted) if wanted else {}


def format_config(state: State, models_dir: Path) -> bytes:
    """The config.json that serves exactly what the state has configured.

    Raises FatalError for a serving setting that is not in the server's whitelist.
    """
    entries = []
    for name, model in sorted(state.models.items()):
        if not model.configured:
            continue  # an entry with an empty version list would be accepted and retire everything
        unknown = model.settings.keys() - _SERVING_KEYS
        if unknown:
            raise FatalError(f"serving setting {min(unknown)!r} of {name} is unknown to the model server")
        entry = {
            "name": name,
            "base_path": str(models_dir / name),
            "model_version_policy": {"specific": {"versions": sorted(model.configured)}},
            **model.settings,
        }
        entries.append({"config": entry})
    return json.dumps({"model_config_list": entries}, indent=2).encode() + b"\n"


def configured_versions(content: bytes) -> Mapping[str, tuple[int, ...]]:
    """Model -> numbers, as far as a config.json of ours tells; empty for anything else."""
    try:
        entries = [entry["config"] for entry in json.loads(content)["model_config_list"]]
        return {
            entry["name"]: tuple(sorted(entry["model_version_policy"]["specific"]["versions"]))
            for entry in entries
            if "specific" in entry.get("model_version_policy", {})
        }
    except (ValueError, KeyError, TypeError):
        return {}
