"""Puts the parts together and runs them: the loop, the HTTP interface, the event listener."""

import socket
from concurrent.futures import ThreadPoolExecutor

from edge_common.errors import FatalError, RetryableError
from edge_common.logs import get_logger

from model_sync.cards.model_cards import ModelCards, ServingCards
from model_sync.gate.evidence import Published, signature_check
from model_sync.gate.gate import Gate
from model_sync.loop.apply import Applier
from model_sync.loop.bucket_watch import BucketWatch, in_background
from model_sync.loop.drift import DriftWatch
from model_sync.loop.observe import Observer
from model_sync.loop.ownership import Ownership
from model_sync.loop.reconcile import Reconciler
from model_sync.loop.swap_watch import SwapWatch
from model_sync.loop.under_way import UnderWay
from model_sync.loop.wakeup import ClientReports, Clock, EventListener, Wakeup
from model_sync.metrics import Metrics
from model_sync.model_server.replicas import Replicas
from model_sync.model_server.server_counts import ServerMetrics
from model_sync.model_server.server_watch import ModelServer, ServerWatch
from model_sync.planning.actions import describe
from model_sync.planning.model_snapshot import Rules
from model_sync.planning.state import State
from model_sync.preflight.pool import WarmPreflight
from model_sync.settings import Settings
from model_sync.status.bucket_status import FOLDER, BucketStatus
from model_sync.status.history import History
from model_sync.status.report import Reporter, start_swap_traces
from model_sync.status.status import Site
from model_sync.store.s3_store import S3Bucket
from model_sync.volume.digests import DigestChecks
from model_sync.volume.kept_files import HandedOver, HistoryFile
from model_sync.volume.lock import VolumeLock
from model_sync.volume.own_files import refusal
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.volume import Volume

_log = get_logger()

_VOLUME_RETRY = 1.0
_GATHERING, _LONGEST_GATHERING = 3.0, 0.25
"""How much longer than a step took to wait for further fetches to end, and the most in seconds."""


class Sidecar:
    """One sidecar on one volume; `close` ends its threads."""

    def __init__(self, settings: Settings, *, silent: bool = False) -> None:
        """All parts, connected; `silent`: it will tell the other pods on the volume nothing.

        The first call asks and writes. Raises FatalError for unusable settings.
        """
        self.settings, self.clock, self.wakeup = settings, Clock(), Wakeup()
        self.metrics = metrics = Metrics()
        self.store = store = S3Bucket(settings, metrics)
        self.volume = volume = Volume(settings.models_dir)
        lock = VolumeLock(volume.lock_path, settings.instance)
        self.transfers = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="transfer")
        warm = WarmPreflight(timeout=settings.preflight_timeout, memory=settings.preflight_memory)
        preflight = warm if settings.preflight == "on" else None
        model_cards = ModelCards(store, settings.plugin_properties)
        cards, records = ServingCards(volume, model_cards), RecordedState(volume, State())
        signatures = signature_check(settings, self.clock.now)
        parts = (store, self.transfers, preflight, metrics, settings.plugin_properties)
        gate = Gate(*parts, published=Published(volume, records), signatures=signatures)
        self.under_way = under_way = UnderWay.begin(gate, cards, self.wakeup.work_done)
        times = (settings.settle, settings.keep_previous, settings.activation_timeout)
        rules = Rules(*times, policy=settings.versions, signatures=settings.signatures)
        timing = (settings.poll_interval, settings.delete_grace, settings.hold)
        bucket = BucketWatch(store, settings.prefix, model_cards, self.clock, metrics, *timing)
        own = f"{settings.instance}@{socket.gethostname()}"
        self.replicas = Replicas(volume.replicas_folder, own)
        self.handed_over = HandedOver(volume.replicas_folder, own)
        model_server = ModelServer(settings.ovms_url, self.wakeup.work_done)
        server = ServerWatch(
            model_server.url,
            model_server.served,
            None if silent else self.replicas,
            unclear=lambda: model_server.unclear,
        )
        observer = Observer(bucket, server, volume, records, under_way, cards, self.clock, rules)
        observer.max_bytes, observer.min_free = settings.max_bytes, settings.min_free_bytes
        applier = Applier(volume, records, under_way, cards, metrics, self.clock, rules)
        digests = DigestChecks(volume, self.wakeup.work_done)
        drift = DriftWatch(volume, records, cards, digests, metrics, self.clock)
        if signatures is not None:
            from model_sync.loop.signature_watch import SignatureWatch  # noqa: PLC0415 - see signature_check

            drift.signatures = SignatureWatch(signatures, volume, records, settings.prefix).go_on
        self.reconciler = Reconciler(observer, applier, drift)
        self.reports = ClientReports()
        if window := settings.watch_after_swap:
            watched = (
                ServerMetrics(settings.ovms_url).counts,
                records,
                volume,
                self.clock,
                metrics,
                self.reports,
            )
            self.reconciler.swap_watch = SwapWatch(window, *watched)
        token = settings.api_token.get_secret_value()
        site = Site(settings.instance, store.endpoint, store.name, bool(token))
        self.history = History(HistoryFile(volume))
        self.reporter = Reporter(site, metrics, history=None if silent else self.history)
        self.reporter.traces = None if silent else start_swap_traces()
        self.ownership = Ownership(
            volume, lock, self.reconciler, self.wakeup, self._follow, self.replicas.ask_for_listing
        )
        volume.before_write = self.ownership.check

    def prepare_bucket(self) -> None:
        """Create the bucket where that is asked for; raises what stands in the way."""
        if self.settings.create_bucket:
            self.store.ensure_exists(create=True)

    def step(self, *, look: bool = False) -> None:
        """One step of the loop, and its findings reported.

        A volume that refuses to be written is told and waited for; what serves goes on serving.
        """
        began = self._beat()
        told = self.reconciler.snapshot.volume_error
        try:
            if not self.reconciler.step(look=look) and not told:
                return
        except OSError as error:
            reason = refusal(error)
            if reason != told:
                _log.error("volume_refuses", reason=reason, path=str(error.filename or self.volume.root))
            self.reconciler.note_volume_error(reason)
            self._report()
            self.wakeup.pause(_VOLUME_RETRY)
            return
        self._report()
        if sum(map(len, self.reconciler.snapshot.work.fetches.values())) > 1:
            # many fetches end at about the same time: let more of them come together
            took = self.clock.monotonic() - began
            self.wakeup.pause(min(_GATHERING * took, _LONGEST_GATHERING))

    def run(self) -> None:
        """Serve until `wakeup.stop`; raises FatalError when the volume cannot be used."""
        # imported here because `once` and `plan` serve nothing
        from edge_common.http_server import ThreadedHttpServer  # noqa: PLC0415
        from edge_common.watchdog import watched_by_systemd  # noqa: PLC0415

        from model_sync.web import Web  # noqa: PLC0415

        web, posted = Web(self), self.reporter.posted
        host, port = self.settings.http_host, self.settings.http_port
        self._beat()
        names = self.settings.allowed_hosts
        with (
            ThreadedHttpServer(web.app, host=host, port=port, allowed_hosts=names) as server,
            watched_by_systemd(host, server.port, "/healthz"),
        ):
            _log.info("http_listening", host=host, port=server.port)
            if not self.ownership.wait():
                return
            home, bucket_status = self.settings.home_prefix, None
            if self.settings.status_to_bucket == "on":
                bucket_status = BucketStatus(self.store, home, self.settings.instance, self.clock)
            events = None
            if self.settings.events == "auto":
                events = EventListener(self.settings, self.wakeup, home + FOLDER)
            listings, looks = self.reconciler.observer.bucket, True
            listings.run, listings.listing_ended = in_background, self.wakeup.work_done
            listings.prepare = self._try_bucket
            while not self.wakeup.stopped:
                if not self.ownership.keep():
                    return
                self.step(look=looks)
                if posted.document["store"]["reachable"]:
                    if bucket_status is not None:
                        bucket_status.offer(posted.document, posted.state.writer, self.ownership.lock.former)
                    if events is not None:  # not before: at a first start the bucket is not there yet
                        events.start()
                        events = None
                looks = self.wakeup.wait(self.reconciler.next_step_in())
                looks = self.replicas.take_notes() or looks
                web.carry_out_handed()
            if bucket_status is not None:
                bucket_status.close()

    def converge(self, timeout: float) -> None:
        """Step until nothing is left to do without new uploads; for `once`.

        Raises RetryableError when the store fails or `timeout` seconds are not enough.
        """
        deadline = self.clock.monotonic() + timeout
        self.step(look=True)
        while not self.wakeup.stopped and self.clock.monotonic() < deadline:
            self._raise_bucket_error()
            if not self.reconciler.busy:
                return
            self.step(look=self.wakeup.wait(self.reconciler.next_step_in()))
        raise RetryableError("not everything was done in time; what was done stays, run it again")

    def preview(self) -> dict[str, list[str]]:
        """Model -> what would be done now, without doing it. Raises what stands in the way."""
        if self.volume.lock_path.parent.is_dir():
            self.reconciler.adopt(self.volume.load_state() or State())
        self.reconciler.look()
        self._raise_bucket_error()
        return {
            name: [describe(action) for action in made.actions] or ["nothing to do"]
            for name, made in self.reconciler.plans.items()
        }

    def close(self) -> None:
        """End every thread and let others write to the volume."""
        self.under_way.close()
        self.reconciler.drift.digests.close()
        self.transfers.shutdown(wait=True, cancel_futures=True)
        self.replicas.withdraw()
        self.ownership.lock.release()

    def _beat(self) -> float:
        self.reporter.posted.heartbeat = now = self.clock.monotonic()
        return now

    def _report(self) -> None:
        self.reporter.report(self.reconciler.snapshot, self.reconciler.plans, writes=self.ownership.writes)

    def _raise_bucket_error(self) -> None:
        if self.reconciler.snapshot.bucket.error is not None:
            raise self.reconciler.snapshot.bucket.error

    def _try_bucket(self) -> bool:
        try:
            self.prepare_bucket()
        except (RetryableError, FatalError) as error:
            _log.debug("bucket_not_ready", reason=str(error))  # the listing that follows says it aloud
            return False
        return True

    def _follow(self) -> None:
        self._beat()
        try:
            self.reconciler.follow(self.volume.load_state() or State())
        except (OSError, FatalError) as error:
            _log.debug("state_unreadable", reason=str(error))  # its writer repairs it, or this pod takes over
            return
        self._report()
