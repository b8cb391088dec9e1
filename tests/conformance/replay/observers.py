"""What goes on beside the steps of a timeline: polling, steady load, and one long request."""

import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from .connection import Answer, Connection, ask_once

_ENDS_WITHIN = 30.0
_LONGEST_REQUEST = 120.0
ZEROS = [0.0] * 10


def states_of(body: bytes) -> dict[str, dict[str, str]]:
    """The state of each version of each model in an answer of /v1/config; FAILED is LOADING with an error."""
    return {
        model: {version["version"]: _label(version) for version in entry["model_version_status"]}
        for model, entry in json.loads(body).items()
    }


def _label(version: dict[str, Any]) -> str:
    state, code = version["state"], version["status"]["error_code"]
    if code == "OK":
        return str(state)
    return "FAILED" if state == "LOADING" else f"{state}/{code}"


def infer_path(model: str, version: str | None = None) -> str:
    return f"/v2/models/{model}{'' if version is None else f'/versions/{version}'}/infer"


def infer_body(values: list[float]) -> bytes:
    tensor = {"name": "x", "shape": [1, 10], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [tensor]}).encode()


def inferred(answer: Answer) -> dict[str, Any]:
    """Status, and which version answered with which first value, or the error."""
    document = json.loads(answer.body)
    if answer.status != 200:
        return {"status": answer.status, "error": document["error"]}
    value = document["outputs"][0]["data"][0]
    return {"status": 200, "version": document["model_version"], "value": value}


class StateHistory:
    """Polls /v1/config from `start` to `stop`, and keeps every change."""

    def __init__(self, port: int) -> None:
        self.seen: list[dict[str, dict[str, str]]] = []
        self._port = port
        self._poller = _Repeated(self._look, every=0.02)

    def start(self) -> None:
        self._poller.start()

    def stop(self) -> None:
        """May be called again."""
        if self._poller.stop():
            self._look()

    def _look(self) -> None:
        try:
            states = states_of(ask_once(self._port, "GET", "/v1/config", timeout=1.0).body)
        except (OSError, ValueError):
            return
        if not self.seen or self.seen[-1] != states:
            self.seen.append(states)


class StatusWatch:
    """Polls paths for their status codes; `refused` where nobody answers."""

    def __init__(self, port: int, paths: list[str]) -> None:
        self._port = port
        self._seen: dict[str, list[int | str]] = {path: [] for path in paths}
        self._poller = _Repeated(self._look, every=0.005)
        self._poller.start()

    def stop(self, leave_out: list[int | str]) -> dict[str, list[int | str]]:
        """The statuses of each path in order, without repetitions."""
        self._poller.stop()
        return {path: _changes([s for s in seen if s not in leave_out]) for path, seen in self._seen.items()}

    def _look(self) -> None:
        for path, seen in self._seen.items():
            try:
                seen.append(ask_once(self._port, "GET", path, timeout=1.0).status)
            except TimeoutError:
                continue  # waits behind a long request of another connection
            except OSError:
                seen.append("refused")


def _changes(values: list[int | str]) -> list[int | str]:
    return [*values[:1], *(after for before, after in pairwise(values) if before != after)]


class SteadyLoad:
    """Threads that ask a model, without naming a version, until `stop`."""

    def __init__(self, port: int, model: str, threads: int) -> None:
        self._port = port
        head = f"POST {infer_path(model)} HTTP/1.1\r\nHost: localhost\r\n"
        body = infer_body(ZEROS)
        self._request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(threads)
        self._askers = [self._pool.submit(self._ask) for _ in range(threads)]

    def _ask(self) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        connection: Connection | None = None
        while not self._ending.wait(0.001):
            try:
                connection = connection or Connection(self._port)
                answers.append(inferred(connection.ask("POST", self._request)))
            except (OSError, ValueError, LookupError) as error:
                answers.append({"status": 0, "error": repr(error)})
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()
        return answers

    def stop(self) -> dict[str, Any]:
        """Who answered with what, whether a thread ever went back to an older version, and failures."""
        self._ending.set()
        threads = [asker.result(_ENDS_WITHIN) for asker in self._askers]
        self._pool.shutdown()
        good = [[answer for answer in answers if answer["status"] == 200] for answers in threads]
        bad = [answer for answers in threads for answer in answers if answer["status"] != 200]
        versions = [[int(answer["version"]) for answer in answers] for answers in good]
        return {
            "served": sorted({f"{a['version']}={a['value']:g}" for answers in good for a in answers}),
            "never_back": all(before <= after for line in versions for before, after in pairwise(line)),
            "failures": bad,
        }


class LongRequest:
    """A request to a `slow` model that takes about `seconds`, measured by a shorter one first."""

    def __init__(self, port: int, path: str, seconds: float, head_start: float) -> None:
        self._port, self._path = port, path
        self._ask(50)
        begin = time.monotonic()
        self._ask(400)
        turns = int(400 * seconds / max(time.monotonic() - begin, 0.02))
        pool = ThreadPoolExecutor(1)
        self._answer: Future[dict[str, Any]] = pool.submit(self._ask, turns)
        pool.shutdown(wait=False)
        time.sleep(head_start)

    def _ask(self, turns: int) -> dict[str, Any]:
        body = infer_body([float(turns), *ZEROS[1:]])
        try:
            return inferred(ask_once(self._port, "POST", self._path, body, timeout=_LONGEST_REQUEST))
        except OSError as error:
            return {"error": repr(error)}

    def is_running(self) -> bool:
        return not self._answer.done()

    def answer(self) -> dict[str, Any]:
        return self._answer.result(_LONGEST_REQUEST)


class _Repeated:
    def __init__(self, look: Any, *, every: float) -> None:
        self._look, self._every = look, every
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.wait(self._every):
            self._look()

    def stop(self) -> bool:
        """Whether it ran until now."""
        ran = not self._ending.is_set()
        self._ending.set()
        self._thread.join(_ENDS_WITHIN)
        return ran
