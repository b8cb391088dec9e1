"""Every model and version the server knows, their states, and who answers a request.

All of it belongs to the event loop's thread; nothing here blocks. Models and versions are never forgotten:
what was removed stays listed as END until the server restarts, as OVMS does.
"""

import asyncio
import contextlib
from collections.abc import Iterator

from edge_common.served_state import VersionState

from ovms_lite.errors import Fault, RequestError
from ovms_lite.serving.servable import Servable

LOADING_WAIT_SECONDS = 10.0
"""How long a request that names a version waits while that version loads for the first time."""


class VersionRecord:
    """One version number of a model: its state, and what answers while it is AVAILABLE."""

    __slots__ = ("_settled", "servable", "state", "version")  # kept until the end, and there may be thousands

    def __init__(self, version: int) -> None:
        self.version = version
        self.state = VersionState.START
        self.servable: Servable | None = None
        self._settled: asyncio.Event | None = None

    def move_to(self, state: VersionState, servable: Servable | None = None) -> None:
        """Enter a state; `servable` answers from now on, None in every state but AVAILABLE."""
        self.state = state
        self.servable = servable
        if state is VersionState.LOADING:
            self._settled = self._settled or asyncio.Event()
        elif self._settled is not None:
            self._settled.set()
            self._settled = None

    async def wait_until_settled(self) -> None:
        """Return when a first load has ended, well or badly, or after LOADING_WAIT_SECONDS."""
        if self._settled is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), LOADING_WAIT_SECONDS)


class ModelRecord:
    """One model name and its versions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.versions: dict[int, VersionRecord] = {}
        self._default: Servable | None = None

    def record(self, version: int) -> VersionRecord:
        """The record of `version`, made when it is new."""
        return self.versions.setdefault(version, VersionRecord(version))

    def ordered(self) -> list[VersionRecord]:
        """Versions in ascending order."""
        return [self.versions[version] for version in sorted(self.versions)]

    def available(self) -> list[Servable]:
        """What answers, in ascending order of versions."""
        return [record.servable for record in self.ordered() if record.servable is not None]

    def default(self) -> Servable | None:
        """What answers requests that name no version: the highest AVAILABLE one."""
        return self._default

    def choose_default(self) -> None:
        """Look again for the highest AVAILABLE version; call it after every change of state."""
        available = self.available()
        self._default = available[-1] if available else None


class Catalogue:
    """The models by name."""

    def __init__(self) -> None:
        self.models: dict[str, ModelRecord] = {}

    def register(self, name: str) -> ModelRecord:
        """The record of a model, made when it is new."""
        return self.models.setdefault(name, ModelRecord(name))

    def model(self, name: str, missing: Fault = Fault.NAME_MISSING) -> ModelRecord:
        """The record of a known model; raises RequestError with the fault `missing`."""
        record = self.models.get(name)
        if record is None:
            raise RequestError(missing)
        return record

    def servables(self) -> Iterator[Servable]:
        """Everything that answers."""
        for model in self.models.values():
            yield from model.available()

    def default_servables(self) -> list[Servable]:
        """The default version of every model that has one, by model name."""
        defaults = (self.models[name].default() for name in sorted(self.models))
        return [servable for servable in defaults if servable is not None]


def servable_now(model: ModelRecord, version: int | None, not_loaded: Fault | None = None) -> Servable:
    """What answers for `version` (None: the default) at this moment.

    Raises RequestError: not found, not loaded yet, or retired. `not_loaded` replaces the last two, and is
    raised for a version whose compiled model is being replaced, too: it is for those who ask for readiness.
    """
    if version is None:
        servable = model.default()
        if servable is not None:
            return _ready(servable, not_loaded)
        draining = any(record.state is VersionState.UNLOADING for record in model.versions.values())
        raise RequestError((not_loaded or Fault.VERSION_RETIRED) if draining else Fault.VERSION_MISSING)
    record = model.versions.get(version)
    if record is None:
        raise RequestError(Fault.VERSION_MISSING)
    if record.servable is not None:
        return _ready(record.servable, not_loaded)
    retired = record.state in (VersionState.UNLOADING, VersionState.END)
    raise RequestError(not_loaded or (Fault.VERSION_RETIRED if retired else Fault.VERSION_NOT_LOADED))


def _ready(servable: Servable, not_ready: Fault | None) -> Servable:
    if not_ready is not None and not servable.is_ready:
        raise RequestError(not_ready)
    return servable


def is_loading(model: ModelRecord, version: int | None) -> VersionRecord | None:
    """The named version's record when it is being loaded for the first time, so that waiting makes sense."""
    record = None if version is None else model.versions.get(version)
    return record if record is not None and record.state is VersionState.LOADING else None
