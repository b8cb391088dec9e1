"""Plays the recorded timelines: changes to files and config, and what the server says and does about them."""

import signal
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .comparison import Difference, Found, answer_differences, value_differences
from .connection import Answer, Connection, ask_once
from .observers import (
    ZEROS,
    LongRequest,
    StateHistory,
    StatusWatch,
    SteadyLoad,
    infer_body,
    infer_path,
    inferred,
    states_of,
)
from .recorded_models import RecordedModels
from .request_bytes import Description, request_bytes
from .tested_server import TestedServer

_PASSING = {"LOADING", "START", "UNLOADING"}  # too quick to be seen each time
_HASTY_TIMES = [0.5] * 20  # a connection may wait behind a long request of another one; the next may not
_LATER_STEPS_NEED = {"wait", "wait_ready", "wait_exit"}


def play_timelines(
    recording: Description, models: RecordedModels, only: Collection[str] = (), *, at_once: int
) -> Found:
    """What differs, for each case by its id; those that need the machine to themselves come last."""
    cases = [case for case in recording["cases"] if not only or case["id"] in only]
    beside = [case for case in cases if not case.get("alone")]
    with ThreadPoolExecutor(at_once) as pool:
        played = pool.map(lambda case: _play(case, models), beside)
        found = {case["id"]: differences for case, differences in zip(beside, played, strict=True)}
    return found | {case["id"]: _play(case, models) for case in cases if case.get("alone")}


def _play(case: Description, models: RecordedModels) -> list[Difference]:
    with TestedServer(case["start"], models) as server:
        timeline = _Timeline(case, server)
        try:
            return timeline.play()
        except (OSError, ValueError, LookupError) as error:  # one case must not stop the others
            return [Difference("timeline", "a run to its end", repr(error))]
        finally:
            timeline.history.stop()


class _Timeline:
    def __init__(self, case: Description, server: TestedServer) -> None:
        self._case, self._server = case, server
        self.history = StateHistory(server.port)
        self._beside: dict[str, Any] = {}
        self._changes: dict[str, Callable[[Description], None]] = {
            "config": lambda step: server.write_config(step["config"]),
            "inflight_start": self._start_long_request,
            "load_start": self._start_load,
            "put": lambda step: server.put(step["path"], step["spec"], step.get("how", "rename")),
            "remove": lambda step: server.remove(step["path"]),
            "rename": lambda step: self._rename(step["from"], step["to"]),
            "signal": lambda step: server.signal(signal.Signals[step["signal"]]),
            "sleep": lambda step: time.sleep(step["seconds"]),
            "spawn": lambda _: server.launch(),
            "symlink": lambda step: (server.repository / step["path"]).symlink_to(step["to"]),
            "watch_start": self._start_watch,
        }
        self._questions: dict[str, Callable[[Description], dict[str, Any]]] = {
            "infer": self._infer,
            "inflight_join": lambda step: self._beside[step["id"]].answer(),
            "inflight_running": lambda step: {"running": self._beside[step["id"]].is_running()},
            "load_stop": lambda step: self._beside[step["id"]].stop(),
            "snapshot": lambda _: {"states": self._settled_states()},
            "wait": self._wait,
            "wait_exit": lambda step: {"code": server.exit_code(step["within"])},
            "wait_ready": lambda step: {"ready": server.becomes_ready(step["within"])},
            "watch_stop": lambda step: {"statuses": self._beside[step["id"]].stop(step.get("drop", []))},
        }

    def play(self) -> list[Difference]:
        """Launch the server, take all steps, then compare the history of the states."""
        found: list[Difference] = []
        self._server.launch()
        self.history.start()
        for number, step in enumerate(self._case["steps"], 1):
            kind = step["do"]
            if kind in {"signal", "wait_exit"}:
                self.history.stop()
            differences = self._take(kind, step)
            found += [d._replace(where=f"step {number}, {kind}: {d.where}") for d in differences]
            if differences and kind in _LATER_STEPS_NEED:
                break
        self.history.stop()
        return [*found, *self._history_differences()]

    def _take(self, kind: str, step: Description) -> list[Difference]:
        if kind in self._changes:
            self._changes[kind](step)
            return []
        expected: dict[str, Any] = step["expect"]
        if kind == "request":
            method, request = request_bytes(step)
            return answer_differences(step, expected, self._ask(method, request, step))
        got = self._questions[kind](step)
        if kind == "load_stop":
            too_many = len(got["failures"]) > step["max_failed"]
            allowed = f"at most {step['max_failed']} failures"
            found = [Difference("failures", allowed, got["failures"])] if too_many else []
            return [
                *found,
                *value_differences(
                    {k: expected[k] for k in ("served", "never_back")}, _without(got, "failures")
                ),
            ]
        return list(value_differences(_without(expected, "took"), got))

    def _history_differences(self) -> list[Difference]:
        """The states of each version in order, and whether a model was ever without one that serves."""
        ignored = self._case.get("ignore_history", [])
        lines: dict[str, list[str]] = {}
        gaps: dict[str, bool] = {}
        for states in self.history.seen:
            for model, versions in states.items():
                for version, state in versions.items():
                    line = lines.setdefault(f"{model}#{version}", [])
                    if state not in _PASSING and line[-1:] != [state]:
                        line.append(state)
                if "AVAILABLE" in versions.values():
                    gaps.setdefault(model, False)
                elif model in gaps:
                    gaps[model] = True
        got = {
            "states": {
                key: line for key, line in lines.items() if not {key, key.partition("#")[0]} & set(ignored)
            },
            "without_available": {m: gap for m, gap in gaps.items() if m in self._case.get("check_gaps", [])},
        }
        return list(value_differences(self._case["expect"], got, "history"))

    def _ask(self, method: str, request: bytes, step: Description) -> Answer:
        for patience in [*(_HASTY_TIMES if step.get("hasty") else []), 60.0]:
            try:
                with Connection(self._server.port, patience) as connection:
                    return connection.ask(method, request)
            except TimeoutError:
                continue
        raise TimeoutError("no answer within a minute")

    def _infer(self, step: Description) -> dict[str, Any]:
        body = infer_body(ZEROS)
        path = infer_path(step["model"], step.get("version"))
        method, request = request_bytes({"method": "POST", "path": path, "body": body.decode()})
        return inferred(self._ask(method, request, step))

    def _wait(self, step: Description) -> dict[str, Any]:
        deadline = time.monotonic() + step["within"]
        while True:
            try:
                states = states_of(ask_once(self._server.port, "GET", "/v1/config", timeout=0.4).body)
                seen = {key: _state(states, key) for key in step["until"]}
            except (OSError, ValueError) as error:
                seen = {"error": repr(error)}
            if seen == step["until"]:
                return {"pending": {}}
            if time.monotonic() > deadline:
                return {"pending": seen}
            time.sleep(0.02)

    def _settled_states(self) -> dict[str, dict[str, str]]:
        """Over longer than a poll; a failed version flips between LOADING and FAILED, and is FAILED."""
        seen: dict[str, dict[str, set[str]]] = {}
        _, request = request_bytes({"method": "GET", "path": "/v1/config"})
        deadline = time.monotonic() + 1.3
        while time.monotonic() < deadline:
            for model, versions in states_of(self._ask("GET", request, {"hasty": True}).body).items():
                of_model = seen.setdefault(model, {})
                for version, state in versions.items():
                    of_model.setdefault(version, set()).add(state)
            time.sleep(0.02)
        return {
            model: {
                v: "FAILED" if "FAILED" in found else "/".join(sorted(found)) for v, found in of_model.items()
            }
            for model, of_model in seen.items()
        }

    def _start_long_request(self, step: Description) -> None:
        seconds = step["seconds"]
        if any(later["do"] == "signal" for later in self._case["steps"]):
            seconds /= (
                2  # the real server waits for as long as it takes, ours for 4.5 s, and machines get busy
            )
        path = infer_path(step["model"], step.get("version"))
        self._beside[step["id"]] = LongRequest(self._server.port, path, seconds, step.get("head_start", 0.3))

    def _start_load(self, step: Description) -> None:
        self._beside[step["id"]] = SteadyLoad(self._server.port, step["model"], step["threads"])

    def _start_watch(self, step: Description) -> None:
        self._beside[step["id"]] = StatusWatch(self._server.port, step["paths"])

    def _rename(self, old: str, new: str) -> None:
        (self._server.repository / old).rename(self._server.repository / new)


def _state(states: dict[str, dict[str, str]], key: str) -> str:
    """Of `model#version`; ABSENT, and for a model alone EMPTY and LISTED, speak of what is missing."""
    model, _, version = key.partition("#")
    if model not in states:
        return "ABSENT"
    if not version:
        return "LISTED" if states[model] else "EMPTY"
    return states[model].get(version, "ABSENT")


def _without(document: Description, key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}
