"""Asks the recorded single requests, each against the server that it was recorded with."""

import time
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Any

from .comparison import Difference, Found, answer_differences
from .connection import Answer, Connection
from .recorded_models import RecordedModels
from .request_bytes import Description, request_bytes
from .tested_server import TestedServer

_READY_WITHIN = 60.0
_BETWEEN_ATTEMPTS = 0.1


def ask_single_requests(recording: Description, models: RecordedModels, only: Collection[str] = ()) -> Found:
    """What differs, for each case by its id; `only` names the cases to ask, nothing means all."""
    cases = [case for case in recording["cases"] if not only or case["id"] in only]
    found: Found = {}
    for setup, group in groupby(sorted(cases, key=_setup), key=_setup):
        start = recording["setups"][setup]
        chosen = list(group)
        for batch in [[case] for case in chosen] if start.get("fresh") else [chosen]:
            with TestedServer(start, models) as server:
                server.launch()
                if not server.becomes_ready(_READY_WITHIN):
                    raise AssertionError(f"the server for {setup} is not ready: {_log(server)}")
                for case in batch:
                    found[case["id"]] = _ask_case(server, case)
    return found


def _setup(case: Description) -> str:
    return str(case["model_setup"])


def _log(server: TestedServer) -> str:
    return (server.root / "server.log").read_text(errors="replace")[-2000:]


def _ask_case(server: TestedServer, case: Description) -> list[Difference]:
    """Asked again as often as the recording says: a failed version that is retried flips between states."""
    found = _ask_once(server, case)
    for _ in range(case.get("attempts", 1) - 1):
        if not found:
            break
        time.sleep(_BETWEEN_ATTEMPTS)
        found = _ask_once(server, case)
    return found


def _ask_once(server: TestedServer, case: Description) -> list[Difference]:
    requests: list[dict[str, Any]] = case.get("requests", [case])
    found: list[Difference] = []
    try:
        for request, answer in zip(requests, _answers(server, requests, case), strict=True):
            found += answer_differences(request, request["expect"], answer)
            bounds = request.get("time", {"min": 0.0, "max": float("inf")})
            if not bounds["min"] <= answer.seconds <= bounds["max"]:
                found.append(Difference("seconds", bounds, answer.seconds))
    except (OSError, ValueError) as error:  # one case must not stop the others
        found.append(Difference("request", "an answer", repr(error)))
    return found


def _answers(server: TestedServer, requests: list[dict[str, Any]], case: Description) -> Iterator[Answer]:
    keep = case.get("connection") == "keep"
    connection: Connection | None = None
    try:
        for request in requests:
            connection = connection or Connection(server.port)
            answer = connection.ask(*request_bytes(request))
            closed = connection.is_closed_by_server() if keep else None
            if closed is not False:
                connection.close()
                connection = None
            yield Answer(answer.status, answer.headers, answer.body, answer.seconds, closed)
    finally:
        if connection is not None:
            connection.close()
