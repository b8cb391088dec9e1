"""The running server: bind, answer at once, load, poll, and end cleanly on a signal."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import uvloop
from edge_common.logs import get_logger

from ovms_lite.app import Application
from ovms_lite.catalogue import Catalogue
from ovms_lite.config_source import ConfigFileSource, ConfigSource, SingleModelSource
from ovms_lite.errors import StartError
from ovms_lite.http_protocol import HttpConnection, HttpSettings
from ovms_lite.inference import Inference
from ovms_lite.loading import ModelLoader
from ovms_lite.metrics import Metrics
from ovms_lite.model_config import MonitoringConfig
from ovms_lite.options import ServerOptions
from ovms_lite.reload import Reloader

DRAIN_SECONDS = 4.5
"""How long requests under way may take after SIGTERM; the whole end stays within 5 s."""
_IDLE_SECONDS = 600.0
_SWEEP_SECONDS = 30.0
_DECODER_THREADS = 2

log = get_logger()


def run_server(options: ServerOptions) -> None:
    """Serve until SIGTERM or SIGINT; raises StartError when it cannot start.

    The process is left without waiting for a compilation or an inference that takes longer than
    DRAIN_SECONDS: OpenVINO cannot interrupt either.
    """
    source, monitoring = _config_source(options)
    metrics = Metrics(monitoring.families) if monitoring.enabled else None
    sockets = [_listen(address, options.rest_port) for address in options.rest_bind_addresses]
    loading_thread = ThreadPoolExecutor(1, thread_name_prefix="loader")
    server = _Server(options, source, metrics, loading_thread)
    uvloop.run(server.serve(sockets))
    if server.left_work_behind:
        os._exit(0)  # threads inside OpenVINO would otherwise be waited for


def _config_source(options: ServerOptions) -> tuple[ConfigSource, MonitoringConfig]:
    flags = MonitoringConfig(options.metrics_enable, options.metrics_families)
    if options.single_model is not None:
        return SingleModelSource(options.single_model), flags
    source = ConfigFileSource(options.config_path or Path())
    in_file = source.read_first().monitoring
    if in_file is not None and flags.enabled:
        raise StartError(
            "metrics are enabled both by --metrics_enable and in config.json; keep one of the two"
        )
    return source, flags if in_file is None else in_file


def _listen(address: str, port: int) -> socket.socket:
    """A listening socket; raises StartError when the address is taken."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(1024)
    except OSError as error:
        raise StartError(
            f"cannot listen on {address}:{port}: {error.strerror}; end what holds it or choose another port"
        ) from error
    return listener


@dataclass(slots=True)
class _Server:
    options: ServerOptions
    source: ConfigSource
    metrics: Metrics | None
    loading_thread: ThreadPoolExecutor
    left_work_behind: bool = False

    async def serve(self, sockets: Sequence[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        catalogue = Catalogue()
        loader = ModelLoader(self.options.cache_dir, self.options.cpu_extension)
        reloader = Reloader(catalogue, self.source, loader, self.loading_thread)
        decoders = ThreadPoolExecutor(_DECODER_THREADS, thread_name_prefix="decoder")
        inference = Inference(catalogue, self.metrics, decoders)
        app = Application(catalogue, inference, reloader, self.metrics, version("ovms-lite"))
        http = HttpSettings(app, self.options.cors.header_lines())
        listeners = [
            await loop.create_server(lambda: HttpConnection(http), sock=listener) for listener in sockets
        ]
        log.info("listening", port=self.options.rest_port, addresses=list(self.options.rest_bind_addresses))
        work = loop.create_task(self._load_and_poll(reloader, stop))
        sweep = loop.create_task(_close_idle(http))
        stopped = loop.create_task(stop.wait())
        await asyncio.wait((stopped, work), return_when=asyncio.FIRST_COMPLETED)
        log.info("ending", requests=sum(not connection.is_idle for connection in http.connections))
        for listener in listeners:
            listener.close()
        sweep.cancel()
        await _drain(http)
        self.left_work_behind = reloader.is_running or bool(http.connections)
        if work.done():
            work.result()

    async def _load_and_poll(self, reloader: Reloader, stop: asyncio.Event) -> None:
        """The first cycle, then one every poll interval; in single-model mode the first must succeed."""
        outcome = await reloader.run_cycle()
        if outcome.failure is not None and self.options.single_model is not None:
            raise StartError(
                f"the model {self.options.single_model.name} cannot be loaded; the reason is logged above"
            )
        gc.freeze()  # what is loaded by now lives on; collections need not walk through it again
        log.info("ready")
        await reloader.poll(self.options.poll_seconds, stop)
        await stop.wait()


async def _close_idle(http: HttpSettings) -> None:
    """End connections on which nothing happened for long, so that lost clients do not pile up."""
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        long_ago = asyncio.get_running_loop().time() - _IDLE_SECONDS
        for connection in list(http.connections):
            if connection.is_idle and connection.idle_since < long_ago:
                connection.close_when_idle()


async def _drain(http: HttpSettings) -> None:
    """Answer what is under way, for DRAIN_SECONDS at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            for connection in list(http.connections):
                connection.close_when_idle()
            if http.connections:
                await http.all_closed.wait()
