"""What a browser can be made to send for a stranger's page, and what clients of a site send."""

from pathlib import Path

import pytest
from edge_common.allowed_hosts import AllowedHosts

_HOSTS = AllowedHosts(["cars.example.com", "*.site.example"])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8080", "[::1]:8080", "10.42.0.7:8081", "[fd00::7]", "192.168.1.20",
        "localhost", "localhost:8000", "LOCALHOST", "server:8000", "ml-platform-minio", "edgebox.local:8080",
        "ml-platform-edge-ai-car-classification-server.edge.svc:8000",
        "ml-platform-edge-ai-car-classification-server.edge.svc.cluster.local.", "box.internal",
        "cars.example.com", "Cars.Example.COM:443", "gate.site.example", "a.gate.site.example:8080", "",
    ],
)  # fmt: skip
def test_addresses_local_names_and_allowed_ones_are_answered(host: str) -> None:
    assert _HOSTS.refusal("POST", host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example:80",
        "10.0.0.1.nip.io", "evil.svc.example.com", "cars.example.com.evil.example", "site.example",
        "notcars.example.com", "1.2.3", "a." * 200 + "example",
    ],
)  # fmt: skip
def test_public_names_that_nobody_allowed_are_not(host: str) -> None:
    refusal = _HOSTS.refusal("GET", host)

    assert refusal is not None
    assert refusal.status == 421
    assert "allowed hosts" in refusal.sentence


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("10.0.0.5", "https://10.0.0.5:8443"),
        ("client:8080", "https://cars.example.com"),
        ("box", ""),
    ],
)
def test_pages_of_the_same_host_and_of_allowed_ones_may_change_something(host: str, origin: str) -> None:
    assert _HOSTS.refusal("POST", host, origin) is None


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.2", "http://[", "http://printer", "file://"]
)
def test_pages_of_other_hosts_may_read_nothing_anyway_and_change_nothing(origin: str) -> None:
    refusal = _HOSTS.refusal("POST", "localhost:8080", origin)

    assert refusal is not None
    assert refusal.status == 403
    assert _HOSTS.refusal("GET", "localhost:8080", origin) is None


def test_a_pod_answers_to_the_names_that_its_cluster_gives_to_services(tmp_path: Path) -> None:
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 10.43.0.10\nsearch edge.svc.site.example svc.site.example site.example\n")
    hosts = AllowedHosts(resolver=resolver)

    for name in ("cars-client.edge:8080", "cars-client.edge.svc.site.example", "other.apps.svc.site.example"):
        assert hosts.refusal("GET", name) is None, name
    for name in ("cars-client.evil", "cars-client.site.example", "edge.evil.example"):
        assert hosts.refusal("GET", name) is not None, name


def test_a_star_allows_every_name_and_page() -> None:
    assert AllowedHosts(["*"]).refusal("POST", "evil.example", "http://evil.example") is None
