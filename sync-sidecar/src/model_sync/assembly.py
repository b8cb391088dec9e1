"""Connects the parts of the loop with each other, by the settings; nothing is asked or written yet."""

import socket
from concurrent.futures import Executor

from model_sync.bucket_watch import BucketWatch
from model_sync.clock import Clock
from model_sync.fetch import Fetcher
from model_sync.fetch_jobs import FetchJobs
from model_sync.metrics import Metrics
from model_sync.model_cards import ModelCards
from model_sync.model_view import Rules
from model_sync.object_store import ObjectStore
from model_sync.ovms_client import ModelServer
from model_sync.perform import Performer
from model_sync.reconcile import Reconciler
from model_sync.replicas import Replicas
from model_sync.server_watch import ServerWatch
from model_sync.serving_cards import ServingCards
from model_sync.settings import Settings
from model_sync.settings_checks import SettingsChecks
from model_sync.state import State
from model_sync.triggers import Wakeup
from model_sync.volume import Volume
from model_sync.volume_space import VolumeSpace
from model_sync.warm_preflight import WarmPreflight


def assemble_loop(
    settings: Settings,
    *,
    store: ObjectStore,
    volume: Volume,
    transfers: Executor,
    wakeup: Wakeup,
    metrics: Metrics,
    clock: Clock,
) -> Reconciler:
    """The loop between `store`, `volume` and the model server, with nothing recovered yet.

    `transfers` lends its threads to single downloads; work that ends in the background raises `wakeup`.
    """
    preflight = None
    if settings.preflight == "on":
        preflight = WarmPreflight(timeout=settings.preflight_timeout, memory=settings.preflight_memory)
    cards = ModelCards(store)
    rules = Rules(
        settle=settings.settle,
        keep_previous=settings.keep_previous,
        activation_timeout=settings.activation_timeout,
    )
    performer = Performer(
        volume,
        State(),
        FetchJobs(Fetcher(store, transfers, preflight, metrics), wakeup.work_done),
        SettingsChecks(preflight, wakeup.work_done),
        ServingCards(volume, cards),
        clock,
        rules.first_retry,
        rules.longest_retry,
    )
    bucket = BucketWatch(
        store=store,
        prefixes=settings.prefix,
        cards=cards,
        clock=clock,
        metrics=metrics,
        poll_interval=settings.poll_interval,
        delete_grace=settings.delete_grace,
        hold=settings.hold,
    )
    replicas = Replicas(volume.replicas_folder, f"{settings.instance}@{socket.gethostname()}")
    return Reconciler(
        bucket=bucket,
        server=ServerWatch(ModelServer(settings.ovms_url), clock, replicas),
        performer=performer,
        space=VolumeSpace(volume, max_bytes=settings.max_bytes, min_free=settings.min_free_bytes),
        metrics=metrics,
        rules=rules,
        default_policy=settings.versions,
    )
