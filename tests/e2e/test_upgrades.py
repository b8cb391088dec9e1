"""The chart that was installed is an earlier version: to the present one and back, with requests running."""

from .facts import Facts
from .platform import Platform
from .release import CHART, PREVIOUS
from .uploads import colour_model
from .visitors import Visitor

MODEL = "upgraded"


def test_no_request_fails_during_upgrade_and_rollback(
    platform: Platform, caller: Visitor, facts: Facts
) -> None:
    platform.has(server__replicaCount="2")
    platform.serve(MODEL, 1, colour_model(1))
    before = set(platform.pods("server"))
    with caller.asking(MODEL) as traffic:
        platform.release.upgrade("server.podAnnotations.upgraded=yes", chart=CHART)
        upgraded = set(platform.servers(2))
    facts.note_traffic("chart upgraded, 2 pods replaced", traffic)
    assert not before & upgraded
    assert platform.release.revision()["chart"] == f"{CHART.name}-0.1.0"
    assert traffic.failures == 0, traffic
    with caller.asking(MODEL) as traffic:
        platform.release.rollback()
        back = set(platform.servers(2))
    facts.note_traffic("rolled back, 2 pods replaced", traffic)
    assert not back & upgraded
    assert traffic.failures == 0, traffic
    assert platform.release.revision()["chart"] == f"{CHART.name}-{PREVIOUS}"
    platform.serve(MODEL, 2, colour_model(2))
