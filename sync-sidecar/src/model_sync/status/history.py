"""What a step has added to the history, and how that is kept."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from edge_common.logs import get_logger
from edge_common.quantities import format_size

from model_sync.bucket.keys import is_version_name, version_rank
from model_sync.bucket.pins import Pin
from model_sync.planning.history import MAX_ENTRIES, Event, HistoryEntry, shortened
from model_sync.planning.rollout import describe_settings
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.state import ModelState, RejectedAt, Rejection, State
from model_sync.planning.uploads import Phase
from model_sync.status.version_reports import Key, VersionReport
from model_sync.volume.kept_files import HistoryFile

_log = get_logger()

Rows = Mapping[Key, VersionReport]

_SERVES = frozenset({Event.SERVING, Event.ROLLED_BACK})
_OF_VERSIONS = _SERVES | {Event.UPLOADED, Event.RETIRED, Event.REJECTED, Event.WENT_BACK}

_OF_PINS = frozenset({Event.PINNED, Event.UNPINNED})
_ECHO_SECONDS = 60.0
"""How long after it was done something may be seen in the bucket, or before that was noted."""


@dataclass(frozen=True)
class Known:
    """What has been told, so that nothing is told twice."""

    versions: Mapping[Key, tuple[Event, str]] = field(default_factory=dict)
    """Model and bucket version -> the last event that was told of it, and its reason."""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    """Each without its time."""
    models: Mapping[str, ModelState] = field(default_factory=dict)
    server: bool | None = None
    """Whether it answers; None: nobody has asked."""
    store: bool | None = None


def known_from(entries: Iterable[HistoryEntry], state: State) -> Known:
    """What `entries` told; of versions that they do not name any more, what `state` has recorded."""
    versions: dict[Key, tuple[Event, str]] = {}
    for name, model in state.models.items():
        for local_version, version in model.stored.items():
            serves = local_version in model.confirmed
            versions[name, version.bucket_version] = (Event.SERVING if serves else Event.RETIRED), ""
        for bucket_version, rejection in model.rejections.items():
            if rejection.stage != RejectedAt.WATCH or rejection.retry_at is None:  # else it may answer again
                versions[name, bucket_version] = _event_of(rejection), shortened(rejection.reason)
    return with_told(Known(versions, models=state.models), entries)


def with_told(known: Known, entries: Iterable[HistoryEntry]) -> Known:
    """The same once `entries` are told."""
    versions, pins = dict(known.versions), dict(known.pins)
    for entry in entries:
        key = entry.model, entry.version
        if entry.event in _OF_VERSIONS:
            versions[key] = entry.event, entry.reason
        elif entry.event is Event.REMOVED:
            versions.pop(key, None)
        elif entry.event is Event.PINNED:
            pins[entry.model] = Pin(entry.version, entry.reason, entry.by)
        elif entry.event is Event.UNPINNED:
            pins.pop(entry.model, None)
    return replace(known, versions=versions, pins=pins)


def with_seen(known: Known, snapshot: Snapshot) -> Known:
    """The same once it is told how `snapshot` finds models, server and store."""
    server = snapshot.server.own is not None
    return replace(
        known,
        models=snapshot.state.models,
        server=server if server or known.server is not None else None,
        store=snapshot.bucket.error is None if snapshot.bucket.last_attempt is not None else known.store,
    )


def happened(known: Known, snapshot: Snapshot, rows: Rows, before: Rows) -> list[HistoryEntry]:
    """What `snapshot` and its `rows` show that is not `known` yet; `before`: the rows of the last step."""
    versions = sorted(_of_versions(known, snapshot, rows, before), key=lambda one: one.event is Event.RETIRED)
    found = (
        *_of_pins(known, snapshot),
        *versions,
        *_of_settings(known, snapshot),
        *_of_sides(known, snapshot),
    )
    return [replace(entry, reason=shortened(entry.reason)) for entry in found]


def _of_pins(known: Known, snapshot: Snapshot) -> Iterator[HistoryEntry]:
    now, pins = snapshot.now, snapshot.bucket.pins
    for name, listed in pins.items():
        pin = listed.pin
        if pin is not None and replace(pin, at="") != known.pins.get(name):
            yield HistoryEntry(now, Event.PINNED, name, pin.version, pin.reason, pin.by)
    if snapshot.bucket.catalog is not None:
        for name, pin in known.pins.items():
            if name not in pins:
                yield HistoryEntry(now, Event.UNPINNED, name, pin.version)


def _of_versions(known: Known, snapshot: Snapshot, rows: Rows, before: Rows) -> Iterator[HistoryEntry]:
    now = snapshot.now
    for key, row in rows.items():
        last, was = known.versions.get(key), before.get(key)
        event = last[0] if last is not None else None
        replaced = was is not None and was.upload_id not in {None, row.upload_id}
        if row.upload_id is not None and (event is None or (replaced and event is not Event.UPLOADED)):
            yield HistoryEntry(now, Event.UPLOADED, *key, f"{row.files} files, {format_size(row.size)}")
        rejected = _event_of(snapshot.state.model(row.model).rejections.get(row.bucket_version))
        if row.phase is Phase.REJECTED and last != (rejected, shortened(row.reason)):
            yield HistoryEntry(now, rejected, *key, row.reason)
        elif row.phase is Phase.SERVING and event not in _SERVES:
            back = _steps_back(known, snapshot, key)
            yield HistoryEntry(now, Event.ROLLED_BACK if back else Event.SERVING, *key, row.reason)
        elif row.phase in {Phase.RETIRING, Phase.PREVIOUS} and event in _SERVES:
            yield HistoryEntry(now, Event.RETIRED, *key, row.reason)
    if snapshot.bucket.catalog is not None:
        for key in known.versions.keys() - rows.keys():
            yield HistoryEntry(now, Event.REMOVED, *key, "no longer in the bucket, nor on the volume")


def _event_of(rejection: Rejection | None) -> Event:
    back = rejection is not None and rejection.stage == RejectedAt.WATCH
    return Event.WENT_BACK if back else Event.REJECTED


def _steps_back(known: Known, snapshot: Snapshot, key: Key) -> bool:
    """Whether the version that begins to answer is a pinned one, and takes the place of a higher one."""
    model, version = key
    listed = snapshot.bucket.pins.get(model)
    if listed is None or listed.pin is None or listed.pin.version != version or not is_version_name(version):
        return False
    answered = [v for (name, v), (event, _) in known.versions.items() if name == model and event in _SERVES]
    return any(version_rank(other) > version_rank(version) for other in answered if is_version_name(other))


def _of_settings(known: Known, snapshot: Snapshot) -> Iterator[HistoryEntry]:
    for name, model in snapshot.state.models.items():
        was = known.models.get(name)
        if was is None or was is model:
            continue
        if was.configured and model.configured and was.settings != model.settings:
            settings = describe_settings(model.settings) or "the defaults"
            yield HistoryEntry(snapshot.now, Event.SETTINGS_IN_USE, name, reason=settings)
        rejected = model.rejected_settings
        if rejected is not None and rejected != was.rejected_settings:
            yield HistoryEntry(snapshot.now, Event.SETTINGS_REJECTED, name, reason=rejected.reason)


def _of_sides(known: Known, snapshot: Snapshot) -> Iterator[HistoryEntry]:
    now, server, error = snapshot.now, snapshot.server.own is not None, snapshot.bucket.error
    if known.server is not None and server != known.server:
        yield HistoryEntry(now, Event.SERVER_BACK if server else Event.SERVER_AWAY)
    if snapshot.bucket.last_attempt is None:
        return
    if error is not None and known.store is not False:
        yield HistoryEntry(now, Event.STORE_AWAY, reason=str(error))
    elif error is None and known.store is False:
        yield HistoryEntry(now, Event.STORE_BACK)


@dataclass
class History:
    """Follows the reports. Used by the loop's thread; `note` and `entries` by any."""

    file: HistoryFile
    entries: tuple[HistoryEntry, ...] = ()
    """Oldest first; replaced, never changed."""
    _known: Known | None = None
    """None: this pod does not write, or has not begun to."""
    _noted: SimpleQueue[HistoryEntry] = field(default_factory=SimpleQueue)
    _awaited: list[HistoryEntry] = field(default_factory=list)
    """Pins that people set over HTTP; the loop has not seen them in the bucket yet, and each is told once."""
    _unsaved: bool = False
    _told: str = ""

    def note(self, entry: HistoryEntry) -> None:
        """Add what a person has done; it is kept with the next report."""
        self._noted.put(replace(entry, reason=shortened(entry.reason)))

    def follow(self, snapshot: Snapshot, rows: Rows, before: Rows, *, writes: bool) -> None:
        """Add what `snapshot` shows, and keep it; a pod that does not write reads what its writer keeps."""
        noted, told = self._take_noted(self.entries)
        if not writes:  # the writer finds in the bucket what was asked of this pod
            self._known = None
            if self.file.changed:
                self.entries = self.file.load(mend=False)
            return
        if self._known is None:
            self.entries = told = self.file.load(mend=True)
            self._known = known_from(self.entries, snapshot.state)
        known = with_told(self._known, (entry for entry in noted if entry.event not in _OF_PINS))
        seen = happened(known, snapshot, rows, before)
        self._known = with_seen(with_told(known, seen), snapshot)
        found = [entry for entry in seen if not self._is_echo(entry)]
        if noted or found:
            self.entries = (*told, *noted, *found)[-MAX_ENTRIES:]
            self._unsaved = True
        if self._unsaved:
            self._save()

    def _take_noted(
        self, told: tuple[HistoryEntry, ...]
    ) -> tuple[list[HistoryEntry], tuple[HistoryEntry, ...]]:
        """The new entries, and what was `told` without those that the new ones tell better."""
        taken = [self._noted.get_nowait() for _ in range(self._noted.qsize())]
        for entry in (one for one in taken if one.event in _OF_PINS):
            of_model = (one for one in reversed(told) if one.event in _OF_PINS and one.model == entry.model)
            last = next(of_model, None)
            if last is not None and _is_same(last, entry):
                told = tuple(one for one in told if one is not last)
            else:
                self._awaited.append(entry)
        return taken, told

    def _is_echo(self, seen: HistoryEntry) -> bool:
        """Whether what was `seen` in the bucket was noted before; true once for each."""
        self._awaited = [one for one in self._awaited if seen.at - one.at < _ECHO_SECONDS]
        first = next((one for one in self._awaited if _is_same(one, seen)), None)
        if first is not None:
            self._awaited.remove(first)
        return first is not None

    def _save(self) -> None:
        try:
            self.file.save(self.entries)
        except OSError as error:
            if self._told != str(error):
                _log.warning("history_not_kept", reason=str(error), effect="tried again with the next step")
            self._told = str(error)
        else:
            self._unsaved, self._told = False, ""


def _is_same(one: HistoryEntry, other: HistoryEntry) -> bool:
    what = (one.event, one.model, one.version) == (other.event, other.model, other.version)
    who = one.by == other.by or not one.by or not other.by
    return what and who and abs(one.at - other.at) < _ECHO_SECONDS
