"""SIGKILL at every step.

A change is a rename, removal, new folder, link or new file below the models folder. Each case is repeated,
killed before the 1st, the 2nd, the 3rd ... change, until it ends without reaching the ordered one: no step
is left out.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from answers import answer_of, config_faults, digest_of, entry_of, put_version
from edge_common.errors import RetryableError
from edge_common.served_state import available_versions
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.running import RunningProcess
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack
from tiny_models import write_model
from volume_watch import VolumeWatch
from watched_store import WatchedStore
from wrapped_sidecar import FatefulSidecar

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(420)]

WITHIN = 30.0
UNLIMITED = 1 << 40
MOST_STEPS, FEWEST_STEPS = 150, 8
QUIET = 1.0
"""Seconds without a change after which a case has ended: what was replaced is gone by then, too."""
SETTINGS = {"PREFLIGHT": "off", "CONCURRENCY": "1", "EVENTS": "off", "STATUS_TO_BUCKET": "off"}
"""One thread at a time, so that the k-th change is the same one in every repetition."""
EVERY_STEP = "no request fails, nothing half-written, the restart ends it, nothing whole is fetched twice"


@dataclass
class Scene:
    """A running platform, and every model file that may ever be seen on its volume."""

    stack: Stack
    sidecar: FatefulSidecar
    watched: WatchedStore
    folder: Path
    digests: set[str]

    def start(self) -> None:
        self.sidecar.start(S3_ENDPOINT=self.watched.endpoint, **SETTINGS)

    def upload(self, answer: int, model: str, version: int, *, broken: bool = False) -> str:
        """Upload a model that answers `answer`, or none at all; returns the digest of its file."""
        folder = self.folder / f"{model}-{version}-{answer}"
        folder.mkdir()
        if broken:
            (folder / "model.onnx").write_bytes(b"no model %d" % answer)
        else:
            write_model(folder / "good", float(answer))
            (folder / "good" / "model.onnx").rename(folder / "model.onnx")
            (folder / "good").rmdir()
        digest = digest_of(folder / "model.onnx")
        self.digests.add(digest)
        put_version(self.stack.store.client(), folder, f"{model}/{version}")
        return digest

    def is_on_volume(self, digest: str) -> bool:
        """Whether a whole copy is there, published or not."""
        files = (path for path in self.stack.folder.volume.rglob("*") if "trash" not in path.parts)
        return any(path.is_file() and digest_of(path) == digest for path in files)


@dataclass(frozen=True)
class Case:
    """One kind of change; `begin` makes the bucket ask for it, `finished` is a probe for its end."""

    begin: Callable[[Scene, int], str | None]
    """Returns the digest of what has to be fetched for it."""
    finished: Callable[[Scene, int], str | None]
    prepare: Callable[[Scene, int], None] = lambda _scene, _step: None


def _serves(scene: Scene, model: str, version: int, answer: int) -> str | None:
    available = available_versions(scene.stack.served(), model)
    if available != [version]:
        return f"{model} has {available} available"
    given = answer_of(scene.stack, model)
    return None if given == answer else f"{model} answers {given}, not {answer}"


def _is_rejected(scene: Scene, version: int) -> str | None:
    state = entry_of(scene.stack, "car", version).get("state")
    available = available_versions(scene.stack.served(), "car")
    return None if state == "rejected" and available == [1] else f"it is {state}, served: {available}"


def _is_gone(scene: Scene, model: str) -> str | None:
    available = available_versions(scene.stack.served(), model)
    folder = scene.stack.folder.volume / model
    return f"served: {available}, folder: {folder.exists()}" if available or folder.exists() else None


def _serve_first(scene: Scene, step: int) -> None:
    scene.upload(step, f"goes{step}", 1)
    wait_until("the model to remove", lambda: _serves(scene, f"goes{step}", 1, step), within=WITHIN)


def _remove(scene: Scene, step: int) -> None:
    scene.stack.store.remove_model(f"goes{step}")


CASES = {
    "the first version of a model": Case(
        lambda scene, step: scene.upload(step, f"new{step}", 1),
        lambda scene, step: _serves(scene, f"new{step}", 1, step),
    ),
    "a new version over an old one": Case(
        lambda scene, step: scene.upload(step, "car", step + 1),
        lambda scene, step: _serves(scene, "car", step + 1, step),
    ),
    "new content under the same number": Case(
        lambda scene, step: scene.upload(step, "car", 1),
        lambda scene, step: _serves(scene, "car", 1, step),
    ),
    "a version that the server cannot load": Case(
        lambda scene, step: scene.upload(step, "car", 2, broken=True),
        lambda scene, _step: _is_rejected(scene, 2),
    ),
    "the removal of a model": Case(
        _remove, lambda scene, step: _is_gone(scene, f"goes{step}"), prepare=_serve_first
    ),
}


@pytest.fixture
def scene(idle_stack: Stack, tmp_path: Path) -> Iterator[Scene]:
    with WatchedStore(idle_stack.store.endpoint, UNLIMITED) as watched:
        sidecar = FatefulSidecar(idle_stack)
        scene = Scene(idle_stack, sidecar, watched, tmp_path, set())
        scene.start()
        idle_stack.start_server()
        scene.upload(0, "car", 1)
        wait_until("the first model", lambda: _serves(scene, "car", 1, 0), within=WITHIN)
        yield scene


def kill_at_every_step(scene: Scene, case: Case) -> list[str]:
    """Repeat `case`, killed before its k-th change, until one ends alive; returns all the changes."""
    hits: list[str] = []
    for step in range(1, MOST_STEPS):
        case.prepare(scene, step)
        process = scene.stack.component("sidecar")
        scene.sidecar.obey(f"kill {step}")
        digest = case.begin(scene, step)
        if not dies(scene, case, step, process):
            return hits
        hits += scene.sidecar.hits
        assert config_faults(scene.stack.folder.volume) == [], hits[-1]
        asked = len(scene.watched.requests)
        complete = digest is not None and scene.is_on_volume(digest)
        scene.start()
        what = f"the end of repetition {step}, which was killed before {hits[-1]}"
        wait_until(what, lambda step=step: case.finished(scene, step), within=WITHIN)  # type: ignore[misc]  # mypy infers no type for a default
        fetched = [one.key for one in scene.watched.requests[asked:] if one.key.endswith("model.onnx")]
        assert not (complete and fetched), f"{fetched} was fetched again after a kill before {hits[-1]}"
    pytest.fail(f"it still changes something after {MOST_STEPS} changes: {hits[-5:]}")


def dies(scene: Scene, case: Case, step: int, process: RunningProcess) -> bool:
    """Whether the order kills the sidecar before the case has ended and nothing has followed for a while."""
    quiet_since: float | None = None
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if process.exit_code is not None:
            return True
        try:
            unfinished = case.finished(scene, step)
        except RetryableError:
            continue  # the sidecar died while it was asked
        if unfinished is not None:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > QUIET:
            return False
        time.sleep(0.05)
    pytest.fail(f"neither killed nor finished in repetition {step}")


@pytest.mark.fault("SIGKILL before every change on the volume during {name}", EVERY_STEP)
@pytest.mark.parametrize("name", CASES)
def test_a_kill_before_any_change_loses_nothing(scene: Scene, name: str, seen: Callable[[str], None]) -> None:
    volume_watch = VolumeWatch(scene.stack.folder.volume, {"car": scene.digests})
    with volume_watch, Load(scene.stack.ports.server_url, "car", threads=1) as load:
        hits = kill_at_every_step(scene, CASES[name])
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    assert volume_watch.faults == []
    assert len(hits) >= FEWEST_STEPS, f"only {hits} were seen"
    seen(f"{len(hits)} kills, {summary.requests} requests, 0 failed, nothing fetched twice")
