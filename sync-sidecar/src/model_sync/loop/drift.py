"""What others change on the volume while it is in use, found by cheap facts in each step and put right.

A version is never repaired in place: it is marked as a start would mark it, and the plans fetch it again and
replace it while the server answers from what it has loaded.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from edge_common.logs import get_logger
from edge_common.served_state import ServedModels, VersionState

from model_sync.bucket.catalog import Catalog
from model_sync.cards.model_cards import ServingCards
from model_sync.loop.wakeup import Clock
from model_sync.metrics import Metrics
from model_sync.planning.snapshot import Mended, Snapshot
from model_sync.planning.state import State, StoredVersion
from model_sync.volume.digests import Altered, DigestChecks, Key
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.recovery import after_harm
from model_sync.volume.volume import Volume
from model_sync.volume.walk import Files, files_in, sizes

_log = get_logger()

_ALL_WITHIN, _LOOKS_APART = 60.0, 2.0
"""Seconds in which every version is looked at, and between two looks at some of them."""
_REMEMBERED = 20


@dataclass
class DriftWatch:
    """Compares the volume with what was written to it. Used by the loop's thread."""

    volume: Volume
    records: RecordedState
    cards: ServingCards
    digests: DigestChecks
    metrics: Metrics
    clock: Clock
    signatures: Callable[[Iterable[tuple[Key, StoredVersion]]], list[Altered]] = lambda _: []
    """What is not what was signed, of versions that were not held against their signatures yet."""
    mended: deque[Mended] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _files: dict[Key, tuple[StoredVersion, Files]] = field(default_factory=dict)
    """What each version's folder looked like when it was looked at last."""
    _harmed: set[Key] = field(default_factory=set)
    _failed: set[Key] = field(default_factory=set)
    _dates: dict[tuple[str, str], float] = field(default_factory=dict)
    """Model and bucket version -> store time of the upload's newest object."""
    _turn: list[Key] = field(default_factory=list)
    """Versions that are still to be looked at before all of them are again."""
    _looked_at: float = 0.0
    _served: ServedModels | None = None
    _catalog: Catalog | None = None
    _count: int = 0

    def put_right(self, seen: Snapshot) -> bool:
        """Put right what is not as it was left; `seen` is the last snapshot. True when something was.

        Raises OSError when the volume refuses.
        """
        before = len(self._harmed), self._count
        for folder in self.volume.make_folders():
            self._tell("folder", f"the folder {folder} of our own was gone")
        while self.volume.moved_aside:
            path = self.volume.moved_aside.popleft()
            self._tell("folder", f"a file was where the folder of a model belongs; it lies at {path} now")
        self.volume.claim()
        for name in self.records.restore():
            self._tell(name.partition(".")[0], f"{name} was not as it was written")
        if self.volume.walk.entries(self.volume.trash):
            self.volume.empty_trash()  # what somebody held when it was thrown away
        self._doubt_what_failed(seen.server.served)
        self._doubt_what_came_again(seen.bucket.catalog)
        self._look_at_versions(seen)
        self._take_in_digests(seen)
        self._tell_what_is_whole_again()
        return before != (len(self._harmed), self._count)

    def doubt(self, key: Key) -> None:
        """Hold a version against its digests soon: its upload came again, byte for byte."""
        version = self.records.current.model(key[0]).stored.get(key[1])
        if version is not None and not version.harmed:
            self.digests.doubt(key, version)

    def tell_lock(self) -> None:
        """Tell that the lock file was another, and is held again."""
        self._tell("lock", "the lock file was removed or replaced")

    def _tell(self, what: str, sentence: str) -> None:
        self._count += 1
        self.metrics.drift_mended.labels(what=what).inc()
        self.mended.append(Mended(self.clock.now(), what, sentence))
        _log.warning("drift_mended", what=what, reason=sentence)

    def _doubt_what_failed(self, served: ServedModels | None) -> None:
        if served is None or served is self._served:
            return
        self._served = served
        failed = {
            (name, local_version)
            for name, model in self.records.current.models.items()
            for local_version in model.confirmed
            if served.get(name, {}).get(local_version) is VersionState.FAILED
        }
        for key in failed - self._failed:
            self.doubt(key)
        self._failed = failed

    def _doubt_what_came_again(self, catalog: Catalog | None) -> None:
        if catalog is None or catalog is self._catalog:
            return
        self._catalog = catalog
        dates = {}
        for name, model in self.records.current.models.items():
            listed = catalog.models.get(name)
            for local_version, version in model.stored.items():
                upload = listed.versions.get(version.bucket_version) if listed is not None else None
                key = name, version.bucket_version
                known = self._dates.get(key)
                date = upload.modified if upload is not None else known
                if date is not None:
                    dates[key] = date
                if known not in {None, date}:
                    self.doubt((name, local_version))
        self._dates = dates

    def _look_at_versions(self, seen: Snapshot) -> None:
        now = self.clock.monotonic()
        passed = now - self._looked_at
        if passed < _LOOKS_APART:
            return
        self._looked_at = now
        stored = _stored(self.records.current)
        for _ in range(1 + int(len(stored) * min(1.0, passed / _ALL_WITHIN))):
            if not self._turn:
                self._turn = list(stored)
                self._files = {key: known for key, known in self._files.items() if key in stored}
            if self._turn and (key := self._turn.pop()) in stored:
                self._look_at(key, stored[key], seen)

    def _look_at(self, key: Key, version: StoredVersion, seen: Snapshot) -> None:
        if version.harmed:
            self._harmed.add(key)
            return
        try:
            # a text is joined in a tenth of a path's time, and that is done for every version
            found = files_in(f"{self.volume.root}/{key[0]}/{key[1]}")
        except OSError as error:
            self.volume.walk.leave_alone(self.volume.version_folder(*key), error)
            return
        known = self._files.get(key)
        if known == (version, found):
            self._restore_card(key, version)
            return
        if found is None or sizes(found) != {file.path: file.size for file in version.files}:
            self._note_harm(key, None if found is None else sizes(found), {}, seen)
            return
        self._files[key] = version, found
        if (
            known is not None
            and known[0].files == version.files
            and (known[0].fingerprint, known[1]) != (version.fingerprint, found)
        ):
            self.digests.doubt(key, version)  # only a date may have changed, or it was uploaded once more
        self._restore_card(key, version)

    def _restore_card(self, key: Key, version: StoredVersion) -> None:
        if self.cards.restore(key[0], version):
            self._tell("card", f"the card kept beside {key[0]} {key[1]} was not as it was written")

    def _take_in_digests(self, seen: Snapshot) -> None:
        stored = _stored(self.records.current)
        found_out = self.digests.go_on(stored.items(), self.clock.monotonic())
        for altered in [*found_out, *self.signatures(stored.items())]:
            there = stored.get(altered.key)
            if there is not None and there.files == altered.version.files and not there.harmed:
                found = {file.path: file.size for file in altered.version.files}
                self._note_harm(altered.key, found, altered.digests, seen)

    def _note_harm(
        self, key: Key, found: Mapping[str, int] | None, digests: Mapping[str, str], seen: Snapshot
    ) -> None:
        name, local_version = key
        model, served = self.records.current.model(name), seen.server.served or {}
        answers = served.get(name, {}).get(local_version) is VersionState.AVAILABLE
        answers = local_version in model.confirmed or (answers and local_version in model.configured)
        self.records.change(name, after_harm(model, local_version, found, digests, answers=answers))
        self._harmed.add(key)
        what = "its folder is gone" if found is None else "its files are not what was published"
        _log.warning("drift_found", model=name, version=local_version, reason=what)

    def _tell_what_is_whole_again(self) -> None:
        for key in sorted(self._harmed):
            version = self.records.current.model(key[0]).stored.get(key[1])
            if version is None or not version.harmed:
                self._harmed.discard(key)
                how = "was replaced" if version is not None else "is no longer kept"
                self._tell("version", f"the damaged folder of {key[0]} {key[1]} {how}")


def _stored(state: State) -> dict[Key, StoredVersion]:
    return {
        (name, local_version): version
        for name, model in state.models.items()
        for local_version, version in model.stored.items()
    }
