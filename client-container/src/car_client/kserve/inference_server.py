"""Whom inferences are asked of, whatever the protocol."""

from typing import Protocol

from car_client.kserve.inference_codec import InferenceAnswer, RequestTensor


class InferenceServer(Protocol):
    """A KServe v2 server. Safe to share between threads."""

    @property
    def protocol(self) -> str:
        """`http` or `grpc`."""

    def infer(self, model: str, tensor: RequestTensor, output: str) -> InferenceAnswer:
        """The answer of the version that serves unversioned requests.

        Asked again once when the connection was lost or that version was retired meanwhile, within one time
        limit. Raises RequestRefusedError, ServerUnreachableError, ServerFailedError.
        """

    def close(self) -> None:
        """Close the idle connections."""
