"""Preflight of serving settings on a published version, beside the loop."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_common.errors import EdgeError, RejectedError

from model_sync.preflight.pool import WarmPreflight


@dataclass(frozen=True)
class CheckedSettings:
    """How a check ended; `rejection` None: they can be used."""

    settings: Mapping[str, Any]
    rejection: str | None


@dataclass
class SettingsChecks:
    """At most one check at a time and model. Used by one thread; `work_done` is called from another."""

    preflight: WarmPreflight | None
    work_done: Callable[[], None]
    _pool: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "settings-check"))
    _running: dict[str, tuple[Mapping[str, Any], Future[None]]] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self, model: str, folder: Path, settings: Mapping[str, Any]) -> None:
        """Load the version in `folder` with `settings`; without preflight they count as usable."""
        future = self._pool.submit(self._check, folder, settings)
        self._running[model] = (settings, future)
        future.add_done_callback(lambda _: self.work_done())

    @property
    def running(self) -> frozenset[str]:
        """Models whose settings are in preflight."""
        return frozenset(self._running)

    def collect(self) -> dict[str, CheckedSettings]:
        """Model -> how its check ended, for those that have; one that could not be made is simply gone."""
        ended = {}
        for model in [model for model, (_, future) in self._running.items() if future.done()]:
            settings, future = self._running.pop(model)
            try:
                future.result()
                ended[model] = CheckedSettings(settings, None)
            except RejectedError as error:
                ended[model] = CheckedSettings(settings, str(error))
            except EdgeError:
                continue  # the next plan asks again
        return ended

    def close(self) -> None:
        """End what runs."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _check(self, folder: Path, settings: Mapping[str, Any]) -> None:
        if self.preflight is not None:
            with self.preflight.take() as child:
                child.check(folder, settings, cancelled=self._stopping)
