"""Watches each version for a while after it took over, and goes back when it is clearly worse.

Going back is a rejection like any other, so that plans list the version before and bring it back as after a
failed load. What decides is `swap_watch.judgement`, from a record that is on the volume by then.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from edge_common.logs import get_logger

from model_sync.loop.wakeup import ClientReports, Clock, Reports
from model_sync.metrics import Metrics
from model_sync.model_server.server_counts import NOTHING, Counted, CountedTotals
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.state import ModelState, RejectedAt, Rejection, StoredVersion
from model_sync.swap_watch.judgement import Breach, Kept, WatchProgress, WatchState, judge, progress
from model_sync.swap_watch.observations import Answers, Observation, Seen, ServerCounts, Watch, WatchRecord
from model_sync.volume.kept_files import WatchFiles
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.volume import Volume

_log = get_logger()

_LOOKS, _SAVES = 100.0, 10.0
"""Observations in one watch, and how often its record is written meanwhile: flash wears."""
_TRIES = 10
"""Looks that follow each other soon after the start, to have something to compare with."""
_SHORTEST, _LONGEST, _LONGEST_IDLE = 0.5, 5.0, 30.0
"""Seconds between two observations, and between two readings while nothing is watched."""


@dataclass
class _Running:
    record: WatchRecord
    base: ServerCounts | None
    """What the server had counted of the version when the watch began; None: it goes on, and nobody knows."""
    so_far: ServerCounts = NOTHING
    """What was seen of it before this process began."""
    base_before: ServerCounts | None = None
    """What had been counted of the version before when the window before the watch began; None: as `base`."""
    saved_at: float = 0.0


@dataclass
class SwapWatch:
    """Follows what answers, and rejects what is worse than before. Used by the loop's thread."""

    window: float
    """Seconds that a version is watched for."""
    counts: Callable[[], Counted | None]
    records: RecordedState
    volume: Volume
    clock: Clock
    metrics: Metrics
    reports: ClientReports = field(default_factory=ClientReports)
    told: dict[str, WatchProgress] = field(default_factory=dict)
    """Model -> its last watch."""
    _running: dict[str, _Running] = field(default_factory=dict)
    _models: Mapping[str, ModelState] | None = None
    """As they were seen last; None: not since this pod writes to the volume."""
    _tries: int = 0
    _look_at: float = 0.0

    def __post_init__(self) -> None:
        """What is counted lately is what is counted within the window."""
        self.files = WatchFiles(self.volume)
        self.counted = CountedTotals(self.counts, self.window)

    def forget(self) -> None:
        """The volume is another pod's, or taken over anew."""
        self.told, self._running, self._models = {}, {}, None

    @property
    def next_look_at(self) -> float:
        """Monotonic time at which the next observation is due; infinite while nothing is watched."""
        return self._look_at if self._running else math.inf

    def step(self, snapshot: Snapshot) -> bool:
        """Begin, observe and end watches; True when something is to be told or planned anew."""
        models, changed = self.records.current.models, False
        if self._models is None:
            for name, model in models.items():
                self._go_on_with(name, model)
            self.files.forget_all_but(models)
        elif models is not self._models:
            changed = self._follow(snapshot, models)
        self._models = models
        if self.clock.monotonic() < self._look_at:
            return changed
        known = {(name, version) for name, model in models.items() for version in model.stored}
        self.counted.read(known, self.clock.monotonic())
        for name in list(self._running):
            self._observe(snapshot, name)
            changed = True
        self._tries += 1
        hurry = bool(self._running) or (self._tries < _TRIES and not self.counted.readings)
        pause = min(self.window / _LOOKS, _LONGEST) if hurry else min(self.window / _SAVES, _LONGEST_IDLE)
        self._look_at = self.clock.monotonic() + max(pause, _SHORTEST)
        return changed

    def _follow(self, snapshot: Snapshot, models: Mapping[str, ModelState]) -> bool:
        before, changed = self._models or {}, False
        for name, model in models.items():
            was, now = before.get(name), _top(model)
            if was is model:
                continue
            running = self._running.get(name)
            if running is not None and now != running.record.watch.local_version:
                self._end(name, WatchState.ENDED, "another version answers")
                changed = True
            old = _top(was) if was is not None else None
            if old is not None and not set(model.configured) <= set(model.confirmed):
                self._look_at = 0.0  # so that what the old one did until now is counted before it goes
            if old is not None and now is not None and old < now:
                changed = self._begin(snapshot, name, model, old, now) or changed
        for name in before.keys() - models.keys():
            self.told.pop(name, None)
            self._running.pop(name, None)
        return changed

    def _begin(self, snapshot: Snapshot, name: str, model: ModelState, old: int, now: int) -> bool:
        new, before = model.stored.get(now), model.stored.get(old)
        if new is None or before is None or new.bucket_version == before.bucket_version:
            return False  # content that was overwritten is not on the volume any more
        upload_id = _upload_id(snapshot, name, new) or new.fingerprint
        if _is_pinned(snapshot, name, model) or _went_back_once(model, new.bucket_version, upload_id):
            return False
        at = self.clock.now()
        known = (new.bucket_version, upload_id, now, before.bucket_version, old)
        watch = Watch(name, *known, since=at, until=at + self.window)
        self.reports.forget(name)
        base_before = self.counted.of_window_start((name, old), self.clock.monotonic())
        server = self.counted.of((name, old)) - base_before if self.counted.is_readable else None
        record, base = WatchRecord(watch, Seen(server)), self.counted.of((name, now))
        running = _Running(record, base, base_before=base_before)
        self._running[name] = running
        self.told[name] = progress(record, judge(record))
        self._save(running)
        self._look_at = 0.0
        _log.info("version_watched", model=name, version=watch.version, before=watch.before)
        return True

    def _go_on_with(self, name: str, model: ModelState) -> None:
        """What another process had begun to watch."""
        record = self.files.load(name)
        if record is None or record.watch.until <= self.clock.now() or record.watch.model != name:
            return
        now = model.stored.get(_top(model) or 0)
        watch = record.watch
        if now is None or (now.local_version, now.bucket_version) != (watch.local_version, watch.version):
            return
        if not watch.upload_id.startswith(now.fingerprint) or isinstance(judge(record), Breach):
            return
        last = record.observations[-1].seen.server if record.observations else None
        self._running[name] = _Running(record, None, last or NOTHING)
        self.told[name] = progress(record, judge(record))

    def _observe(self, snapshot: Snapshot, name: str) -> None:
        running, now = self._running[name], self.clock.now()
        record = running.record
        if _is_pinned(snapshot, name, self.records.current.model(name)):
            self._end(name, WatchState.ENDED, "the model is pinned, and a pin wins")
            return
        watch, reports = record.watch, self.reports.of(name)
        server, server_before = None, record.before.server
        if self.counted.is_readable:
            counted = self.counted.of((name, watch.local_version))
            running.base = counted if running.base is None else running.base
            server = running.so_far + (counted - running.base)
            if running.base_before is not None:  # its last requests may be counted after the swap was seen
                server_before = self.counted.of((name, watch.local_before)) - running.base_before
        earlier = _told_of(watch.local_before, reports)
        before = Seen(server_before, {**earlier, **record.before.clients})
        seen = Observation(min(now, watch.until), Seen(server, _told_of(watch.local_version, reports)))
        running.record = record = replace(record, before=before).with_observation(seen)
        verdict = judge(record)
        self.told[name] = progress(record, verdict)
        if isinstance(verdict, Kept):
            self._end(name, WatchState.KEPT, verdict.sentence)
        elif isinstance(verdict, Breach) and self.records.current.model(name).rollout is None:
            self._go_back(snapshot, name, verdict)
        elif self.clock.monotonic() - running.saved_at >= self.window / _SAVES:
            self._save(running)

    def _go_back(self, snapshot: Snapshot, name: str, breach: Breach) -> None:
        watch, model = self._running[name].record.watch, self.records.current.model(name)
        old, new = model.stored.get(watch.local_before), model.stored[watch.local_version]
        upload_id = _upload_id(snapshot, name, new)
        if upload_id is None:
            self._end(name, WatchState.ENDED, f"{breach.sentence}; other content is on its way in its place")
            return
        gone = snapshot.bucket.gone.get(name, ())
        if old is None or not old.trusted or old.bucket_version != watch.before or watch.before in gone:
            what = f"{breach.sentence}; {watch.before} is no longer on the volume, so it stays"
            self._end(name, WatchState.WORSE, what)
            return
        self._end(name, WatchState.WENT_BACK, f"{breach.sentence}; went back to {watch.before}")
        reason = (
            f"{breach.sentence}; went back to {watch.before}. Upload it corrected, or try it again with "
            "model-sync retry, after which it is not taken back"
        )
        rejection = Rejection(upload_id, reason, RejectedAt.WATCH, self.clock.now())
        self.records.change(name, model.with_rejection(watch.version, rejection))
        self.metrics.versions_withdrawn.labels(reason=breach.signal.value).inc()

    def _end(self, name: str, state: WatchState, sentence: str) -> None:
        running = self._running.pop(name)
        self._save(running)
        self.told[name] = replace(self.told[name], state=state, sentence=sentence)
        self.reports.forget(name)
        watch = running.record.watch
        told = _log.warning if state in {WatchState.WENT_BACK, WatchState.WORSE} else _log.info
        told(f"watch_{state.value}", model=name, version=watch.version, before=watch.before, reason=sentence)

    def _save(self, running: _Running) -> None:
        running.saved_at = self.clock.monotonic()
        self.files.save(running.record)


def _told_of(version: int, reports: Reports) -> dict[str, Answers]:
    return {who: told[version] for who, told in reports.items() if version in told}


def _top(model: ModelState) -> int | None:
    """The version that answers who names none."""
    return max(model.confirmed, default=None)


def _upload_id(snapshot: Snapshot, name: str, version: StoredVersion) -> str | None:
    """That of the upload of which `version` is the content; None: the bucket has another in its place."""
    catalog = snapshot.bucket.catalog
    listed = catalog.models.get(name) if catalog is not None else None
    upload = listed.versions.get(version.bucket_version) if listed is not None else None
    if upload is None:
        return version.fingerprint
    return upload.upload_id if upload.fingerprint == version.fingerprint else None


def _is_pinned(snapshot: Snapshot, name: str, model: ModelState) -> bool:
    return model.pin is not None or snapshot.bucket.pins.get(name) is not None


def _went_back_once(model: ModelState, bucket_version: str, upload_id: str) -> bool:
    known = model.rejections.get(bucket_version)
    return known is not None and (known.stage, known.upload_id) == (RejectedAt.WATCH, upload_id)
