"""What every receiver of results offers."""

from typing import Protocol

from car_client.inference.classifier import Classification


class ResultSink(Protocol):
    """Receives every result of a watch. An outage of the receiver must not stop the watch."""

    def write(self, result: Classification) -> None:
        """Take one result."""

    def close(self) -> None:
        """Write what is still held back."""


class NoSink:
    """Results are logged only."""

    def write(self, result: Classification) -> None:
        """Drop it."""

    def close(self) -> None:
        """Nothing is held."""
