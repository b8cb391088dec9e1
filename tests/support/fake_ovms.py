"""A model server with the reload behaviour that was measured on OVMS 2026.2.1, one poll at a time.

New before old; a version that fails is retried each poll and never retires another that is listed; a listed
version whose folder is missing is not requested, so it is retired; files behind a loaded number are never
read again until it has ended; removed models stay listed as END until a restart. Changed settings compile
what serves anew in its place, after what is new was loaded; settings for a GPU take it away.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge_common.errors import RetryableError
from edge_common.served_state import ServedModels, VersionState

MODEL_FILE = "model.onnx"


@dataclass
class FakeOvms:
    """Serves a models folder. Content with `broken` first fails, `crash` ends it, `slow` never loads."""

    root: Path
    url: str = "http://ovms.invalid"
    states: dict[str, dict[int, VersionState]] = field(default_factory=dict)
    loaded: dict[tuple[str, int], bytes] = field(default_factory=dict)
    """What was read when a version was loaded last."""
    up: bool = True
    has_gpu: bool = False
    starts: int = 1
    on_half_read: Callable[[str], None] = lambda _what: None
    """Called when a requested folder is there but is no whole model."""
    settings: dict[tuple[str, int], str] = field(default_factory=dict)
    """With which serving settings a version was loaded last, as JSON."""
    _entries: dict[str, tuple[Path, list[int], str]] = field(default_factory=dict)

    def served(self) -> ServedModels:
        if not self.up:
            raise RetryableError("the model server is away")
        return {name: dict(versions) for name, versions in self.states.items()}

    def stop(self) -> None:
        """Die, as in a crash or a restart of the pod."""
        self.up = False
        self.states, self.loaded, self._entries = {}, {}, {}

    def start(self) -> None:
        """Come back with nothing loaded."""
        self.up = True
        self.starts += 1

    def poll(self) -> None:
        """Read config.json and move every model one visible step."""
        if not self.up:
            return
        self._read_config()
        for name, versions in self.states.items():
            requested = self._requested(name)
            if requested is None:
                continue
            if not self._load(name, versions, requested):
                return
            if not any(versions.get(number) is VersionState.LOADING for number in requested):
                self._retire(versions, requested)

    def _read_config(self) -> None:
        try:
            content = (self.root / "config.json").read_bytes()
        except FileNotFoundError:
            return
        try:
            entries = [entry["config"] for entry in json.loads(content)["model_config_list"]]
        except (ValueError, KeyError, TypeError):
            return  # what is no config.json changes nothing
        self._entries = {
            entry.pop("name"): (
                Path(entry.pop("base_path")),
                entry.pop("model_version_policy")["specific"]["versions"],
                json.dumps(entry, sort_keys=True),
            )
            for entry in entries
        }
        for name in self._entries:
            self.states.setdefault(name, {})

    def _requested(self, name: str) -> list[int] | None:
        """Listed numbers that have a folder; None when the listing fails, which changes nothing."""
        if name not in self._entries:
            return []
        base, listed, _ = self._entries[name]
        if not base.is_dir():
            return None
        return [number for number in sorted(listed) if (base / str(number)).is_dir()]

    def _load(self, name: str, versions: dict[int, VersionState], requested: list[int]) -> bool:
        for number in requested:
            state = versions.get(number)
            if state in {None, VersionState.END, VersionState.FAILED}:
                versions[number] = VersionState.LOADING
            elif state is VersionState.LOADING and not self._finish_load(name, versions, number):
                return False
        if all(versions[number] is not VersionState.LOADING for number in requested):
            self._compile_anew(name, versions, requested)
        return True

    def _compile_anew(self, name: str, versions: dict[int, VersionState], requested: list[int]) -> None:
        for number in requested:
            changed = self.settings.get((name, number)) != self._asked(name)
            if changed and versions[number] is VersionState.AVAILABLE:
                versions[number] = VersionState.LOADING
                return

    def _asked(self, name: str) -> str:
        return self._entries[name][2]

    def _finish_load(self, name: str, versions: dict[int, VersionState], number: int) -> bool:
        try:
            content = (self._entries[name][0] / str(number) / MODEL_FILE).read_bytes()
        except FileNotFoundError:
            self.on_half_read(f"{name}/{number}")
            versions[number] = VersionState.FAILED
            return True
        if content.startswith(b"crash"):
            self.stop()
            return False
        if content.startswith(b"broken") or ("GPU" in self._asked(name) and not self.has_gpu):
            versions[number] = VersionState.FAILED
        elif not content.startswith(b"slow"):
            versions[number] = VersionState.AVAILABLE
            self.loaded[name, number] = content
            self.settings[name, number] = self._asked(name)
        return True

    @staticmethod
    def _retire(versions: dict[int, VersionState], requested: list[int]) -> None:
        for number, state in versions.items():
            if number in requested or state is VersionState.END:
                continue
            unloading = state is VersionState.AVAILABLE
            versions[number] = VersionState.UNLOADING if unloading else VersionState.END
