"""The store does wrong.

A relay between the sidecar and the store answers chosen requests wrong. Meanwhile three models are asked all
the time; then a new version waits in the bucket, and it has to be served by itself once the store is well
again.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from answers import answer_of, digest_of, put_folder, put_version, wait_answer
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack
from faulty_store import Change, FaultyStore, Matches
from store_faults import (
    answer,
    corrupt,
    cut,
    everything,
    hang_up,
    list_without,
    listings,
    never_answer,
    objects,
    pause,
    shorten,
    throttle,
)
from tiny_models import write_model
from volume_watch import VolumeWatch

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(180)]

WITHIN = 30.0
NAMES = ("a", "b", "c")
PADDING = 200_000
STAYS = "all models stay served, no folder goes, the status says why, it recovers by itself"


@dataclass
class Scene:
    stack: Stack
    store: FaultyStore
    models: Path
    digests: set[str]

    def model(self, name: str, version: int, answer: float) -> Path:
        folder = write_model(self.models / f"{name}-{version}-{answer}", answer, padding=PADDING)
        self.digests.add(digest_of(folder / "model.onnx"))
        return folder

    def upload(self, name: str, version: int, answer: float) -> None:
        folder = self.model(name, version, answer)
        put_version(self.stack.store.client(), folder, f"{name}/{version}")

    def folders(self) -> set[str]:
        volume = self.stack.folder.volume
        return {str(path.relative_to(volume)) for path in volume.glob("[a-z]*/*/*")}

    def sentences(self) -> str:
        """All that the status says about what is wrong."""
        status: dict[str, Any] = self.stack.status()
        versions = [v["reason"] for model in status["models"].values() for v in model["versions"]]
        return " | ".join(filter(None, [status["cycle"]["error"], *versions, *status["notices"]]))


@pytest.fixture
def scene(idle_stack: Stack, tmp_path: Path) -> Iterator[Scene]:
    with FaultyStore(idle_stack.store.endpoint) as faulty:
        scene = Scene(idle_stack, faulty, tmp_path, set())
        idle_stack.start_sidecar(S3_ENDPOINT=faulty.endpoint, HOLD="5m", EVENTS="off")
        idle_stack.start_server()
        for number, name in enumerate(NAMES):
            scene.upload(name, 1, float(number))
        for number, name in enumerate(NAMES):
            wait_answer(idle_stack, name, float(number), within=WITHIN)
        yield scene


@dataclass(frozen=True)
class Case:
    matches: Matches
    change: Change
    told: tuple[str, ...]
    """One of these is in what the status says."""
    lasts: float = 2.5
    """Seconds; several polls."""


CASES = {
    "403 to every request": Case(everything, answer(403, "AccessDenied"), ("not allowed to",)),
    "unknown credentials": Case(
        everything, answer(403, "InvalidAccessKeyId"), ("does not accept the credentials",)
    ),
    "500 to every request": Case(everything, answer(500, "InternalError"), ("InternalError",)),
    "503 to every download": Case(objects(), answer(503, "SlowDown"), ("SlowDown",)),
    "404 to every download": Case(objects(), answer(404, "NoSuchKey"), ("replaced or removed",)),
    "connections that end without an answer": Case(everything, hang_up, ("check that the store runs",)),
    "listings cut in the middle": Case(listings, cut(), ("check that the store runs",)),
    "listings that end in the middle of the XML": Case(
        listings, shorten(), ("what it answered is no listing",)
    ),
    "empty listings": Case(listings, list_without(""), ("suddenly lacks 3 of 3 models",)),
    "listings that lost two of three models": Case(
        listings, list_without("a/", "b/"), ("suddenly lacks 2 of 3 models",)
    ),
    "downloads cut in the middle": Case(
        objects("model.onnx"), cut(), ("check that the store runs", "bytes; it is tried again")
    ),
    "downloads shorter than the object": Case(
        objects("model.onnx"), shorten(), ("bytes and was listed with", "bytes; it is tried again")
    ),
    "downloads with a wrong byte": Case(
        objects("model.onnx"), corrupt, ("other bytes than", "does not match", "SHA256SUMS")
    ),
    "downloads at 20 kB/s": Case(objects("model.onnx"), throttle(20_000), ("",), lasts=1.0),
}


@pytest.mark.fault("{name}", STAYS)
@pytest.mark.parametrize("name", CASES)
def test_models_stay_served_and_the_new_version_comes_when_the_store_is_well(
    scene: Scene, name: str, seen: Callable[[str], None]
) -> None:
    case = CASES[name]
    before = scene.folders()
    watch = VolumeWatch(scene.stack.folder.volume, dict.fromkeys(NAMES, scene.digests))
    with watch, Load(scene.stack.ports.server_url, "a", threads=1) as load:
        scene.store.fault = (case.matches, case.change)
        scene.upload("c", 2, 12.0)

        def told() -> str | None:
            sentences = scene.sentences()
            return None if any(words in sentences for words in case.told) else f"it says {sentences!r}"

        wait_until("the status says why", told, within=WITHIN)
        time.sleep(case.lasts)
        assert [answer_of(scene.stack, model) for model in NAMES[:2]] == [0.0, 1.0]
        assert answer_of(scene.stack, "c") in {2.0, 12.0}  # half a listing may still show the new version
        assert scene.folders() >= before
        scene.store.fault = None
        recovered = wait_answer(scene.stack, "c", 12.0, within=WITHIN)
        assert [answer_of(scene.stack, model) for model in NAMES[:2]] == [0.0, 1.0]
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    assert watch.faults == []
    assert scene.store.struck > 0
    requests = f"0 of {summary.requests} requests failed"
    seen(f"{scene.store.struck} wrong answers, {requests}, new version {recovered:.0f} s later")


@pytest.mark.fault("a store that accepts connections and never answers", STAYS)
def test_a_store_that_never_answers_is_given_up_and_told(scene: Scene, seen: Callable[[str], None]) -> None:
    release = threading.Event()
    before = scene.folders()
    with Load(scene.stack.ports.server_url, "a", threads=1) as load:
        scene.store.fault = (everything, never_answer(release))
        scene.upload("c", 2, 12.0)

        def told() -> str | None:
            error = scene.stack.status()["cycle"]["error"]
            return None if error is not None and "check that the store runs" in error else f"it says {error}"

        given_up = wait_until("the status says why", told, within=60.0, every=0.5)
        assert scene.folders() >= before
        scene.store.fault = None
        release.set()
        wait_answer(scene.stack, "c", 12.0, within=60.0)
    assert summarize(load.answers()).failures == 0
    seen(f"given up after {given_up:.0f} s")


REPLACED = {
    "pauses in the middle, with SHA256SUMS": (put_version, pause),
    "pauses in the middle, without": (put_folder, pause),
    "is cut in the middle and resumed, with SHA256SUMS": (put_version, None),
    "is cut in the middle and resumed, without": (put_folder, None),
}


@pytest.mark.fault(
    "an object replaced while its download {how}",
    "never a mix: only whole files of either upload are ever seen, and the new one is served",
)
@pytest.mark.parametrize("how", REPLACED)
def test_an_object_replaced_during_its_download_is_never_mixed(
    scene: Scene, how: str, seen: Callable[[str], None]
) -> None:
    upload, pausing = REPLACED[how]
    go_on = threading.Event()
    client = scene.stack.store.client()
    first, second = (scene.model("new", 1, answer) for answer in (21.0, 22.0))
    published = scene.stack.folder.volume / "new" / "1" / "model.onnx"

    def renewed() -> str | None:
        there = published.exists() and digest_of(published) == digest_of(second / "model.onnx")
        return None if there else "folder 1 does not hold the new content"

    with VolumeWatch(scene.stack.folder.volume, {"new": scene.digests}) as watch:
        scene.store.fault = (objects("new/1/model.onnx"), pausing(go_on) if pausing else cut())
        upload(client, first, "new/1")
        wait_until("the download begun", lambda: None if scene.store.struck else "not yet", within=WITHIN)
        upload(client, second, "new/1")
        scene.store.fault = None
        go_on.set()
        wait_until("the new content under its number", renewed, within=WITHIN)
        wait_answer(scene.stack, "new", 22.0, within=WITHIN)
    assert watch.faults == []
    seen(f"{watch.looks} looks at the volume, no mix")
