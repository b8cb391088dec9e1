"""What happens to the simulated sidecar: uploads, removals, failures and kills by dice, and times of peace.

PYTHONPATH=tests/support python -m simulated_life --hours 168            # prints its seed
PYTHONPATH=tests/support python -m simulated_life --hours 168 --seed 7   # the same life again
"""

import argparse
import logging
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge_common.logs import configure_logging
from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState
from fake_ovms import MODEL_FILE
from model_sync.loop.wakeup import Retry
from model_sync.planning.state import RejectedAt
from model_sync.planning.versions import asked_for
from model_sync.swap_watch.judgement import WatchState
from model_sync.swap_watch.observations import Answers
from simulated_promises import STEADY
from simulated_world import World, quick_and_quiet

POLICIES: list[VersionPolicy] = [LatestVersions(), LatestVersions(), LatestVersions(latest=2), "all"]
VERSIONS = ("1", "2", "3", "7", "latest")
_MODELS = ("cars", "dogs", "zoo")
_KINDS = ("good", "good", "good", "broken", "slow", "crash")
_NONSENSE = ("v1/model.onnx", "²/model.onnx", "9" * 30 + "/model.onnx", "1/../x")
_UNUSABLE = b"schema: 1\nserving: {target_device: GPU}"
_SETTINGS = (_UNUSABLE, *(b"schema: 1\nserving: {nireq: %d}" % requests for requests in (1, 2, 3)))
_WELL = Answers(200, 4, 0, 200, "", {})
_VAGUE = 600.0
_MOST_ATTEMPTS = 40
"""Of one rejected version within one life; more means that the pauses between do not grow."""
_SERVER_LOOKS = 4.0
"""Simulated seconds between two looks of the server in a long pause."""


@dataclass
class Life:
    """One world, what was done to it, and what has to be true when peace comes."""

    world: World
    events: "Events"
    done: Counter[str] = field(default_factory=Counter)
    vague_until: float = 0.0
    """Until when clients report that they recognise nothing."""

    def __post_init__(self) -> None:
        self._upload(STEADY, "1", "good")

    def live(self, *, until: float, steps: int = 0) -> None:
        """Go on until the clock says `until` seconds and `steps` more steps were made."""
        world = self.world
        steps += world.steps
        weights, events = zip(*self.events, strict=True)
        while world.clock.passed < until or world.steps < steps:
            if world.random.random() < 0.3:
                event = world.random.choices(events, weights)[0]
                world.note(event.__name__)
                self.done[event.__name__] += 1
                event(self)
            self._report()
            world.step(look=world.random.random() < 0.3)
            while world.random.random() < 0.6 and world.jobs.run_next():
                pass
            self._let_time_pass(world.random.choice([0.1, 1.0, 4.0, 12.0, 26.0]))

    def make_peace(self) -> None:
        """End all faults and all bad uploads; then the bucket's wishes have to come true."""
        world = self.world
        self._remove_uploads(b"crash", b"<net/>", b"x", b"version:", _UNUSABLE)
        self._wait()
        for model in (*_MODELS, STEADY):
            assert self._served(model) or not self._good(model), f"nothing answers for {model}"
        models = world.reconciler.applier.state.models.values()
        attempts = max((v.attempts for m in models for v in m.rejections.values()), default=0)
        assert attempts < _MOST_ATTEMPTS, f"a rejected version was tried {attempts} times, without pauses"
        self._remove_uploads(b"broken", b"slow")
        self._try_again()
        self._wait()
        self._check_wishes()

    def upload_something(self) -> None:
        self._upload(*map(self.world.random.choice, (_MODELS, VERSIONS, _KINDS)))

    def upload_half(self) -> None:
        model, version = map(self.world.random.choice, (_MODELS, VERSIONS))
        self.world.store.put(f"{model}/{version}/model.xml", b"<net/>")

    def upload_nonsense(self) -> None:
        model, key = map(self.world.random.choice, (_MODELS, _NONSENSE))
        self.world.store.put(f"{model}/{key}", b"x")

    def change_settings(self) -> None:
        """Of the model's card; settings for a GPU cannot be used by this server."""
        model = self.world.random.choice(_MODELS)
        settings = self.world.random.choice(_SETTINGS)
        self.world.store.put(f"{model}/model.yaml", settings)

    def pin_version(self) -> None:
        """One that may be there, or not, or be unfit."""
        model, version = map(self.world.random.choice, (_MODELS, VERSIONS))
        self.world.store.put(f"{model}/pin.yaml", f"version: {version}".encode())

    def unpin(self) -> None:
        self.world.store.remove_folder(f"{self.world.random.choice(_MODELS)}/pin.yaml")

    def report_badly(self) -> None:
        """For a while, clients recognise nothing any more once a version has taken over."""
        self.vague_until = self.world.clock.passed + _VAGUE

    def _report(self) -> None:
        world = self.world
        for told in world.swap_watch.told.values():
            watch, answered = told.watch, 50 + told.answers
            vague = Answers(answered, answered, 0, answered, "", {})
            told_of_both = {watch.local_before: _WELL, watch.local_version: vague}
            if told.state is WatchState.WATCHING and world.clock.passed < self.vague_until:
                world.swap_watch.reports.put(watch.model, "camera", told_of_both)

    def _try_again(self) -> None:
        """What went back, as a person does; it is not taken back a second time."""
        for name, model in self.world.reconciler.applier.state.models.items():
            for version, rejection in model.rejections.items():
                if rejection.stage == RejectedAt.WATCH and rejection.retry_at is None:
                    self.done["went back"] += 1
                    self.world.reconciler.requests.put(Retry(name, version))

    def remove_version(self) -> None:
        model, version = map(self.world.random.choice, (_MODELS, VERSIONS))
        self.world.store.remove_folder(f"{model}/{version}/")

    def remove_model(self) -> None:
        self.world.store.remove_folder(f"{self.world.random.choice(_MODELS)}/")

    def take_store_away(self) -> None:
        self.world.store_is_away = True

    def bring_store_back(self) -> None:
        self.world.store_is_away = False

    def list_nothing_once(self) -> None:
        self.world.store.lists_nothing = True
        self.world.step(look=True)
        self.world.store.lists_nothing = False

    def kill_sidecar_soon(self) -> None:
        self.world.dies_in = self.world.random.randrange(1, 12)

    def refuse_a_change_soon(self) -> None:
        self.world.refuses_in = self.world.random.randrange(1, 12)

    def restart_sidecar(self) -> None:
        self.world.restart_sidecar()

    def lose_state(self) -> None:
        """While the server answers: after that, it alone can tell what has answered before."""
        if self._served(STEADY):
            (self.world.volume.root / ".model-sync" / "state.json").unlink(missing_ok=True)
            self.world.restart_sidecar()
            self.world.step(look=False)

    def change_config(self) -> None:
        """Somebody else's hand: the server cannot read it, or does not find it, until it is written again."""
        path = self.world.volume.config_path
        self.world.config_is_ours = False
        path.unlink(missing_ok=True)
        if self.world.random.random() < 0.5:
            path.write_text("junk")

    def change_our_folder(self) -> None:
        own = self.world.volume.own
        spoilt = own / self.world.random.choice(["state.json", "staging", "trash", "cards", "claimed"])
        if spoilt.is_dir():
            shutil.rmtree(spoilt)
        else:
            spoilt.unlink(missing_ok=True)
        if self.world.random.random() < 0.5:
            spoilt.write_text("junk")

    def damage_version(self) -> None:
        world = self.world
        stored = [key for key in world.volume.stored_versions() if key[0] != STEADY]
        if not stored:
            return
        key = world.random.choice(stored)
        folder = world.volume.version_folder(*key)
        world.harmed.add(key)
        kind = world.random.choice(["folder", "file", "size", "bytes"])
        world.note(f"damage {key}: {kind}")
        if kind == "folder":
            shutil.rmtree(folder)
        elif kind == "file":
            (folder / MODEL_FILE).unlink(missing_ok=True)
        else:
            file = folder / MODEL_FILE
            size = file.stat().st_size if file.is_file() else 1
            world.harmed |= {other for other in stored if self._shares_file(other, file)}
            file.write_bytes(b"?" * (size if kind == "bytes" else size + 1))

    def _shares_file(self, key: tuple[str, int], file: Path) -> bool:
        """A bridge is linked to what it stands in for, so a change in place harms both."""
        other = self.world.volume.version_folder(*key) / MODEL_FILE
        return file.is_file() and other.is_file() and other.samefile(file)

    def stop_or_start_server(self) -> None:
        (self.world.ovms.stop if self.world.ovms.up else self.world.ovms.start)()

    def _let_time_pass(self, seconds: float) -> None:
        """In a long pause the server looks at config.json several times, and the sidecar at the server."""
        world = self.world
        end = world.clock.passed + seconds
        while world.clock.passed < end:
            world.clock.advance(min(_SERVER_LOOKS, end - world.clock.passed))
            if world.random.random() < 0.8:
                world.poll()
            if not world.ovms.up and world.random.random() < 0.3:
                world.ovms.start()
            if world.clock.passed < end and world.reconciler.next_step_in() < _SERVER_LOOKS:
                world.step(look=False)

    def _upload(self, model: str, version: str, kind: str) -> None:
        content = f"{kind} {self.world.random.random()}".encode()
        self.world.uploaded.add(content)
        self.world.store.put(f"{model}/{version}/model.onnx", content)

    def _wait(self) -> None:
        world = self.world
        world.store_is_away = False
        world.dies_in = world.refuses_in = None
        for _ in range(200):
            if not world.ovms.up:
                world.ovms.start()
            world.step(look=True)
            while world.jobs.run_next():
                pass
            world.poll()
            world.clock.advance(4.0)

    def _served(self, model: str) -> set[bytes]:
        states = self.world.ovms.states.get(model, {})
        return {self.world.ovms.loaded[model, n] for n, s in states.items() if s is VersionState.AVAILABLE}

    def _good(self, model: str) -> dict[str, bytes]:
        return {
            key.split("/")[1]: stored.content
            for key, stored in self.world.store.objects.items()
            if key.startswith(f"{model}/") and stored.content.startswith(b"good")
        }

    def _remove_uploads(self, *kinds: bytes) -> None:
        for key, stored in list(self.world.store.objects.items()):
            if stored.content.startswith(kinds):
                self.world.store.remove_folder(key)

    def _check_wishes(self) -> None:
        world = self.world
        state = world.reconciler.applier.state
        for model in (*_MODELS, STEADY):
            good, served = self._good(model), self._served(model)
            wishes = {good[bucket_version] for bucket_version in asked_for(world.policy, good)}
            assert served == wishes, f"{model} answers with {served}, wished is {wishes}"
            assert good or model not in state.models, f"{model} is remembered: {state.models[model]}"
            rollout, asked = state.model(model).rollout, world.reconciler.snapshot.model(model).settings
            assert rollout is None or rollout.rejected_before, f"{model} rolls out {rollout} for ever"
            rejected = state.model(model).rejected_settings
            settled = {str(state.model(model).settings), str(rejected.settings) if rejected else ""}
            assert str(asked) in settled or not good, f"{model} is served with {settled}, asked is {asked}"
        stored = {
            (name, local_version) for name, model in state.models.items() for local_version in model.stored
        }
        strangers = set(world.volume.stored_versions()) ^ stored
        assert not strangers, f"{strangers} are on the volume or in the state, not in both"
        in_bucket = {tuple(key.split("/")[:2]) for key in world.store.objects}
        leftovers = set(world.volume.staged_uploads()) - in_bucket
        assert not leftovers, f"staging keeps {leftovers}"
        assert not world.reconciler.snapshot.work.write_errors


Events = list[tuple[int, Callable[[Life], None]]]
_EVENTS: Events = [
    (30, Life.upload_something),
    (6, Life.change_settings),
    (3, Life.upload_half),
    (2, Life.upload_nonsense),
    (6, Life.remove_version),
    (2, Life.remove_model),
    (4, Life.report_badly),
    (4, Life.pin_version),
    (4, Life.unpin),
    (3, Life.take_store_away),
    (5, Life.bring_store_back),
    (3, Life.list_nothing_once),
    (6, Life.kill_sidecar_soon),
    (4, Life.refuse_a_change_soon),
    (3, Life.restart_sidecar),
    (1, Life.lose_state),
    (4, Life.stop_or_start_server),
]
_DRIFT: Events = [
    (2, Life.change_config),
    (2, Life.change_our_folder),
    (3, Life.damage_version),
]
"""What others do to the volume behind the sidecar's back."""


def live_for(
    root: Path, *, seed: int, hours: float, steps: int = 0, quarters: int = 4, drift: bool = False
) -> str:
    """A whole life with peace after each of its `quarters`; returns in figures what happened.

    `drift`: others change the volume, too. Raises AssertionError with the seed, the promise that was broken,
    and the last moments before.
    """
    events = _EVENTS + _DRIFT if drift else _EVENTS
    life = Life(World(root, seed, POLICIES[seed % len(POLICIES)]), events)
    world = life.world
    try:
        random.seed(seed)  # the sidecar's own dice, which spread its retries
        with quick_and_quiet():
            for quarter in range(1, quarters + 1):
                life.live(until=quarter * hours * 3600 / quarters, steps=steps // quarters)
                life.make_peace()
    except AssertionError as error:
        told = "\n  ".join([*world.last_moments, *world.plans()])
        raise AssertionError(f"seed {seed}, step {world.steps}: {error}\n  {told}") from error
    uploads = sum(count for name, count in life.done.items() if name.startswith("upload"))
    removals = sum(count for name, count in life.done.items() if name.startswith("remove"))
    return (
        f"seed {seed}: {world.steps} steps in {world.clock.passed / 3600:.1f} simulated hours, "
        f"{uploads} uploads, {removals} removals, {world.deaths} kills, "
        f"{world.refusals} refusals of the volume, {world.ovms.starts} starts of the server"
    )


def main() -> None:
    """Live for as long as the command line asks; exit code 1 when a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=24.0, help="simulated time (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="repeat an earlier life")
    parser.add_argument("--drift", action="store_true", help="let others change the volume, too")
    arguments = parser.parse_args()
    sys.stdout.write(f"seed {arguments.seed}\n")
    configure_logging()
    logging.disable()  # the faults are meant, and their lines are many
    with tempfile.TemporaryDirectory(prefix="simulated-") as folder:
        quarters = max(1, round(arguments.hours / 6))
        told = live_for(
            Path(folder), seed=arguments.seed, hours=arguments.hours, quarters=quarters, drift=arguments.drift
        )
    sys.stdout.write(f"{told}\n")


if __name__ == "__main__":
    main()
