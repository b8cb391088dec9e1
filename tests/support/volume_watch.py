"""Looks at the models volume all the time, as a server would, and keeps what should never be there."""

import hashlib
import json
import threading
from pathlib import Path
from types import TracebackType
from typing import Self


class VolumeWatch:
    """Watches `volume` from entering the context until leaving it."""

    def __init__(self, volume: Path, complete: dict[str, set[str]]) -> None:
        """`complete`: model -> the digests that its model files may have."""
        self._volume = volume
        self._complete = complete
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._good: set[tuple[int, int, int]] = set()
        self.faults: list[str] = []
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(0.005):
            self.looks += 1
            self._look_at_config()
            self._look_at_versions()

    def _look_at_config(self) -> None:
        try:
            config = json.loads((self._volume / "config.json").read_bytes())
        except FileNotFoundError:
            return
        except ValueError as error:
            self.faults.append(f"config.json is half-written: {error}")
            return
        for entry in config["model_config_list"]:
            if not entry["config"]["model_version_policy"]["specific"]["versions"]:
                self.faults.append(f"config.json lists no version of {entry['config']['name']}")

    def _look_at_versions(self) -> None:
        for model, digests in self._complete.items():
            try:
                for file in sorted((self._volume / model).glob("*/model.*")):
                    self._look_at_file(file, model, digests)
            except FileNotFoundError:
                continue  # a folder was renamed away during the look, as a whole

    def _look_at_file(self, file: Path, model: str, digests: set[str]) -> None:
        facts = file.stat()
        known = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if known in self._good:
            return
        if hashlib.sha256(file.read_bytes()).hexdigest() in digests:
            self._good.add(known)
        else:
            self.faults.append(f"{file} is not a complete file of {model}")
