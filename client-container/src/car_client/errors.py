"""What can go wrong between a picture and its label.

    RetryableError   ServerUnreachableError   nobody answers at the address, or not in time
                     └ ConnectionLostError    it answered before, then the connection broke
                     ServerFailedError        an answer with 5xx, or one that cannot be read
                     ModelChangingError       versions changed faster than a request could be prepared
    RejectedError    RequestRefusedError      an answer with 4xx; carries the status and the server's words
                     UnknownModelError        the server has no such model
                     UnusableModelError       the model is served, but this client cannot feed or read it
                     └ MisshapenAnswerError   its answer has no row of scores for each picture
                     UnreadableScoresError    what the model says of this one picture cannot be read

A file that is no picture is a NotAPictureError of `edge_common.pictures.decode`. Each is one of the three
kinds of `edge_common.errors`, which decide the exit code.
"""

from collections.abc import Iterable

from edge_common.errors import RejectedError, RetryableError


class ServerUnreachableError(RetryableError):
    """No answer: nothing listens, the name does not resolve, or the time limit passed."""


class ConnectionLostError(ServerUnreachableError):
    """The connection was made and then broke before the whole answer arrived."""


class ServerFailedError(RetryableError):
    """The server answered that it failed, or answered something that is not the protocol."""


class ModelChangingError(RetryableError):
    """Versions changed faster than a request could be prepared for the one that answers."""


class RequestRefusedError(RejectedError):
    """The server says the request is wrong: sending it again cannot help."""

    def __init__(self, what: str, status: int, server_message: str) -> None:
        super().__init__(
            f"the server refused {what} with status {status}: {server_message or 'no reason given'}"
        )
        self.status = status
        self.server_message = server_message


class UnknownModelError(RejectedError):
    """A model was named that the server does not serve."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = ", ".join(sorted(known)) or "none at all"
        super().__init__(f"the server serves no model {name!r}; it serves: {names}")


class UnusableModelError(RejectedError):
    """The model's tensors and its description do not make an image classifier this client can use."""


class MisshapenAnswerError(UnusableModelError):
    """The answer has not one row of scores for each picture; with one picture a request it may have."""


class UnreadableScoresError(RejectedError):
    """The model's scores for one picture are not finite, or are no probabilities; it concerns no other."""
