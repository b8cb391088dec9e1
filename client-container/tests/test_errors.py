import inspect

import pytest
from car_client import errors
from edge_common.errors import EdgeError, FatalError, RejectedError, RetryableError

EXIT_CODES = {
    "ServerUnreachableError": 75,
    "ConnectionLostError": 75,
    "ServerFailedError": 75,
    "ModelChangingError": 75,
    "RequestRefusedError": 65,
    "UnknownModelError": 65,
    "UnreadableScoresError": 65,
    "MisshapenAnswerError": 65,
    "UnusableModelError": 65,
}


def own_errors() -> dict[str, type[EdgeError]]:
    return {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, EdgeError) and kind not in {EdgeError, RetryableError, RejectedError, FatalError}
    }


def test_every_error_has_its_exit_code() -> None:
    assert {name: kind.exit_code for name, kind in own_errors().items()} == EXIT_CODES


@pytest.mark.parametrize("name", EXIT_CODES)
def test_every_error_is_in_the_overview(name: str) -> None:
    assert name in (errors.__doc__ or "")


def test_errors_build_their_sentences_from_facts() -> None:
    assert str(errors.UnknownModelError("x", ["b", "a"])) == "the server serves no model 'x'; it serves: a, b"
    assert str(errors.UnknownModelError("x", [])).endswith("it serves: none at all")
    refused = errors.RequestRefusedError("an inference", 400, "")
    assert str(refused) == "the server refused an inference with status 400: no reason given"
