"""Puts the parts together and runs them: the loop, the HTTP interface, the event listener."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from edge_common.errors import FatalError, RetryableError
from edge_common.logs import get_logger

from model_sync.assembly import assemble_loop
from model_sync.clock import Clock, SystemClock
from model_sync.loop.reconcile import Reconciler
from model_sync.loop.wakeup import EventListener, Wakeup
from model_sync.metrics import Metrics
from model_sync.planning.actions import describe
from model_sync.planning.state import State
from model_sync.settings import Settings
from model_sync.status.board import Board
from model_sync.status.bucket_status import FOLDER, BucketStatus
from model_sync.store.s3_store import S3Bucket
from model_sync.volume.lock import VolumeLock
from model_sync.volume.recovery import recover_state
from model_sync.volume.volume import Volume

_log = get_logger()

_LOCK_RETRY = 1.0
_VOLUME_RETRY = 1.0
_GATHERING, _LONGEST_GATHERING = 3.0, 0.25
"""How much longer than a step took to wait for further fetches to end, and the most in seconds."""


@dataclass
class Sidecar:
    """One sidecar on one volume; a context that ends its threads when left."""

    settings: Settings
    wakeup: Wakeup
    store: S3Bucket
    volume: Volume
    lock: VolumeLock
    board: Board
    reconciler: Reconciler
    transfers: ThreadPoolExecutor
    _following: bool = False

    @classmethod
    def build(cls, settings: Settings, clock: Clock | None = None) -> Self:
        """All parts, connected; nothing is asked or written yet. Raises FatalError for unusable settings."""
        clock = clock or SystemClock()
        wakeup, metrics = Wakeup(), Metrics()
        store, volume = S3Bucket(settings, metrics), Volume(settings.models_dir)
        transfers = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="transfer")
        reconciler = assemble_loop(
            settings,
            store=store,
            volume=volume,
            transfers=transfers,
            wakeup=wakeup,
            metrics=metrics,
            clock=clock,
        )
        board = Board(settings.instance, store.endpoint, store.name, metrics, clock)
        return cls(
            settings, wakeup, store, volume, VolumeLock(volume.lock_path), board, reconciler, transfers
        )

    def open_volume(self) -> None:
        """Take over what is on the volume, and make config.json say so, before anybody else is asked.

        Raises:
            FatalError: the volume cannot be used.
            RetryableError: another sidecar writes to it.
        """
        try:
            self.volume.prepare()
            if not self.lock.try_acquire():
                raise RetryableError(
                    f"another model-sync writes to {self.volume.root}; this one waits for it"
                )
            self.reconciler.performer.records.adopt(recover_state(self.volume))
            self.reconciler.performer.write_config()
            self.volume.claim()
        except OSError as error:
            raise FatalError(f"the volume {self.volume.root} cannot be used: {error}") from error

    def prepare_bucket(self) -> None:
        """Create the bucket where that is asked for; raises what stands in the way."""
        if self.settings.create_bucket:
            self.store.ensure_exists(create=True)

    def step(self, *, look: bool = False) -> None:
        """One step of the loop, and its findings posted.

        A volume that refuses to be written is told and waited for; what serves goes on serving.
        """
        self.board.beat()
        began = self.reconciler.bucket.clock.monotonic()
        try:
            if not self.reconciler.step(look=look) and not self.board.volume_trouble:
                return
            self.board.volume_trouble = ""
        except OSError as error:
            trouble = f"cannot write to the volume: {error.strerror or error}; make room or mend it"
            if trouble != self.board.volume_trouble:
                _log.error("volume_refuses", reason=trouble, path=str(error.filename or self.volume.root))
            self.board.volume_trouble = trouble
            self.board.post(self.reconciler)
            self.wakeup.pause(_VOLUME_RETRY)
            return
        self.board.post(self.reconciler)
        if self.reconciler.performer.jobs.several:
            # many fetches end at about the same time: let more of them come together
            took = self.reconciler.bucket.clock.monotonic() - began
            self.wakeup.pause(min(_GATHERING * took, _LONGEST_GATHERING))

    def run(self) -> None:
        """Serve until `wakeup.stop`; raises FatalError when the volume cannot be used."""
        # imported here because `once` and `plan` serve nothing
        from edge_common.http_server import ThreadedHttpServer  # noqa: PLC0415

        from model_sync.status.http_api import HttpApi  # noqa: PLC0415

        token = self.settings.sync_token.get_secret_value()
        app = HttpApi(self.board, self.volume, self.wakeup.look, token).app()
        self.board.beat()
        with ThreadedHttpServer(app, host=self.settings.http_host, port=self.settings.http_port) as server:
            _log.info("listening", host=self.settings.http_host, port=server.port)
            if not self._wait_for_lock():
                return
            bucket_status = None
            if self.settings.status_to_bucket == "on":
                bucket_status = BucketStatus(
                    self.store, prefix=self.settings.home_prefix, instance=self.settings.instance
                )
            if self.settings.events == "auto":
                EventListener(self.settings, self.wakeup, self.settings.home_prefix + FOLDER).start()
            look = True
            bucket_ready = False
            while not self.wakeup.stopped:
                bucket_ready = bucket_ready or self._try_bucket()
                self.step(look=look)
                if bucket_status is not None and self.board.document["store"]["reachable"]:
                    bucket_status.offer(self.board.document)
                look = self.wakeup.wait(self.reconciler.next_step_in())
            if bucket_status is not None:
                bucket_status.close()

    def converge(self, timeout: float) -> None:
        """Step until nothing is left to do without new uploads; for `once`.

        Raises RetryableError when the store fails or `timeout` seconds are not enough.
        """
        clock = self.reconciler.bucket.clock
        deadline = clock.monotonic() + timeout
        self.step(look=True)
        while not self.wakeup.stopped and clock.monotonic() < deadline:
            if self.reconciler.bucket.cycle.error is not None:
                raise self.reconciler.bucket.cycle.error
            if not self.reconciler.busy:
                return
            self.step(look=self.wakeup.wait(self.reconciler.next_step_in()))
        raise RetryableError("not everything was done in time; what was done stays, run it again")

    def preview(self) -> dict[str, list[str]]:
        """Model -> what would be done now, without doing it. Raises what stands in the way."""
        self.reconciler.server.replicas = None  # which would be told on the volume
        if self.volume.lock_path.parent.is_dir():
            self.reconciler.performer.records.adopt(self.volume.load_state() or State())
        self.reconciler.look()
        if self.reconciler.bucket.cycle.error is not None:
            raise self.reconciler.bucket.cycle.error
        return {
            name: [describe(action) for action in plan.actions] or ["nothing to do"]
            for name, plan in self.reconciler.plans.items()
        }

    def close(self) -> None:
        """End every thread and let others write to the volume."""
        self.reconciler.performer.checks.close()
        self.reconciler.performer.jobs.close()
        self.transfers.shutdown(wait=True, cancel_futures=True)
        if self.reconciler.server.replicas is not None:
            self.reconciler.server.replicas.withdraw()
        self.lock.release()

    def _try_bucket(self) -> bool:
        try:
            self.prepare_bucket()
        except (RetryableError, FatalError) as error:
            _log.debug("bucket_not_ready", reason=str(error))  # the listing that follows says it aloud
            return False
        return True

    def _wait_for_lock(self) -> bool:
        """Follow the pod that writes until this one may; False when the program ends before."""
        self.board.writes = False
        while not self.wakeup.stopped:
            try:
                self.open_volume()
            except RetryableError as error:
                if not self._following:
                    _log.info("following", reason=str(error))
                self._following = True
                self._follow()
                self.wakeup.wait(_LOCK_RETRY)
                continue
            if self._following:
                _log.info("taking_over", volume=str(self.volume.root))
            self.reconciler.performer.cards.forget_all()
            self.board.writes = True
            return True
        return False

    def _follow(self) -> None:
        self.board.beat()
        try:
            state = self.volume.load_state()
            self.reconciler.follow(state or State())
        except (OSError, FatalError) as error:
            _log.debug("state_unreadable", reason=str(error))  # its writer repairs it, or this pod takes over
            return
        self.board.post(self.reconciler)
