"""A box with containers, in the order of a life: started, fed, hurt, turned back, ended and started again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_stack.processes.waiting import wait_until
from image_models import put_version, whole_number_model

from .composed_box import ComposedBox, find_compose

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]
_NEEDED = (
    "nothing here runs compose.yaml: docker with its compose plugin is needed, or podman and podman-compose"
    " 1.1 or newer (PODMAN_COMPOSE names another one than that on PATH)"
)
_SERVICES = ("store", "sidecar", "lite", "client", "sample-camera")
_PICTURE = "fire-engine.jpg"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedBox]:
    """A box that is up; it is removed with its volumes in the end."""
    found = find_compose()
    if found is None or os.geteuid() != 0:
        pytest.fail(
            _NEEDED if found is None else "only root may kill the containers' processes: run it as root"
        )
    box = ComposedBox(tmp_path_factory.mktemp("box"), *found)
    box.compose("down", "--volumes")  # what an earlier run that was killed left
    try:
        box.up()
        yield box
    finally:
        box.compose("down", "--volumes")


def _push(box: ComposedBox, folder: Path, version: int) -> str:
    put_version(folder, "near", version, whole_number_model(size=16 * version))
    place = str(folder / "near" / str(version))
    return box.model_sync("push", place, "--model", "near", "--version", str(version), "--wait")


def _answers(box: ComposedBox, version: int) -> None:
    def look() -> str | None:
        told = box.classify(_PICTURE)
        return None if told == {"near": version} else f"answers are {told}"

    wait_until(f"version {version} answers on the page", look, within=60, every=0.3)


def _says(box: ComposedBox, service: str, sentence: str, before: str = "") -> None:
    def look() -> str | None:
        log = box.log(service)
        return None if sentence in log else f"{before}\n{log}"

    wait_until(f"{service} says: {sentence}", look, within=60, every=0.5)


def test_an_upload_is_served_and_classifies(box: ComposedBox, tmp_path: Path) -> None:
    assert "served" in _push(box, tmp_path, 1)
    _answers(box, 1)
    _says(box, "client", '"event": "inference"')  # a picture of the sample camera
    assert "changes in ml-models are told to the sidecar" in box.log("events")
    assert "users of the store: sidecar-user" in box.log("users")


@pytest.mark.parametrize("service", _SERVICES)
def test_what_is_killed_is_started_again_and_answers(box: ComposedBox, service: str) -> None:
    box.kill(service)
    _answers(box, 1)


def test_a_rollback_from_within_the_sidecar_answers_with_the_version_before(
    box: ComposedBox, tmp_path: Path
) -> None:
    _push(box, tmp_path, 2)
    _answers(box, 2)
    assert "near is pinned to 1; it answers" in box.in_sidecar(
        "model-sync", "rollback", "near", "--by", "walk"
    )
    _answers(box, 1)
    box.in_sidecar("model-sync", "unpin", "near", "--by", "walk")
    _answers(box, 2)


@pytest.mark.parametrize("service", ["store", "sidecar", "lite", "client"])
def test_its_health_check_holds(box: ComposedBox, service: str) -> None:
    look = {True: None, False: "the check failed"}
    wait_until(f"{service} is healthy", lambda: look[box.is_healthy(service)], within=60, every=1)


def test_nobody_is_root_or_may_write_to_the_image(box: ComposedBox) -> None:
    for service in _SERVICES:
        told = box.inspect(service)
        assert told["Config"]["User"].partition(":")[0] not in {"", "0"}, service
        assert told["HostConfig"]["ReadonlyRootfs"], service


def test_wrong_keys_are_a_sentence_in_the_log_and_right_ones_mend_it(box: ComposedBox) -> None:
    box.compose("down")
    right = {name: (box.secrets / name).read_text() for name in ("store-password", "sync-token")}
    for name, wrong in {"store-password": "short", "sync-token": ""}.items():
        box.write_secret(name, wrong)
    said = box.compose("up", "--detach")
    for service, sentence in {
        "store": "MINIO_ROOT_PASSWORD length at least 8 characters",
        "sidecar": "MODEL_SYNC_SYNC_TOKEN_FILE names /run/secrets/sync-token, which is empty",
        "events": "not yet: ",
    }.items():
        _says(box, service, sentence, said)
    box.compose("down")
    for name, value in right.items():
        box.write_secret(name, value)


def test_down_and_up_again_keeps_what_was_uploaded(box: ComposedBox) -> None:
    box.up()
    _answers(box, 2)
    assert "near" in box.in_sidecar("model-sync", "status")


def test_a_file_that_is_missing_is_named(box: ComposedBox) -> None:
    box.compose("down")
    token = box.secrets / "api-token"
    value = token.read_text()
    token.unlink()
    assert str(token) in box.compose("up", "--detach", "sidecar")
    token.write_text(value)
