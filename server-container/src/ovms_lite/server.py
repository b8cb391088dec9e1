"""The running server: bind, answer at once, load, poll, and end cleanly on a signal."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.allowed_hosts import AllowedHosts
from edge_common.logs import get_logger
from edge_common.watchdog import watched_by_systemd

from ovms_lite.config.entries import MonitoringConfig
from ovms_lite.config.source import ConfigFileSource, ConfigSource, SingleModelSource
from ovms_lite.errors import StartError
from ovms_lite.http.limits import Bodies
from ovms_lite.http.server import RestServer, listen
from ovms_lite.memory import HeldBytes, memory_limit
from ovms_lite.options import ServerOptions
from ovms_lite.reload.cycle import Reloader
from ovms_lite.repository.load import ModelLoader, usable_cache
from ovms_lite.repository.settings import RequestLimit
from ovms_lite.rest.application import Application
from ovms_lite.rest.guard import Guarded, Workers
from ovms_lite.serving.catalogue import Catalogue
from ovms_lite.serving.infer import Decoders, Inference
from ovms_lite.serving.metrics import Metrics

if TYPE_CHECKING:
    from ovms_lite.grpc.server import GrpcServer

DRAIN_SECONDS = 4.5
"""How long requests under way may take after SIGTERM; the whole end stays within 5 s."""
_SHARE_OF_BODIES = 4
"""Of the memory that the process may use, this part holds bodies: they are parsed, copied and run as well."""
_SHARE_OF_MESSAGES = 8
"""The same for gRPC, where a message is in memory twice while it is answered."""
_FILES_FOR_OTHERS = 200
_MOST_FILES = 65_536
_VERSION = version("edgeai-cars-ovms-lite")

_log = get_logger()


def run_server(options: ServerOptions) -> None:
    """Serve until SIGTERM or SIGINT; raises StartError when it cannot start.

    The process is left without waiting for a compilation or an inference that takes longer than
    DRAIN_SECONDS: OpenVINO cannot interrupt either.
    """
    source, monitoring = _config_source(options)
    metrics = Metrics(monitoring.families) if monitoring.enabled else None
    sockets = [
        listen(address, options.rest_port) for address in options.rest_bind_addresses if options.rest_port
    ]
    loading_thread = ThreadPoolExecutor(1, thread_name_prefix="loader")
    server = _Server(options, source, metrics, loading_thread)
    with contextlib.ExitStack() as watched:
        if sockets:
            host, port = sockets[0].getsockname()[:2]
            watched.enter_context(watched_by_systemd(host, port, "/v2/health/live"))
        asyncio.run(server.serve(sockets))
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


def _room_for_connections() -> int:
    """How many connections there may be, with as many open files as the process is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = max(soft, min(hard, _MOST_FILES)) if hard != resource.RLIM_INFINITY else max(soft, _MOST_FILES)
    with contextlib.suppress(ValueError, OSError):  # a system with another limit of its own
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
        soft = files
    return max(1, min(soft, _MOST_FILES) - _FILES_FOR_OTHERS)


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
        loader = ModelLoader(
            usable_cache(self.options.cache_dir),
            self.options.cpu_extension,
            ignore_bad_shapes=self.options.single_model is None,
            limit=RequestLimit(memory=memory_limit()),
        )
        reloader = Reloader(catalogue, self.source, loader, self.loading_thread)
        decoders = Decoders()
        inference = Inference(catalogue, self.metrics, decoders)
        application = Application(catalogue, inference, reloader, self.metrics, _VERSION)
        workers, cors = self.options.rest_workers, self.options.cors
        hosts = AllowedHosts((*self.options.allowed_hosts, *cors.hosts(), *self.options.rest_bind_addresses))
        rest = RestServer(
            Guarded(
                application if workers is None else Workers(application, workers),
                hosts,
                any_origin=cors.origins == "*",
            ),
            cors.header_lines(),
            bodies=Bodies(application.reader_of_body, memory_limit() // _SHARE_OF_BODIES),
            max_connections=_room_for_connections(),
        )
        await rest.start(sockets)
        grpc = await self._start_grpc(catalogue, inference, reloader)
        _log.info("server_listening", rest_port=self.options.rest_port, grpc_port=self.options.grpc_port)
        work = loop.create_task(self._load_and_poll(reloader, stop))
        stopped = loop.create_task(stop.wait())
        await asyncio.wait((stopped, work), return_when=asyncio.FIRST_COMPLETED)
        _log.info("server_stopping", requests=rest.requests)
        stopping = [rest.stop(DRAIN_SECONDS)] + ([] if grpc is None else [grpc.stop(DRAIN_SECONDS)])
        all_answered = all(await asyncio.gather(*stopping))
        checking = any(servable.is_checking for servable in catalogue.servables())
        self.left_work_behind = reloader.is_running or checking or decoders.is_busy or not all_answered
        if work.done():
            work.result()

    async def _start_grpc(
        self, catalogue: Catalogue, inference: Inference, reloader: Reloader
    ) -> "GrpcServer | None":
        if self.options.grpc is None:
            return None
        from ovms_lite.grpc.server import GrpcServer  # noqa: PLC0415 - a tenth of a second that REST need not pay
        from ovms_lite.grpc.service import GrpcService  # noqa: PLC0415 - as above

        service = GrpcService(
            catalogue, inference, self.metrics, version=_VERSION, is_ready=lambda: reloader.first_cycle_done
        )
        held = HeldBytes(memory_limit() // _SHARE_OF_MESSAGES)
        server = GrpcServer(service, self.options.grpc, held=held)
        await server.start()
        return server

    async def _load_and_poll(self, reloader: Reloader, stop: asyncio.Event) -> None:
        """The first cycle, then one every poll interval; in single-model mode the first must succeed."""
        failure = await reloader.run_cycle()
        if failure is not None and self.options.single_model is not None:
            raise StartError(
                f"the model {self.options.single_model.name} cannot be loaded; the reason is logged above"
            )
        _log.info("server_ready")
        await reloader.poll(self.options.poll_seconds, stop)
        await stop.wait()
