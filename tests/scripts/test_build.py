"""build.sh calls docker, podman or buildah as asked."""

import pytest

from .stub_programs import Stubs, values_of

_WITHOUT_SERVER = {"IMAGES": "lite sidecar client"}


def test_every_image_is_built_under_the_names_of_the_readme(machine: Stubs) -> None:
    machine.answer("docker", "image inspect", "500000000\n")
    done = machine.run("build.sh", TAG="1.2.0")
    assert done.returncode == 0, done.stderr
    names = [name for call in machine.calls("docker", "build") for name in values_of(call, "-t")]
    assert sorted(names) == [
        "edgeai-client-app:1.2.0",
        "edgeai-model-sync-sidecar:1.2.0",
        "edgeai-ovms-lite:1.2.0",
        "edgeai-ovms-server:1.2.0",
        "model-sync-sidecar:1.2.0",
    ]
    assert "edgeai-client-app:1.2.0" in done.stdout
    assert "500 MB" in done.stdout


def test_without_a_tag_images_are_latest_and_have_the_version_the_chart_asks_for(machine: Stubs) -> None:
    machine.program("docker")
    machine.run("build.sh", IMAGES="client")
    (call,) = machine.calls("docker", "build")
    assert sorted(values_of(call, "-t")) == ["edgeai-client-app:0.1.0", "edgeai-client-app:latest"]
    assert (values_of(call, "-f"), values_of(call, "--target")) == (["Dockerfile"], ["client"])
    assert call[-1] == "."


def test_the_first_program_that_works_is_taken(machine: Stubs) -> None:
    machine.answer("docker", "info", code=1)
    machine.program("podman")
    machine.program("buildah")
    assert machine.run("build.sh", **_WITHOUT_SERVER).returncode == 0
    assert len(machine.calls("podman", "build")) == 3
    assert not machine.calls("docker", "build")
    assert not machine.calls("buildah")


def test_buildah_alone_is_enough(machine: Stubs) -> None:
    machine.program("buildah")
    assert machine.run("build.sh", **_WITHOUT_SERVER).returncode == 0
    assert len(machine.calls("buildah", "build")) == 3


def test_nothing_that_builds_is_said_with_what_to_do(machine: Stubs) -> None:
    done = machine.run("build.sh")
    assert done.returncode == 69
    assert (
        "neither docker, podman nor buildah works here; start one of them, or name a BUILDER" in done.stderr
    )


def test_push_goes_to_the_registry_after_all_are_built(machine: Stubs) -> None:
    machine.program("docker")
    assert machine.run("build.sh", REGISTRY="somebody", PUSH="true", TAG="1").returncode == 0
    pushed = [call[2] for call in machine.calls("docker", "push")]
    assert pushed == [
        "somebody/edgeai-ovms-server:1",
        "somebody/edgeai-ovms-lite:1",
        "somebody/edgeai-model-sync-sidecar:1",
        "somebody/model-sync-sidecar:1",
        "somebody/edgeai-client-app:1",
    ]
    whole = machine.calls("docker")
    assert max(i for i, call in enumerate(whole) if call[1] == "build") < whole.index(
        ["docker", "push", pushed[0]]
    )


def test_nothing_is_pushed_when_one_image_fails(machine: Stubs) -> None:
    machine.answer("docker", "build", code=1)
    done = machine.run("build.sh", PUSH="true", **_WITHOUT_SERVER)
    assert done.returncode == 1
    assert not machine.calls("docker", "push")


def test_a_missing_base_of_the_real_server_is_explained_and_stops_no_other_image(machine: Stubs) -> None:
    machine.answer("podman", "build --timestamp", "")
    machine.run("build.sh", IMAGES="server")
    line = " ".join(machine.calls("podman", "build")[0][1:])
    machine.answer("podman", line, code=125)
    done = machine.run("build.sh", IMAGES="server client")
    assert done.returncode == 1
    assert (
        'without it, build the others by IMAGES="lite sidecar client" ./build.sh'
        in done.stderr.lower().replace("images=", "IMAGES=")
    )
    assert "not done: server" in done.stderr
    assert any("edgeai-client-app:latest" in call for call in machine.calls("podman", "build"))


def test_several_platforms_are_built_and_pushed_at_once_and_the_real_server_for_amd64_only(
    machine: Stubs,
) -> None:
    machine.program("docker")
    both = "linux/amd64,linux/arm64"
    assert machine.run("build.sh", PLATFORMS=both, PUSH="true", IMAGES="server lite").returncode == 0
    server, lite = machine.calls("docker", "buildx")
    assert values_of(server, "--platform") == ["linux/amd64"]
    assert values_of(lite, "--platform") == [both]
    assert "--push" in lite
    assert [call[2] for call in machine.calls("docker", "push")] == [
        "edgeai-ovms-server:latest",
        "edgeai-ovms-server:0.1.0",
    ]


def test_podman_keeps_several_platforms_as_a_list_and_pushes_the_list(machine: Stubs) -> None:
    machine.program("podman")
    done = machine.run("build.sh", PLATFORMS="linux/amd64,linux/arm64", PUSH="true", IMAGES="lite", TAG="1")
    assert done.returncode == 0, done.stderr
    (build,) = machine.calls("podman", "build")
    assert values_of(build, "--manifest") == ["edgeai-ovms-lite:1"]
    (push,) = machine.calls("podman", "manifest", "push")
    assert push[-1] == "docker://edgeai-ovms-lite:1"


def test_another_builder_gets_names_dockerfile_and_context(machine: Stubs) -> None:
    machine.program("nerdctl")
    assert machine.run("build.sh", BUILDER="nerdctl build", IMAGES="sidecar", TAG="1").returncode == 0
    (call,) = machine.calls("nerdctl", "build")
    assert sorted(values_of(call, "-t")) == ["edgeai-model-sync-sidecar:1", "model-sync-sidecar:1"]
    assert (values_of(call, "-f"), values_of(call, "--target")) == (["Dockerfile"], ["sidecar"])
    assert call[-1] == "."


def test_images_know_version_and_revision(machine: Stubs) -> None:
    machine.program("docker")
    machine.run("build.sh", IMAGES="client")
    facts = values_of(machine.calls("docker", "build")[0], "--build-arg")
    assert "VERSION=0.1.0" in facts
    assert any(fact.startswith("REVISION=") and len(fact) == len("REVISION=") + 40 for fact in facts)


def test_a_dry_run_shows_the_commands_and_builds_nothing(machine: Stubs) -> None:
    machine.program("docker")
    done = machine.run("build.sh", "--dry-run", PUSH="true", **_WITHOUT_SERVER)
    assert done.returncode == 0
    assert "+ docker build" in done.stderr
    assert "+ docker push edgeai-client-app:latest" in done.stderr
    assert machine.calls("docker") == [["docker", "info"]]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"IMAGES": "web"}, "there is no image 'web'"),
        ({"PUSH": "yes"}, "PUSH is true or false, not 'yes'"),
        ({"PLATFORMS": "linux/amd64,linux/arm64"}, "docker keeps no image of several platforms"),
        ({"BUILDER": "x", "PUSH": "true"}, "BUILDER only builds"),
    ],
)
def test_wrong_variables_are_refused_before_anything_is_built(
    machine: Stubs, variables: dict[str, str], sentence: str
) -> None:
    machine.program("docker")
    done = machine.run("build.sh", **variables)
    assert done.returncode == 64
    assert sentence in done.stderr
    assert not machine.calls("docker", "build")


@pytest.mark.parametrize("script", ["build.sh", "deploy.sh", "cleanup.sh"])
def test_help_needs_nothing_and_an_unknown_option_is_refused(machine: Stubs, script: str) -> None:
    helped = machine.run(script, "--help")
    assert helped.returncode == 0
    assert helped.stdout.startswith(("Usage:", "Usage: ./"))
    refused = machine.run(script, "--wat")
    assert refused.returncode == 64
    assert "unknown option '--wat'" in refused.stderr
