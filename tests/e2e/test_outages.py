"""Parts of the platform are taken away; what is served goes on, and all of it comes back by itself."""

from .facts import Facts
from .node import kill_container
from .platform import Platform
from .uploads import colour_model
from .visitors import Visitor

MODEL = "lasting"


def test_a_killed_sidecar_comes_back_and_kept_connections_are_answered_throughout(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    """Kubernetes takes a pod with a restarting container out of the Service; it is the only one here."""
    (pod,) = platform.has()
    platform.serve(MODEL, 1, colour_model(1))
    with caller.asking(MODEL) as traffic:
        kill_container(platform.kubectl, pod, "model-sync")
        platform.servers(1)
        platform.serve(MODEL, 2, colour_model(2))
    facts.note_traffic("sidecar of the only pod killed", traffic)
    assert traffic.versions == [1, 2]
    assert traffic.by_connection["kept"]["failures"] == 0, traffic


def test_a_killed_server_process_comes_back_with_all_its_models(platform: Platform) -> None:
    (pod,) = platform.has()
    kill_container(platform.kubectl, pod, "ovms")
    platform.servers(1)
    platform.wait_for_state(MODEL, "2", "serving")


def test_what_is_served_goes_on_without_the_store_also_in_a_new_pod(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    (old,) = platform.has()
    store = f"statefulset/{platform.release.name}-minio"
    with caller.asking(MODEL) as traffic:
        platform.kubectl.run("scale", store, "--replicas=0")
        platform.kubectl.run("wait", "--for=delete", f"pod/{platform.release.name}-minio-0", "--timeout=90s")
        platform.kubectl.run("rollout", "restart", f"deployment/{platform.fullname}-server")
        platform.kubectl.run("rollout", "status", f"deployment/{platform.fullname}-server", "--timeout=180s")
        (new,) = platform.servers(1)
        assert new != old
        assert platform.version(new, MODEL, "2")["state"] == "serving"
    facts.note_traffic("store away, server pod replaced meanwhile", traffic)
    assert traffic.versions == [2]
    assert traffic.failures == 0, traffic
    platform.kubectl.run("scale", store, "--replicas=1")
    platform.kubectl.run("rollout", "status", store, "--timeout=120s")
    platform.serve(MODEL, 3, colour_model(3))
