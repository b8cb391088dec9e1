"""Three sidecars on one volume whose locks get lost, whose handles go stale, and whose names are late.

No network file system runs here: `network_volume` plays what the manuals of NFS say of it.
"""

import os
import random
from pathlib import Path

import pytest
from edge_common.model_card import LatestVersions
from edge_common.served_state import VersionState
from fake_ovms import FakeOvms
from hand_clock import HandClock
from hand_executors import WhenTold
from hand_sidecar import start_by_hand
from memory_store import MemoryStore
from model_sync.loop import ownership
from model_sync.loop.ownership import Ownership
from model_sync.loop.wakeup import Wakeup
from model_sync.metrics import Metrics
from model_sync.model_server.config import configured_versions
from model_sync.planning.state_json import state_from_json
from network_volume import LeasedLock, LockServer, NetworkVolume, Weather


class _Pod:
    """One sidecar and its server; `turn` is one step of its life."""

    def __init__(self, name: str, world: "_World") -> None:
        self.name, self.world = name, world
        self.ovms = FakeOvms(world.root)
        self.start()

    def start(self) -> None:
        world = self.world
        self.volume = NetworkVolume(world.root, world.weather)
        self.lock = LeasedLock(self.volume.lock_path, self.name, world.locks)
        self.jobs = WhenTold()
        reconciler = start_by_hand(
            self.volume,
            world.store,
            self.ovms,
            world.clock,
            jobs=self.jobs,
            metrics=Metrics(),
            policy=LatestVersions(),
        )
        self.ownership = Ownership(self.volume, self.lock, reconciler, Wakeup(), self._follow)
        self.ownership.writes = False
        self.volume.before_write = self.ownership.check

    def kill_and_start(self) -> None:
        self.lock.release()  # the kernel of its node does
        self.start()

    def turn(self) -> None:
        own = self.ownership
        own.wakeup = Wakeup()
        if own.keep() if own.writes else own.wait(patient=True):
            try:
                own.reconciler.step(look=True)
                while self.jobs.run_next():
                    pass
                own.reconciler.step()
            except OSError as error:
                own.reconciler.note_volume_error(str(error))
        self.ovms.poll()

    def _follow(self) -> None:
        self.ownership.wakeup.stop()  # one look a turn

    def answering(self) -> set[bytes]:
        states = self.ovms.states.get("cars", {})
        return {self.ovms.loaded["cars", n] for n, state in states.items() if state is VersionState.AVAILABLE}


class _World:
    """The volume, the bucket, and what is to happen to them."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.clock, self.chance = root, HandClock(), random.Random(seed)
        self.store, self.locks = MemoryStore(now=self.clock.now), LockServer()
        self.weather = Weather(self.chance)
        self.uploads, self.taken_over = 0, set[int]()
        self.pods = [_Pod(name, self) for name in ("one", "two", "three")]

    def upload(self) -> None:
        self.uploads += 1
        self.store.put(f"cars/{self.uploads}/model.onnx", b"good %d" % self.uploads)

    def trouble(self) -> None:
        happens = self.chance.random()
        if happens < 0.15:
            self.locks.expire()
        elif happens < 0.25:
            self.upload()
        elif happens < 0.3:
            self.chance.choice(self.pods).kill_and_start()

    def round(self) -> None:
        self.clock.advance(2.0)
        for pod in self.chance.sample(self.pods, len(self.pods)):
            before = self._token()
            pod.turn()
            token = self._token()
            assert token >= before, f"{pod.name} wrote after another had taken over"
            self.taken_over.add(token)
            self._assert_all_there()

    def _token(self) -> int:
        path = self.pods[0].volume.state_path
        return state_from_json(path.read_bytes()).writer if path.exists() else 0

    def _assert_all_there(self) -> None:
        config = self.root / "config.json"
        listed = configured_versions(config.read_bytes()) if config.exists() else {}
        for name, versions in listed.items():
            for version in versions:
                assert (self.root / name / str(version) / "model.onnx").is_file(), f"{name} {version}"


@pytest.mark.parametrize("seed", range(2))
def test_one_writes_at_a_time_whatever_the_file_server_forgets_and_all_is_served_in_the_end(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    monkeypatch.setattr(ownership, "probe_volume", lambda *_: ())
    world = _World(tmp_path, seed)
    world.upload()
    world.weather.stale, world.weather.unseen_looks = 0.05, 2
    for _ in range(40):
        world.trouble()
        world.round()
    assert world.weather.raised > 0
    assert len(world.taken_over) > 3, "the volume changed hands"

    world.weather.stale = 0.0
    world.upload()
    for _ in range(15):
        world.round()
    assert sum(pod.ownership.writes for pod in world.pods) == 1
    assert [pod.answering() for pod in world.pods] == [{b"good %d" % world.uploads}] * 3


def test_a_writer_whose_lock_went_to_another_unnoticed_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "probe_volume", lambda *_: ())
    world = _World(tmp_path, 0)
    first, second, _ = world.pods
    first.turn()
    world.locks.expire()
    second.turn()
    assert (first.lock.is_held, second.lock.is_held) == (True, True)
    with pytest.raises(OSError, match="another model-sync has taken over"):
        first.volume.save_config(b"{}")
    first.turn()
    assert (first.ownership.writes, second.ownership.writes) == (False, True)


def test_while_nobody_can_say_who_wrote_last_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "probe_volume", lambda *_: ())
    world = _World(tmp_path, 0)
    pod = world.pods[0]
    pod.turn()
    world.weather.stale = 1.0
    with pytest.raises(OSError, match="file handle"):
        pod.volume.save_config(b"{}")
    world.weather.stale = 0.0
    pod.turn()
    assert pod.ownership.writes


def test_an_older_copy_of_the_state_does_not_end_its_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who restores a backup of state.json has not taken the volume over."""
    monkeypatch.setattr(ownership, "probe_volume", lambda *_: ())
    world = _World(tmp_path, 0)
    pod = world.pods[0]
    pod.turn()
    older = pod.volume.state_path.read_bytes()
    pod.kill_and_start()
    pod.turn()
    pod.volume.state_path.write_bytes(older)
    pod.turn()
    assert pod.ownership.writes
    assert pod.volume.state_path.read_bytes() != older


def test_who_finds_no_state_takes_a_higher_token_than_any_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "probe_volume", lambda *_: ())
    world = _World(tmp_path, 0)
    first, second, _ = world.pods
    first.turn()
    first.volume.state_path.unlink()
    world.clock.advance(1.0)
    world.locks.expire()
    second.turn()
    with pytest.raises(OSError, match="another model-sync has taken over"):
        first.volume.save_config(b"{}")
