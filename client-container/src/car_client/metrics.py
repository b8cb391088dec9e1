"""What Prometheus reads: requests, durations, retries, models. Label values are bounded."""

from functools import partial
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

_MOST_MODELS = 100
_OTHER = "other"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class ClientMetrics:
    """The client's metrics in a registry of their own.

    Beyond 100 model names the label says `other`, so that uploads cannot grow the memory of whoever scrapes.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._models: set[str] = set()
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        kinds = ("model", "protocol", "result")
        self._requests = counter("inference_client_requests", "Inference requests by their end.", kinds)
        self._seconds = Histogram(
            "inference_client_request_duration_seconds",
            "From sending an inference request to its whole answer.",
            ("model", "protocol"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._retries = counter("inference_client_retries", "Requests sent a second time.", ("reason",))
        in_flight = "Inference requests without an answer yet."
        self.in_flight = gauge("inference_client_in_flight_requests", in_flight)
        pictures = "Pictures by what became of them."
        self._pictures = counter("inference_client_pictures", pictures, ("result",))
        kept = "Answers by whether the history has kept or dropped them."
        self._history = counter("inference_client_history_answers", kept, ("result",))
        self._served = gauge("inference_client_models", "Models of the server.", ("state",))
        up = "Whether the model server answered the last look (1) or not (0)."
        self._server_up = gauge("inference_client_server_up", up)
        build = Info("inference_client_build", "Version of the client.", registry=self.registry)
        build.info({"version": version("edgeai-cars-client")})

    def count_request(self, model: str, protocol: str, result: str, seconds: float) -> None:
        """One inference request that ended as `result`: success, refused, unreachable or failed."""
        if model not in self._models:
            if len(self._models) >= _MOST_MODELS:
                model = _OTHER
            else:
                self._models.add(model)
        self._requests.labels(model, protocol, result).inc()
        self._seconds.labels(model, protocol).observe(seconds)

    def count_retry(self, reason: str) -> None:
        """A request was sent again because of `reason`: connection_lost or retired."""
        self._retries.labels(reason).inc()

    def count_picture(self, result: str) -> None:
        """A picture was `classified` or `rejected`."""
        self._pictures.labels(result).inc()

    def count_history(self, result: str, answers: int) -> None:
        """So many answers were `kept` or `dropped` by the history."""
        self._history.labels(result).inc(answers)

    def set_models(self, *, usable: int, unusable: int, server_up: bool) -> None:
        """How many models the server had at the last look, and whether it answered."""
        self._served.labels("usable").set(usable)
        self._served.labels("unusable").set(unusable)
        self._server_up.set(server_up)
