"""Looks at bucket, model server and volume, and makes the snapshot that everything else is a function of."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from model_sync.cards.model_cards import ServingCards
from model_sync.download.staging import staged_bytes
from model_sync.loop.bucket_watch import BucketWatch
from model_sync.loop.under_way import UnderWay
from model_sync.loop.wakeup import Clock
from model_sync.model_server.config import serving_settings
from model_sync.model_server.server_watch import ServerWatch
from model_sync.planning.disk_budget import UNKNOWN_BYTES, DiskRoom, Evictable, least_free
from model_sync.planning.model_snapshot import Rules, has_ended
from model_sync.planning.snapshot import ServerSnapshot, ServingCard, Snapshot, by_model
from model_sync.planning.state import State
from model_sync.volume.probe import DiskUsage
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.volume import Volume


@dataclass
class Observer:
    """Makes snapshots; changes nothing but what this pod tells the others of its server."""

    bucket: BucketWatch
    server: ServerWatch
    volume: Volume
    records: RecordedState
    under_way: UnderWay
    cards: ServingCards
    clock: Clock
    rules: Rules
    max_bytes: int = 0
    """0: no limit of our own."""
    min_free: int | None = 0
    """None: what suits the size of the volume."""

    def look(self, before: Snapshot | None = None, *, list_bucket: bool = False) -> Snapshot:
        """Ask the server, and begin a listing if so; room and cards are still those of `before`.

        Raises OSError when the volume refuses what this pod has to tell the others.
        """
        if list_bucket:
            self.bucket.begin_listing()
        models = self.records.current.models
        kept = [(name, one.bucket_version) for name, model in models.items() for one in model.stored.values()]
        self.bucket.take_in_listing(kept)
        server = self.server.ask(self.records.current, self.clock.monotonic())
        now, time = self.clock.now(), self.clock.monotonic()
        looked = Snapshot(now, time, self.bucket.snapshot(), server, rules=self.rules)
        if before is not None:
            looked = replace(looked, room=before.room, cards=before.cards, work=before.work)
        return self._with_own_side(looked)

    def complete(self, snapshot: Snapshot) -> Snapshot:
        """The same moment with what takes longer to find out: room, and each model's card.

        Raises OSError when the volume does not tell.
        """
        seen = self._with_own_side(snapshot)
        return replace(seen, cards=self._cards(seen, seen.names), room=self._room(seen))

    def again(self, snapshot: Snapshot, changed: Iterable[str]) -> Snapshot:
        """The same moment after something was applied, most of it to the models `changed`. Raises OSError."""
        seen = self._with_own_side(snapshot)
        cards = self._cards(seen, changed)
        return replace(seen, cards={**seen.cards, **cards}, room=self._room(seen)) if cards else seen

    def with_volume_error(self, snapshot: Snapshot, reason: str) -> Snapshot:
        """The same moment on a volume that could not be written; with what is free on it, if it tells."""
        try:
            usage = self.volume.usage()
        except OSError:
            usage = DiskUsage(0, 0)
        free = usage.free if usage is not None else snapshot.room.free
        return replace(snapshot, volume_error=reason, room=replace(snapshot.room, free=free))

    def _with_own_side(self, snapshot: Snapshot) -> Snapshot:
        return replace(snapshot, state=self.records.current, work=self.under_way.snapshot)

    def _cards(self, snapshot: Snapshot, names: Iterable[str]) -> dict[str, ServingCard]:
        staged = by_model(self.under_way.staged)
        cards = {}
        for name in names:
            own = [version.card for version in staged.get(name, {}).values() if version.card is not None]
            serving = self.cards.serving(name, snapshot.state.model(name), own)
            shared = self.cards.shared.of(name)
            rejection = shared.rejection if shared is not None else None
            note = self.under_way.edits.rejection(name)
            card = ServingCard(serving.versions, serving_settings(serving), rejection, note)
            cards[name] = card if own else self._with_doubt(name, card, snapshot)
        return cards

    def _with_doubt(self, name: str, card: ServingCard, snapshot: Snapshot) -> ServingCard:
        """The card; what serves stays as it is while its card may be lost and the bucket's is unchecked."""
        state = snapshot.state.model(name)
        if not state.configured or not self.cards.none_kept(name, state):
            return card
        if snapshot.bucket.catalog is None:
            settled = set(state.configured) == set(state.confirmed)
            return replace(card, policy="all" if settled else card.policy, settings=state.settings)
        if card.edit_rejection is not None:
            return replace(card, policy=None, settings={})
        checked = name not in self.under_way.edits.running
        return card if checked else replace(card, settings=state.settings)

    def _room(self, snapshot: Snapshot) -> DiskRoom:
        state = snapshot.state
        stored = sum(version.size for model in state.models.values() for version in model.stored.values())
        usage = self.volume.usage() or DiskUsage(UNKNOWN_BYTES, UNKNOWN_BYTES)
        room = DiskRoom(
            free=usage.free,
            used=stored + staged_bytes(self.volume.staging_root) if self.max_bytes else stored,
            promised=self.under_way.jobs.outstanding_bytes,
            max_bytes=self.max_bytes,
            min_free=least_free(usage.total, self.min_free),
            evictable=(*_evictable(state, snapshot.server), *self._rejected(snapshot)),
        )
        return replace(room, staged=self._staged_bytes(room, snapshot))

    def _rejected(self, snapshot: Snapshot) -> Iterator[Evictable]:
        """What lies in staging of uploads that are rejected and not tried again yet."""
        for name, model in snapshot.state.models.items():
            for bucket_version, rejection in model.rejections.items():
                key = name, bucket_version
                waits = rejection.retry_at is None or snapshot.now < rejection.retry_at
                if waits and key not in self.under_way.staged and not self.under_way.jobs.is_running(key):
                    size = staged_bytes(self.volume.staging_folder(*key))
                    if size:
                        yield Evictable(name, 0, size, rejection.since, staged=bucket_version)

    def _staged_bytes(self, room: DiskRoom, snapshot: Snapshot) -> Mapping[tuple[str, str], int]:
        """What has arrived of uploads that else might not fit; a folder is looked at only if that matters."""
        catalog, found = snapshot.bucket.catalog, {}
        for name, model in catalog.models.items() if catalog is not None else ():
            here = {version.fingerprint for version in snapshot.state.model(name).stored.values()}
            for bucket_version, upload in model.versions.items():
                if room.lacking(upload.size) and upload.fingerprint not in here:
                    folder = self.volume.staging_folder(name, bucket_version)
                    found[name, bucket_version] = staged_bytes(folder)
        return found


def _evictable(state: State, server: ServerSnapshot) -> Iterator[Evictable]:
    """Versions that nobody serves, and that the server surely let go of."""
    if not server.complete:
        return
    for name, model in state.models.items():
        if name in server.unclear:
            continue
        served = server.states_of(name)
        tried = server.tried.get(name, {}).values()
        kept = {*model.configured, *model.confirmed, model.rollout.bridge if model.rollout else None}
        for local_version, version in model.stored.items():
            if local_version not in kept and has_ended(local_version, served, tried):
                yield Evictable(name, local_version, version.size, version.published_at)
