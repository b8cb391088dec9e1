"""The four places, from what sidecar and server say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from car_client.sidecar.follower import SidecarView
from car_client.web.platform.line import ServerFacts, line, seen_since
from platform_values import ADDRESS, seen

UP = ServerFacts("http://server:8000", error=None, asked=True, usable=1)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def states(sidecar: SidecarView, server: ServerFacts = UP) -> list[str]:
    return [node.state for node in line(sidecar, server)]


def test_all_four_work() -> None:
    assert states(seen()) == ["up", "up", "up", "up"]
    bucket, sidecar, server, client = line(seen(), UP)
    assert (bucket.name, sidecar.sentence) == ("Bucket ml-models", "edge-1 keeps the volume.")
    assert (server.sentence, client.sentence) == (
        "It answers at http://server:8000.",
        "It classifies with 1 model.",
    )


@pytest.mark.parametrize(
    ("sidecar", "server", "expected"),
    [
        (SidecarView(None), UP, ["unknown", "unknown", "up", "up"]),
        (SidecarView(ADDRESS), UP, ["unknown", "busy", "up", "up"]),
        (replace(seen(), error="no answer"), UP, ["unknown", "away", "up", "up"]),
        (seen(cycle={"result": "error", "error": "refused"}), UP, ["away", "up", "up", "up"]),
        (seen(cycle={"result": "none"}), UP, ["busy", "up", "up", "up"]),
        (seen(), replace(UP, error="refused", usable=0), ["up", "up", "away", "busy"]),
        (seen(), replace(UP, asked=False, usable=0), ["up", "up", "busy", "busy"]),
        (seen(server={"state": "busy"}), UP, ["up", "up", "busy", "up"]),
        (seen(server={"state": "away"}), UP, ["up", "up", "busy", "up"]),
    ],
    ids=["off", "asked", "sidecar", "bucket", "first listing", "server", "server asked", "busy", "partly"],
)
def test_what_is_away_is_told_of_the_one_that_is(
    sidecar: SidecarView, server: ServerFacts, expected: list[str]
) -> None:
    assert states(sidecar, server) == expected


def test_a_sidecar_says_since_when_what_it_alone_knows() -> None:
    away: dict[str, Any] = {"result": "error", "error": "x", "last_success": "2026-11-30T09:00:00Z"}
    assert line(seen(cycle=away), UP)[0].since == NOON - timedelta(hours=3)
    busy = {"state": "busy", "busy_since": "2026-11-30T11:00:00Z"}
    assert line(seen(server=busy), UP)[2].since == NOON - timedelta(hours=1)


def test_a_state_counts_from_when_it_was_first_seen_until_it_is_another() -> None:
    before = seen_since({}, line(seen(), UP), NOON)
    later = NOON + timedelta(minutes=1)
    after = seen_since(before, line(seen(), replace(UP, error="gone")), later)
    assert (after["bucket"], after["server"]) == (("up", NOON), ("away", later))
