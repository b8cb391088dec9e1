"""docs/second-day.md, followed on a real cluster, with requests running."""

import json

import pytest

from .facts import Facts
from .kubectl import CommandError, Document
from .platform import Platform
from .release import CHART
from .uploads import colour_model
from .visitors import Visitor

MODEL = "second-day"
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "models-2"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def _jobs(platform: Platform) -> set[str]:
    return {job["metadata"]["name"] for job in platform.kubectl.find("jobs")}


def _generations(platform: Platform) -> list[int]:
    workloads = platform.kubectl.find("deployments,statefulsets")
    return [workload["metadata"]["generation"] for workload in workloads]


def test_labels_and_pull_secrets_change_although_a_job_is_there(platform: Platform, caller: Visitor) -> None:
    platform.has(server__replicaCount="1")
    platform.serve(MODEL, 1, colour_model(1))
    before = _jobs(platform)
    with caller.asking(MODEL) as traffic:
        platform.release.upgrade("imagePullSecrets[0]=registry", "global.commonLabels.team=edge", chart=CHART)
        platform.servers(1)
    assert _jobs(platform) - before
    assert traffic.failures == 0, traffic
    (server,) = platform.kubectl.find("deployments", platform.selector("server"))
    assert server["spec"]["template"]["metadata"]["labels"]["team"] == "edge"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("persistence.accessMode=ReadWriteMany", "cannot change it"),
        ("minio.persistence.size=77Gi", "has a volume of"),
    ],
)
def test_what_cannot_change_is_told_before_anything_rolls(
    platform: Platform, value: str, sentence: str
) -> None:
    before = _generations(platform)
    with pytest.raises(CommandError, match=sentence):
        platform.release.upgrade(value, chart=CHART)
    assert _generations(platform) == before


def test_the_store_gets_another_size_around_its_running_pod(platform: Platform, caller: Visitor) -> None:
    with caller.asking(MODEL) as traffic:
        name = f"{platform.release.name}-minio"
        platform.kubectl.run("delete", "statefulset", name, "--cascade=orphan")
        platform.release.upgrade("minio.persistence.size=77Gi", chart=CHART)
    assert traffic.failures == 0, traffic
    platform.serve(MODEL, 2, colour_model(2))


def test_the_models_move_to_another_volume_without_a_failed_request(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    claim: Document = CLAIM
    platform.kubectl.apply(claim)
    with caller.asking(MODEL) as traffic:
        platform.release.upgrade("persistence.existingClaim=models-2", chart=CHART)
        platform.servers(1)
    facts.note_traffic("models moved to another volume", traffic)
    assert traffic.failures == 0, traffic
    platform.serve(MODEL, 3, colour_model(3))


def test_events_are_switched_off_and_on_again(platform: Platform) -> None:
    platform.release.upgrade("events.enabled=false", chart=CHART)
    platform.servers(1)
    platform.release.upgrade("events.enabled=true", "events.token=a-new-token", chart=CHART)
    (pod,) = platform.servers(1)
    platform.kubectl.run("wait", "--for=condition=complete", "job", "--all", "--timeout=120s", timeout=150)
    before = platform.status(pod)["cycle"]["last_attempt"]
    platform.bucket.upload(MODEL, 4, colour_model(4))
    row = platform.wait_for_state(MODEL, "4", "serving", within=25)  # a poll alone takes up to 30 s
    assert row["local_version"] == 4
    assert platform.status(pod)["cycle"]["last_attempt"] > before


def test_the_real_image_is_started_by_plain_arguments(platform: Platform) -> None:
    (server,) = platform.kubectl.find("deployments", platform.selector("server"))
    (ovms,) = server["spec"]["template"]["spec"]["containers"]
    assert "command" not in ovms
    assert "--config_path=/models/config.json" in ovms["args"]
    assert "--rest_workers=16" in ovms["args"]


def test_with_limits_on_everything_a_quota_lets_all_start(platform: Platform) -> None:
    limits = {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}
    places = ["server.ovms", "server.sidecar", "client", "client.samplePictures", "jobs", "minio"]
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "strict"},
        "spec": {"hard": {"limits.cpu": "32", "limits.memory": "64Gi", "limits.ephemeral-storage": "64Gi"}},
    }
    sets = [f"{place}.resources.limits={json.dumps(limits)}" for place in places]
    platform.kubectl.apply(quota)
    try:
        platform.release.upgrade(*sets, chart=CHART, as_json=True)
        platform.servers(1)
    finally:
        platform.kubectl.run("delete", "resourcequota", "strict")
        platform.forget_values()
