"""The space on the volume as it is now: what is free, used, promised, and what could make room."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from model_sync.bucket.catalog import ListedModel, Upload
from model_sync.download.staging import staged_bytes
from model_sync.gate.jobs import FetchJobs
from model_sync.model_server.server_watch import ServerWatch
from model_sync.planning.activation import has_ended
from model_sync.planning.disk_budget import DiskRoom, Evictable
from model_sync.planning.state import State
from model_sync.volume.volume import Volume

Answer = TypeVar("Answer")

_LEAST_FREE = 256 * 1024**2
_LEAST_FREE_PART = 20
"""At most a twentieth of a volume, so that a small one is not mostly unused."""


@dataclass(frozen=True)
class SpaceNow:
    """The volume at one moment."""

    volume: Volume
    room: DiskRoom
    evictable: tuple[Evictable, ...]

    def refusals(
        self, name: str, remote: ListedModel | None, state: State, jobs: FetchJobs
    ) -> dict[str, str]:
        """Source -> why its upload cannot be fetched, for the uploads of one model that are not here yet."""
        if remote is None:
            return {}
        here = {version.fingerprint for version in state.model(name).stored.values()}
        running = jobs.running(name)
        refused = {}
        for bucket_version, upload in remote.versions.items():
            if upload.fingerprint not in here and bucket_version not in running:
                reason = self._asked(self.room.refusal, upload)
                if reason is not None:
                    refused[bucket_version] = reason
        return refused

    def evictions(self, upload: Upload) -> list[Evictable]:
        """What has to go, oldest first, before `upload` is fetched."""
        return self._asked(self.room.evictions, upload) or []

    def _asked(self, question: Callable[[int, Collection[Evictable]], Answer], upload: Upload) -> Answer:
        """The answer for what is still to be fetched; the folder is looked at only if that matters."""
        answer = question(upload.size, self.evictable)
        if not answer:
            return answer
        there = staged_bytes(self.volume.staging_folder(upload.model, upload.bucket_version))
        return question(max(0, upload.size - there), self.evictable)


def least_free(volume: Volume, wanted: int | None) -> int:
    """Bytes that are to stay free: `wanted`, or what suits the size of `volume`. Raises OSError."""
    return min(_LEAST_FREE, volume.total_bytes() // _LEAST_FREE_PART) if wanted is None else wanted


@dataclass(frozen=True)
class VolumeSpace:
    """Measures the volume; `max_bytes` 0: no limit of our own, `min_free` None: what suits its size."""

    volume: Volume
    max_bytes: int
    min_free: int | None

    def measure(self, state: State, jobs: FetchJobs, server: ServerWatch) -> SpaceNow:
        """The space at this moment; raises OSError when the volume does not tell."""
        stored = sum(version.size for model in state.models.values() for version in model.stored.values())
        room = DiskRoom(
            free=self.volume.free_bytes(),
            used=stored + staged_bytes(self.volume.staging_root) if self.max_bytes else stored,
            promised=jobs.outstanding_bytes,
            max_bytes=self.max_bytes,
            min_free=least_free(self.volume, self.min_free),
        )
        return SpaceNow(self.volume, room, tuple(_evictable(state, server)))


def _evictable(state: State, server: ServerWatch) -> list[Evictable]:
    """Versions that nobody serves, and that the server surely let go of."""
    listed = {name: {*model.configured, *model.confirmed} for name, model in state.models.items()}
    return [
        Evictable(name, local_version, version.size, version.published_at)
        for name, model in state.models.items()
        for local_version, version in model.stored.items()
        if local_version not in listed[name] and has_ended(local_version, server.of(name))
    ]
