"""The autoscaler follows the load of the container `ovms`. Needs a cluster that serves pod metrics."""

from edge_stack.processes.waiting import wait_until

from .facts import Facts
from .platform import Platform
from .uploads import colour_model
from .visitors import Visitor

MODEL = "scaled"
WINDOW = "server.autoscaling.behavior"


def test_the_server_is_scaled_down_when_idle_and_up_under_load(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    platform.has(server__replicaCount="2")
    platform.serve(MODEL, 1, colour_model(1))
    with caller.asking(MODEL, threads=2, pause=0.5) as steady:
        platform.change(
            "server.autoscaling.enabled=true",
            "server.autoscaling.minReplicas=1",
            "server.autoscaling.maxReplicas=2",
            "server.autoscaling.targetCPUUtilizationPercentage=80",
            f"{WINDOW}.scaleUp.stabilizationWindowSeconds=0",
            f"{WINDOW}.scaleDown.stabilizationWindowSeconds=20",
        )
        deployment = platform.kubectl.get("deployment", f"{platform.fullname}-server")
        assert deployment["spec"]["replicas"] == 2, "switching it on has changed the number of pods"
        wait_until("one pod", lambda: _missing(platform, 1), within=240, every=1)
        with caller.asking(MODEL, threads=6, pause=0.0) as heavy:
            wait_until("a second pod", lambda: _missing(platform, 2), within=240, every=1)
    platform.forget_values()
    facts.note_traffic("scaled up under load", heavy)
    facts.note_traffic("scaled down and up, beside that load", steady)
    assert heavy.failures == 0, heavy
    assert steady.failures == 0, steady


def _missing(platform: Platform, wanted: int) -> str | None:
    status = platform.kubectl.get("deployment", f"{platform.fullname}-server")["status"]
    scaler = platform.kubectl.get("hpa", f"{platform.fullname}-server")["status"]
    if status.get("replicas") == wanted == status.get("readyReplicas"):
        return None
    seen = f"the autoscaler: {scaler.get('currentMetrics')} {scaler.get('conditions')}"
    return f"{status.get('replicas')} pods; {seen}"
