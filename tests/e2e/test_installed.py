"""What `helm install --wait` made in a namespace that enforces Pod Security restricted."""

import pytest

from .kubectl import CommandError, Kubectl
from .platform import Platform
from .uploads import SAMPLE_MODEL


def test_the_namespace_refuses_pods_that_are_not_restricted(kubectl: Kubectl) -> None:
    with pytest.raises(CommandError, match="violates PodSecurity"):
        kubectl.run("run", "root", "--image=any", "--dry-run=server")


def test_all_pods_of_the_platform_run_there(platform: Platform) -> None:
    for component in ("server", "client", "minio"):
        assert len(platform.pods(component)) == 1, component


def test_the_first_start_logs_no_error_although_the_bucket_is_not_there_yet(platform: Platform) -> None:
    lines = platform.kubectl.log_events(platform.selector("server"), "model-sync")
    assert [line for line in lines if line["level"] == "error"] == []
    assert [line for line in lines if "bucket" in line.get("reason", "") and "exist" in line["reason"]] == []


def test_the_event_job_completes(platform: Platform) -> None:
    selector = platform.selector("events")
    platform.kubectl.run("wait", "--for=condition=Complete", "job", "--selector", selector, "--timeout=120s")


def test_the_sample_pictures_are_recognised(platform: Platform) -> None:
    seen = {one["image"].rpartition("/")[2]: one["top1"] for one in platform.inferences(SAMPLE_MODEL)}
    assert seen.get("empty-road.jpg") or seen.get("fire-engine.jpg"), seen


def test_a_helm_test_makes_a_real_inference(platform: Platform) -> None:
    printed = platform.release.test()
    assert "school bus" in printed, printed


def test_a_shell_is_in_each_container(platform: Platform) -> None:
    for component, container in (("server", "ovms"), ("server", "model-sync"), ("client", "client")):
        (pod,) = platform.pods(component)
        assert platform.kubectl.execute(pod, container, "/bin/bash", "-c", "id -u").strip() in {
            "5000",
            "10001",
        }


def test_no_container_can_write_outside_its_volumes(platform: Platform) -> None:
    for component, container in (
        ("server", "ovms"),
        ("server", "model-sync"),
        ("client", "client"),
        ("minio", "minio"),
    ):
        (pod,) = platform.pods(component)
        with pytest.raises(CommandError, match="Read-only file system"):
            platform.kubectl.execute(pod, container, "sh", "-c", "echo x > /new")
    (server,) = platform.pods("server")
    with pytest.raises(CommandError, match="Read-only file system"):
        platform.kubectl.execute(server, "ovms", "sh", "-c", "echo x > /models/new")
