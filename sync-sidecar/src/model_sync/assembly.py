"""Connects the parts of the loop with each other, by the settings; nothing is asked or written yet."""

import socket
from concurrent.futures import Executor

from model_sync.cards.cards import ModelCards
from model_sync.cards.serving_cards import ServingCards
from model_sync.clock import Clock
from model_sync.gate.gate import Gate
from model_sync.gate.jobs import FetchJobs
from model_sync.loop.apply import Performer
from model_sync.loop.bucket_watch import BucketWatch
from model_sync.loop.reconcile import Reconciler
from model_sync.loop.volume_space import VolumeSpace
from model_sync.loop.wakeup import Wakeup
from model_sync.metrics import Metrics
from model_sync.model_server.client import ModelServer
from model_sync.model_server.replicas import Replicas
from model_sync.model_server.server_watch import ServerWatch
from model_sync.planning.snapshot import Rules
from model_sync.planning.state import State
from model_sync.preflight.pool import WarmPreflight
from model_sync.preflight.settings_checks import SettingsChecks
from model_sync.settings import Settings
from model_sync.store.object_store import ObjectStore
from model_sync.volume.volume import Volume


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
    cards = ModelCards(store, settings.plugin_properties)
    gate = Gate(store, transfers, preflight, metrics, settings.plugin_properties)
    rules = Rules(
        settle=settings.settle,
        keep_previous=settings.keep_previous,
        activation_timeout=settings.activation_timeout,
    )
    performer = Performer(
        volume,
        State(),
        FetchJobs(gate, wakeup.work_done),
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
