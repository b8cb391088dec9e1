"""What the two Dockerfiles promise, as far as it can be read; building them needs a container engine."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL = ROOT / "server-container" / "Dockerfile"
OWN = ROOT / "Dockerfile"


def stage(file: Path, name: str) -> str:
    """The instructions of a stage, continued lines joined."""
    text = file.read_text().replace("\\\n", "")
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    return next(one for one in stages if name in one.partition("\n")[0])


@pytest.fixture(params=[(REAL, "OVMS_IMAGE"), (OWN, " AS lite")])
def last_stage(request: pytest.FixtureRequest) -> str:
    """The stage that becomes the image."""
    return stage(*request.param)


def test_it_runs_as_a_number_that_is_not_root(last_stage: str) -> None:
    assert re.findall(r"^USER (.*)$", last_stage, re.MULTILINE) == ["5000:5000"]


def test_both_start_the_same_entrypoint_with_the_same_variables(last_stage: str) -> None:
    assert 'ENTRYPOINT ["/usr/local/bin/edgeai-entrypoint"]' in last_stage
    assert "server-container/entrypoint.sh /usr/local/bin/edgeai-entrypoint" in last_stage
    for variable in ("OVMS_REST_PORT=8000", "OVMS_PORT=9000", "OVMS_FILE_SYSTEM_POLL_WAIT_SECONDS=1"):
        assert variable in last_stage


def test_ovms_lite_listens_on_every_address_of_its_container_as_ovms_does_by_itself() -> None:
    text = stage(OWN, " AS lite")
    assert "OVMS_REST_BIND_ADDRESS=0.0.0.0" in text
    assert "OVMS_GRPC_BIND_ADDRESS=0.0.0.0" in text


def test_the_base_is_a_release_and_not_the_latest() -> None:
    for file in (REAL, OWN):
        images = re.findall(r"^ARG \w+_IMAGE=(\S+)$", file.read_text(), re.MULTILINE)
        assert [image for image in images if ":" not in image or image.endswith(":latest")] == []
        assert images
