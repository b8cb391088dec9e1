"""Who reaches whom. Needs a network plugin that enforces NetworkPolicies, as Calico and Cilium do."""

from .platform import Platform
from .uploads import SAMPLE_MODEL
from .visitors import Visitor

UNENFORCED = "does the network plugin of this cluster enforce NetworkPolicies?"


def _ports(platform: Platform) -> dict[str, str]:
    server, minio = f"{platform.fullname}-server", f"{platform.release.name}-minio"
    return {
        "rest": f"{server}:8000",
        "grpc": f"{server}:9000",
        "sync": f"{server}:8081",
        "page": f"{platform.fullname}-client:8080",
        "s3": f"{minio}:9000",
        "console": f"{minio}-console:9001",
    }


def test_a_stranger_reaches_nothing(platform: Platform, stranger: Visitor) -> None:
    ports = _ports(platform)
    assert stranger.reaches(*ports.values()) == [], UNENFORCED


def test_who_is_admitted_reaches_the_model_server_and_nothing_else(
    platform: Platform, caller: Visitor
) -> None:
    ports = _ports(platform)
    assert caller.reaches(*ports.values()) == [ports["rest"], ports["grpc"]], UNENFORCED


def test_the_platform_reaches_no_strangers(platform: Platform, stranger: Visitor) -> None:
    """Its pods reach each other, which every other test shows; a listener beside them they do not."""
    address = platform.kubectl.get("pod", stranger.pod)["status"]["podIP"]
    listen = "import http.server as h; h.HTTPServer(('', 8000), h.SimpleHTTPRequestHandler).serve_forever()"
    connect = f"import socket; socket.create_connection(('{address}', 8000), 3); print('reached')"
    platform.kubectl.run(
        "exec", stranger.pod, "--", "sh", "-c", f'nohup python3 -c "{listen}" >/dev/null 2>&1 &'
    )
    attempt = f'python3 -c "{connect}" 2>/dev/null || true'
    assert "reached" in platform.kubectl.execute(stranger.pod, "visitor", "sh", "-c", attempt)
    for component, container in (("server", "model-sync"), ("server", "ovms"), ("client", "client")):
        (pod,) = platform.pods(component)
        assert platform.kubectl.execute(pod, container, "sh", "-c", attempt) == "", (container, UNENFORCED)


def test_the_clients_own_traffic_passes(platform: Platform) -> None:
    before = len(platform.inferences(SAMPLE_MODEL))
    platform.wait_for_more_inferences(SAMPLE_MODEL, before)
