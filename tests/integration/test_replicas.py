"""Several pods on one volume: one writes, the others follow, and a change waits for all their servers."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import requests
from edge_common.served_state import VersionState, available_versions
from edge_stack.components import program
from edge_stack.measuring.load import Load, summarize
from edge_stack.measuring.served_timeline import ServedTimeline, read_served
from edge_stack.processes.command import Command
from edge_stack.processes.ports import HOST, ReservedPort
from edge_stack.processes.waiting import http_answers, wait_until
from edge_stack.stack import Stack
from tiny_models import write_model

WITHIN = 40.0
TOKEN = "a-token-of-sixteen-letters"


@dataclass(frozen=True)
class SecondPod:
    """Another sidecar with a server of its own on the stack's volume."""

    server_url: str
    sidecar_url: str

    def status(self) -> dict[str, object]:
        document: dict[str, object] = requests.get(f"{self.sidecar_url}/v1/status", timeout=5).json()
        return document

    def ask(self, method: str, path: str, **asked: str) -> None:
        headers, body = {"Authorization": f"Bearer {TOKEN}"}, {**asked, "by": "Anna"}
        answer = requests.request(method, f"{self.sidecar_url}{path}", json=body, headers=headers, timeout=5)
        assert answer.status_code == 202, answer.text

    def is_ready(self) -> bool:
        return requests.get(f"{self.sidecar_url}/readyz", timeout=5).status_code == 200


@pytest.fixture
def second(stack: Stack) -> Iterator[SecondPod]:
    with ReservedPort() as server_port, ReservedPort() as sidecar_port:
        pod = SecondPod(f"http://{HOST}:{server_port.number}", f"http://{HOST}:{sidecar_port.number}")
        settings = {
            "INSTANCE": "second",
            "HTTP_PORT": str(sidecar_port.number),
            "OVMS_URL": pod.server_url,
            "API_TOKEN": TOKEN,
        }
        stack.processes.start(
            Command(
                name="second-sidecar",
                argv=[program("model-sync"), "run"],
                log=stack.folder.log("second-sidecar"),
                env=stack.sidecar_environment(**settings),
                ports=(sidecar_port,),
            )
        ).wait_ready(http_answers(f"{pod.sidecar_url}/startupz"), within=WITHIN)
        stack.processes.start(
            Command(
                name="second-server",
                argv=[
                    program("ovms-lite"),
                    *("--config_path", str(stack.folder.volume / "config.json")),
                    *("--rest_port", str(server_port.number), "--rest_bind_address", HOST),
                ],
                log=stack.folder.log("second-server"),
                ports=(server_port,),
            )
        ).wait_ready(http_answers(f"{pod.server_url}/v2/health/ready"), within=WITHIN)
        yield pod


def wait_alone(urls: tuple[str, ...], model: str, version: int) -> None:
    """Wait until each of the servers has `version` of `model` AVAILABLE and no other."""

    def look() -> str | None:
        served = [available_versions(read_served(url), model) for url in urls]
        return None if all(versions == [version] for versions in served) else f"{served} served"

    wait_until(f"{model} version {version} alone", look, within=WITHIN)


def not_told(stack: Stack, event: str) -> str | None:
    """None once the writer's history tells `event` once, and that it was Anna."""
    told = requests.get(f"{stack.ports.sidecar_url}/v1/history?model=car", timeout=5).json()["entries"]
    by = [entry["by"] for entry in told if entry["event"] == event]
    return None if by == ["Anna"] else f"{event} by {by}"


def test_a_change_waits_for_every_server_and_survives_the_writer(
    stack: Stack, second: SecondPod, tmp_path: Path
) -> None:
    stack.push(write_model(tmp_path / "1", 1.0), model="car", version=1)
    stack.wait_version("car", 1, "serving", within=WITHIN)
    both = (stack.ports.server_url, second.server_url)
    wait_alone(both, "car", 1)
    assert stack.status()["role"] == "writer"
    assert second.status()["role"] == "follower"
    wait_until("the second pod ready", lambda: None if second.is_ready() else "not ready", within=WITHIN)

    for method, event in (("POST", "pinned"), ("DELETE", "unpinned")):
        second.ask(method, "/v1/models/car/pin", **({"version": "1"} if method == "POST" else {}))
        wait_until(f"{event} by the writer", partial(not_told, stack, event), within=WITHIN)

    with (
        ServedTimeline(stack.ports.server_url) as one,
        ServedTimeline(second.server_url) as two,
        Load(stack.ports.server_url, "car") as here,
        Load(second.server_url, "car") as there,
    ):
        stack.push(write_model(tmp_path / "2", 2.0), model="car", version=2)
        wait_alone(both, "car", 2)
        time.sleep(0.3)
    assert summarize(here.answers()).failures == 0
    assert summarize(there.answers()).failures == 0
    available = [seen.last("car", 2, VersionState.AVAILABLE) for seen in (one, two)]
    ended = [seen.last("car", 1, VersionState.END) for seen in (one, two)]
    assert None not in available + ended
    assert max(filter(None, available)) < min(filter(None, ended)), "version 1 left before both had 2"

    stack.component("sidecar").kill()
    wait_until(
        "the second pod as the writer",
        lambda: None if second.status()["role"] == "writer" else "it follows",
        within=WITHIN,
    )
    stack.push(write_model(tmp_path / "3", 3.0), model="car", version=3)
    wait_alone(both, "car", 3)
    config = json.loads((stack.folder.volume / "config.json").read_bytes())
    assert config["model_config_list"][0]["config"]["model_version_policy"] == {"specific": {"versions": [3]}}
