"""SIGKILL at every step of a start.

A start sets right what it finds on the volume: a lost or unreadable state.json, a damaged folder, leftovers.
Each case is repeated, killed before the 1st, the 2nd, the 3rd ... change, until a start lives to list the
bucket.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from answers import answer_of, config_faults, digest_of, entry_of, put_version
from edge_common.served_state import available_versions
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack
from tiny_models import write_model
from wrapped_sidecar import FatefulSidecar

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

WITHIN = 30.0
MOST_STEPS, FEWEST_STEPS = 60, 3
SETTINGS = {"PREFLIGHT": "off", "CONCURRENCY": "1", "EVENTS": "off", "STATUS_TO_BUCKET": "off"}
MODEL = "model.onnx"


@dataclass
class Scene:
    """A served model, and the volume to be spoilt."""

    stack: Stack
    sidecar: FatefulSidecar
    digest: str

    @property
    def volume(self) -> Path:
        return self.stack.folder.volume

    def right(self) -> str | None:
        """A probe for: the model is served as it was uploaded, and nothing strange is left."""
        entry = entry_of(self.stack, "car", 1)
        if (entry.get("state"), entry.get("reason")) != ("serving", ""):
            return f"it is {entry.get('state')} ({entry.get('reason')})"
        if available_versions(self.stack.served(), "car") != [1] or answer_of(self.stack, "car") != 1.0:
            return "the server answers otherwise"
        if [digest_of(file) for file in (self.volume / "car" / "1").iterdir()] != [self.digest]:
            return "its folder is not as it was uploaded"
        left = [
            name for name in ("stray", "empty", ".model-sync/trash/old@1") if (self.volume / name).exists()
        ]
        return f"{left} are left" if left else None


def lose_state(scene: Scene) -> None:
    (scene.volume / ".model-sync" / "state.json").unlink()
    write_model(scene.volume / "stray" / "3", 7.0)


def garble_state(scene: Scene) -> None:
    (scene.volume / ".model-sync" / "state.json").write_text("half a st")
    write_model(scene.volume / ".model-sync" / "trash" / "old@1", 7.0)
    (scene.volume / "empty").mkdir()


def damage_version(scene: Scene) -> None:
    file = scene.volume / "car" / "1" / MODEL
    aside = scene.volume / "damaged"
    aside.write_bytes(file.read_bytes()[:-1])
    aside.replace(file)  # another file: what the server has read stays as it is


CASES = {
    "a lost state.json and a version that the bucket does not have": lose_state,
    "an unreadable state.json and what a killed deletion and a killed publication left": garble_state,
    "a served version of which the file lost a byte": damage_version,
}


@pytest.fixture
def scene(idle_stack: Stack, tmp_path: Path) -> Scene:
    sidecar = FatefulSidecar(idle_stack)
    sidecar.start(**SETTINGS)
    idle_stack.start_server()
    folder = write_model(tmp_path / "1", 1.0)
    put_version(idle_stack.store.client(), folder, "car/1")
    scene = Scene(idle_stack, sidecar, digest_of(folder / MODEL))
    wait_until("the model", scene.right, within=WITHIN)
    return scene


@pytest.mark.fault(
    "SIGKILL before every change of a start that finds {name}",
    "no request fails, config.json lists only what is there, the next start sets all right",
)
@pytest.mark.parametrize("name", CASES)
def test_a_kill_during_the_start_loses_nothing(scene: Scene, name: str, seen: Callable[[str], None]) -> None:
    hits: list[str] = []
    with Load(scene.stack.ports.server_url, "car", threads=1) as load:
        for step in range(1, MOST_STEPS):
            scene.stack.component("sidecar").kill()
            CASES[name](scene)
            survived = scene.sidecar.start_under(f"kill {step}", **SETTINGS)
            assert config_faults(scene.volume) == []
            if survived is not None:
                break
            hits += scene.sidecar.hits
            scene.sidecar.start(**SETTINGS)
            what = f"all to be right after a kill before {hits[-1]}"
            wait_until(what, scene.right, within=WITHIN)
        wait_until("all to be right in the end", scene.right, within=WITHIN)
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    assert FEWEST_STEPS <= len(hits) < MOST_STEPS - 1, f"only or always killed: {hits}"
    seen(f"{len(hits)} kills, {summary.requests} requests, 0 failed")
