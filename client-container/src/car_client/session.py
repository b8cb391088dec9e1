"""The parts of the client, put together from the settings."""

from collections.abc import Callable, Mapping

from edge_common.pictures.decode import PictureLimits
from edge_common.traces import start_traces

from car_client.kserve.connection import Connection
from car_client.kserve.http_inference import HttpInference
from car_client.kserve.inference import InferenceServer, TracedInference
from car_client.metrics import ClientMetrics
from car_client.models.cards import CardReader
from car_client.models.discovery import Discovery
from car_client.pipeline.classifier import Classifier
from car_client.settings import Protocol, Settings
from car_client.sidecar.observations import Tally

_SIDECAR_SECONDS = 2.0
"""A card is a few kilobytes from next door; a sidecar slower than this counts as absent."""
_MOST_STATUS_BYTES = 8 * 1024 * 1024
"""The status of 200 models with two versions each has about 200 KB."""


class Session:
    """One server, its models, and the means to classify with them; nothing is asked before it is used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = ClientMetrics()
        self.tally = Tally()
        traces = start_traces("car-client")
        joins = traces.headers if traces is not None else dict
        server = Connection(
            settings.server_url, timeout=settings.timeout, on_retry=self.metrics.count_retry, joins=joins
        )
        self.sidecar: Connection | None = None
        """None: no address is set."""
        if settings.sidecar_url is not None:
            within = min(settings.timeout, _SIDECAR_SECONDS)
            self.sidecar = Connection(
                settings.sidecar_url, timeout=within, max_answer_bytes=_MOST_STATUS_BYTES
            )
        cards = CardReader(self.sidecar) if self.sidecar is not None else None
        self.discovery = Discovery(server, cards, only=settings.models)
        inference = self._choose_inference(server, joins)
        self.classifier = Classifier(
            inference if traces is None else TracedInference(inference, traces),
            self.discovery,
            transport=settings.transport,
            batch_size=settings.batch_size,
            metrics=self.metrics,
        )
        self.limits = PictureLimits(settings.max_picture_bytes, settings.max_picture_pixels)

    def _choose_inference(
        self, server: Connection, joins: Callable[[], Mapping[str, str]]
    ) -> InferenceServer:
        settings = self.settings
        if settings.protocol is Protocol.HTTP:
            return HttpInference(server)
        from car_client.kserve.grpc_inference import GrpcInference  # noqa: PLC0415 - grpc takes 0.2 s to import

        return GrpcInference(
            settings.grpc_address, timeout=settings.timeout, on_retry=self.metrics.count_retry, joins=joins
        )
