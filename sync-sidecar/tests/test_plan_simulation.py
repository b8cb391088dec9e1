"""The sidecar against a world where anything may fail at any moment.

After every change on the volume and every step, what must never happen is checked (see `simulated_world`).
At the end everything heals, and the bucket's wishes have to be what is served.

More worlds: MODEL_SYNC_TEST_WORLDS=500 pytest -k simulation. One world again: MODEL_SYNC_TEST_SEED=17.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState
from model_sync.object_names import version_rank
from model_sync.version_policy import wanted_sources
from simulated_world import World

_POLICIES: list[VersionPolicy] = [LatestVersions(), LatestVersions(), LatestVersions(latest=2), "all"]
_MODELS = ("cars", "dogs", "zoo")
_VERSIONS = ("1", "2", "3", "7", "latest")
_KINDS = ("good", "good", "good", "broken", "slow", "crash")
_STEPS = 150


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here, and a thousand steps should not wait for the disk."""
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)


@pytest.fixture(autouse=True)
def _only_our_variables(_no_settings_from_the_developer: None) -> None:
    """The two variables of this module are read when it is imported."""


def _upload(world: World, model: str, version: str, kind: str) -> None:
    content = f"{kind} {world.random.random()}".encode()
    world.store.put(f"{model}/{version}/model.onnx", content)


def _upload_something(world: World) -> None:
    _upload(world, *map(world.random.choice, (_MODELS, _VERSIONS, _KINDS)))


def _upload_half(world: World) -> None:
    model = world.random.choice(_MODELS)
    world.store.put(f"{model}/{world.random.choice(_VERSIONS)}/model.xml", b"<net/>")


def _upload_nonsense(world: World) -> None:
    model = world.random.choice(_MODELS)
    key = world.random.choice(["v1/model.onnx", "²/model.onnx", "9" * 30 + "/model.onnx", "1/../x"])
    world.store.put(f"{model}/{key}", b"x")


def _remove_version(world: World) -> None:
    model, version = world.random.choice(_MODELS), world.random.choice(_VERSIONS)
    world.store.remove_folder(f"{model}/{version}/")


def _remove_model(world: World) -> None:
    world.store.remove_folder(f"{world.random.choice(_MODELS)}/")


def _break_listing(world: World) -> None:
    world.store_is_away = True


def _mend_listing(world: World) -> None:
    world.store_is_away = False


def _empty_listing_once(world: World) -> None:
    world.store.lists_nothing = True
    world.step(look=True)
    world.store.lists_nothing = False


def _kill_soon(world: World) -> None:
    world.dies_in = world.random.randrange(1, 12)


def _refuse_soon(world: World) -> None:
    world.refuses_in = world.random.randrange(1, 12)


def _change_server(world: World) -> None:
    (world.ovms.stop if world.ovms.up else world.ovms.start)()


_EVENTS: list[tuple[int, Callable[[World], None]]] = [
    (30, _upload_something),
    (3, _upload_half),
    (2, _upload_nonsense),
    (6, _remove_version),
    (2, _remove_model),
    (3, _break_listing),
    (5, _mend_listing),
    (3, _empty_listing_once),
    (6, _kill_soon),
    (4, _refuse_soon),
    (3, World.restart_sidecar),
    (4, _change_server),
]


def _live(world: World) -> None:
    weights, events = zip(*_EVENTS, strict=True)
    for _ in range(_STEPS):
        if world.random.random() < 0.3:
            world.random.choices(events, weights)[0](world)
        world.step(look=world.random.random() < 0.3)
        while world.random.random() < 0.6 and world.jobs.run_next():
            pass
        if world.random.random() < 0.8:
            world.poll()
        if not world.ovms.up and world.random.random() < 0.3:
            world.ovms.start()
        world.clock.advance(world.random.choice([0.1, 1.0, 3.0, 12.0]))


def _heal(world: World) -> None:
    """End all faults and wait; uploads that cannot be served stay in the bucket."""
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


def _served(world: World, model: str) -> set[bytes]:
    states = world.ovms.states.get(model, {})
    return {world.ovms.loaded[model, n] for n, s in states.items() if s is VersionState.AVAILABLE}


def _good(world: World, model: str) -> dict[str, bytes]:
    return {
        key.split("/")[1]: stored.content
        for key, stored in world.store.objects.items()
        if key.startswith(f"{model}/") and stored.content.startswith(b"good")
    }


def _remove_uploads(world: World, *kinds: bytes) -> None:
    for key, stored in list(world.store.objects.items()):
        if stored.content.startswith(kinds):
            world.store.remove_folder(key)


def _assert_wishes_came_true(world: World) -> None:
    state = world.reconciler.performer.state
    for model in _MODELS:
        good = _good(world, model)
        served = _served(world, model)
        wishes = {good[source] for source in wanted_sources(world.policy, good)}
        assert served == wishes, f"{model} answers with {served}, wished is {wishes}"
        assert good or model not in state.models, f"{model} is remembered: {state.models[model]}"
    stored = {(name, number) for name, model in state.models.items() for number in model.stored}
    assert set(world.volume.stored_numbers()) == stored
    in_bucket = {tuple(key.split("/")[:2]) for key in world.store.objects}
    leftovers = set(world.volume.staged_sources()) - in_bucket
    assert not leftovers, f"staging keeps {leftovers}"
    assert not world.reconciler.obstacles


def run_world(world: World) -> None:
    """A life full of faults, a time without, and a time without bad uploads either."""
    _live(world)
    _remove_uploads(world, b"crash", b"<net/>", b"x")
    _heal(world)
    for model in _MODELS:
        assert _served(world, model) or not _good(world, model), f"nothing answers for {model}"
    attempts = [
        v.attempts for m in world.reconciler.performer.state.models.values() for v in m.rejections.values()
    ]
    assert max(attempts, default=0) < 40, "a rejected version is tried without the pause it should have"
    _remove_uploads(world, b"broken", b"slow")
    _heal(world)
    _assert_wishes_came_true(world)


_ONE = os.environ.get("MODEL_SYNC_TEST_SEED")
_SEEDS = [int(_ONE)] if _ONE else range(int(os.environ.get("MODEL_SYNC_TEST_WORLDS", "12")))


@pytest.mark.parametrize("seed", _SEEDS)
def test_nothing_forbidden_happens_and_all_wishes_come_true_in_simulation(seed: int, tmp_path: Path) -> None:
    world = World(tmp_path, seed, _POLICIES[seed % len(_POLICIES)])
    run_world(world)


def test_versions_are_ranked_as_the_simulation_believes() -> None:
    assert sorted(_VERSIONS, key=version_rank) == ["1", "2", "3", "7", "latest"]
