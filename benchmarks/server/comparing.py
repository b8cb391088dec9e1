"""The loads: every server with every body at every number of connections, in turn, round after round."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import numpy as np
from answers import check_answer
from bodies import Body
from contestants import Contestant, Subject
from edge_common.openvino_runtime import ov
from load import CONNECTIONS, Load, put_load
from raw_limit import raw_rate
from servers import Running, echo

ECHO = "echo application"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: medians over the rounds; `ratio` to the limit measured around each load."""

    subject: str
    wire: str
    server: str
    connections: int
    load: Load
    ratio: float


@dataclass(frozen=True, slots=True)
class _Case:
    wire: str
    server: str
    url: str
    body: Body


@contextmanager
def all_running(who: Sequence[Contestant], subjects: Sequence[Subject]) -> Iterator[dict[str, Running]]:
    """All servers at once, so that each round reaches all of them; those that are not asked wait idle."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        models = {subject.name: subject.folder for subject in subjects}
        yield {one.name: stack.enter_context(one.start(models, folder / one.name)) for one in who}


def compare_images(
    subject: Subject,
    who: Sequence[Contestant],
    running: dict[str, Running],
    *,
    seconds: float,
    rounds: int,
) -> tuple[float, list[Row]]:
    """The raw queue's images/s, and a row for each server, body and number of connections."""
    cases = _cases(subject, who, running)
    raw = [raw_rate(subject.file, subject.facts, seconds)]
    loads: dict[tuple[_Case, int], list[tuple[Load, float]]] = {}
    for _ in range(rounds):
        for case in cases:
            measured = {c: put_load(case.url, case.body, connections=c, seconds=seconds) for c in CONNECTIONS}
            raw.append(raw_rate(subject.file, subject.facts, seconds))
            limit = mean(raw[-2:])  # just before and just after, so that a busy machine hits both
            for connections, load in measured.items():
                loads.setdefault((case, connections), []).append((load, load.rate / limit))
    return median(raw), [_row(subject, *key, results) for key, results in loads.items()]


def compare_tiny(
    subject: Subject,
    who: Sequence[Contestant],
    running: dict[str, Running],
    *,
    seconds: float,
    rounds: int,
) -> list[Row]:
    """Requests/s where the model costs nothing; the limit is the echo application of the same round."""
    cases = _cases(subject, who, running)
    ours = next(case for case in cases if case.wire == "binary")
    loads: dict[tuple[_Case, int], list[tuple[Load, float]]] = {}
    with echo() as echoing:
        cases = [_Case(ours.wire, ECHO, echoing.address, ours.body), *cases]
        for _ in range(rounds):
            for connections in CONNECTIONS:
                limit = 0.0
                for case in cases:
                    load = put_load(case.url, case.body, connections=connections, seconds=seconds)
                    limit = limit or load.rate
                    loads.setdefault((case, connections), []).append((load, load.rate / limit))
    return [_row(subject, *key, results) for key, results in loads.items()]


def _cases(subject: Subject, who: Sequence[Contestant], running: dict[str, Running]) -> list[_Case]:
    """Who can be asked how, each asked once and its answer compared."""
    compiled = ov.Core().compile_model(str(subject.file), "CPU")
    cases = []
    for one in who:
        for wire, (body, tensor) in one.bodies(subject).items():
            url = running[one.name].infer_url(one.model_name(subject, wire))
            check_answer(url, body, np.asarray(compiled([tensor])[0], np.float32))
            cases.append(_Case(wire, one.name, url, body))
    return cases


def _row(subject: Subject, case: _Case, connections: int, results: list[tuple[Load, float]]) -> Row:
    load = Load.median([load for load, _ in results])
    return Row(subject.name, case.wire, case.server, connections, load, median(ratio for _, ratio in results))
