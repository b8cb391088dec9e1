"""Several server pods: on one volume and each on its own; deleted, evicted, and given new versions."""

import contextlib
from datetime import datetime

import pytest
from edge_stack.processes.waiting import wait_until

from .facts import Facts
from .kubectl import CommandError, run
from .node import kill_container
from .platform import Platform
from .release import ROOT, helm_program
from .uploads import colour_model
from .visitors import Visitor

MODEL = "replicated"
SCALE = (
    "helm upgrade ml-platform ./helm-chart/edge-ai-car-classification "
    "--set server.replicaCount=3 --reuse-values -n ml-platform"
)
"""As README and docs/operations.md have it."""
_POST = (
    "from urllib.request import Request, urlopen; "
    "print(urlopen(Request('http://127.0.0.1:8081/v1/sync', method='POST')).status)"
)
OWN_VOLUMES = {"persistence__mode": "perPod", "server__replicaCount": "2"}


def test_three_pods_on_one_volume_serve_a_new_version_together(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    platform.has()
    platform.serve(MODEL, 1, colour_model(1))
    with caller.asking(MODEL) as traffic:
        words = SCALE.replace("-n ml-platform", f"-n {platform.kubectl.namespace}").split()
        run([helm_program(), *words[1:]], folder=ROOT)
        pods = platform.servers(3)
        platform.forget_values()
        platform.serve(MODEL, 2, colour_model(2))
    facts.note_traffic("scaled to 3 pods on one volume, version exchanged", traffic)
    assert len(pods) == 3
    assert traffic.versions == [1, 2]
    assert traffic.failures == 0, traffic
    writers = [pod for pod in pods if platform.writes(pod)]
    assert len(writers) == 1


def test_no_request_fails_when_a_pod_is_deleted(platform: Platform, caller: Visitor, facts: Facts) -> None:
    pods = platform.has(server__replicaCount="2")
    with caller.asking(MODEL) as traffic:
        platform.kubectl.run("delete", "pod", pods[0], "--timeout=60s")
        now = platform.servers(2)
    facts.note_traffic("one of 2 pods deleted", traffic)
    assert pods[0] not in now
    assert traffic.failures == 0, traffic


def test_the_writers_pod_is_evicted_and_its_peer_takes_over(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    pods = platform.has(server__replicaCount="2")
    writer = next(pod for pod in pods if platform.writes(pod))
    with caller.asking(MODEL) as traffic:
        platform.kubectl.evict(writer)
        platform.servers(2)
        platform.serve(MODEL, 3, colour_model(3))
    facts.note_traffic("one of 2 pods evicted, version exchanged", traffic)
    assert traffic.failures == 0, traffic

    def told_by_the_living() -> str | None:
        tellers = {status["instance"] for status in platform.bucket.statuses()}
        return None if tellers and writer not in tellers else f"_status/ of {tellers}"

    wait_until("the status of the pod that is gone is gone, too", told_by_the_living, within=30, every=0.5)


def test_a_webhook_that_reaches_a_follower_is_passed_on_to_the_writer(platform: Platform) -> None:
    pods = platform.has(server__replicaCount="2", server__sidecar__settings__poll_interval="10m")
    (writer,) = (pod for pod in pods if platform.writes(pod))
    (follower,) = (pod for pod in pods if pod != writer)
    before = ""

    def nobody_asks() -> str | None:
        nonlocal before
        status = platform.status(writer)
        before = status["cycle"]["last_attempt"]
        quiet = datetime.fromisoformat(status["time"]) - datetime.fromisoformat(before)
        return None if quiet.total_seconds() > 8 else f"listed {quiet} ago"

    wait_until("the store's own webhooks are over", nobody_asks, within=60, every=0.5)
    platform.kubectl.execute(follower, "model-sync", "python3", "-c", _POST)

    def listed() -> str | None:
        return None if platform.status(writer)["cycle"]["last_attempt"] != before else "no listing yet"

    wait_until("the writer has listed the bucket", listed, within=15, every=0.5)
    platform.has(server__sidecar__settings__poll_interval="2s")


def test_no_request_fails_when_the_sidecar_of_one_pod_is_killed(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    pods = platform.has(server__replicaCount="2")
    with caller.asking(MODEL) as traffic:
        kill_container(platform.kubectl, pods[0], "model-sync")
        platform.servers(2)
    facts.note_traffic("sidecar of one of 2 pods killed", traffic)
    assert traffic.failures == 0, traffic


def test_no_budget_holds_a_node_whose_pods_share_its_volume(platform: Platform) -> None:
    """They cannot move one by one: a budget would block the drain of their node for good."""
    for pod in platform.has(server__replicaCount="2"):
        platform.kubectl.evict(pod)
    platform.servers(2)


def test_requests_go_on_when_a_pod_vanishes_without_warning(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    """Killed at once, its connections break; whoever asks again is answered by the other pod."""
    pods = platform.has(server__replicaCount="2")
    with caller.asking(MODEL) as traffic:
        platform.kubectl.run("delete", "pod", pods[0], "--grace-period=0", "--force")
        platform.servers(2)
    facts.note_traffic("one of 2 pods killed without grace, nothing asked again", traffic)
    assert traffic.failures < traffic.requests / 100, traffic


def test_pods_with_volumes_of_their_own_serve_the_same(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    platform.has(server__replicaCount="2")
    with caller.asking(MODEL) as traffic:
        pods = platform.has(**OWN_VOLUMES)
        platform.serve(MODEL, 4, colour_model(4))
    facts.note_traffic("moved to a volume for each of 2 pods, version exchanged", traffic)
    assert traffic.failures == 0, traffic
    assert all(platform.writes(pod) for pod in pods)
    assert set(_claims(platform)) == {f"{pod}-models" for pod in pods}


def test_a_budget_keeps_two_pods_from_being_evicted_together(platform: Platform) -> None:
    first, second = platform.has(**OWN_VOLUMES)
    platform.kubectl.evict(first)
    with pytest.raises(CommandError, match="disruption budget"):
        platform.kubectl.evict(second)
    platform.servers(2)


def test_volumes_of_their_own_go_with_the_pods(platform: Platform) -> None:
    platform.has(**OWN_VOLUMES)
    platform.has(persistence__mode="shared", server__replicaCount="1")

    def claims_gone() -> str | None:
        left = [claim for claim in _claims(platform) if claim != f"{platform.fullname}-models"]
        return f"left: {left}" if left else None

    wait_until("the pods' own volumes are gone with them", claims_gone, within=60, every=0.5)


def _claims(platform: Platform) -> list[str]:
    with contextlib.suppress(CommandError):
        return [
            claim["metadata"]["name"] for claim in platform.kubectl.find("pvc", platform.selector("server"))
        ]
    return []
