import pytest
from edge_common.model_card import LatestVersions, VersionPolicy
from model_sync.planning.versions import describe_policy, wanted_sources


@pytest.mark.parametrize(
    ("policy", "wanted", "shown"),
    [
        (LatestVersions(), ["latest"], "latest: 1"),
        (LatestVersions(latest=3), ["latest", "10", "9"], "latest: 3"),
        ("all", ["latest", "10", "9", "1"], "all"),
        ((9, 1, 77), ["9", "1"], "9, 1, 77"),
    ],
)
def test_a_policy_asks_for_the_highest_first(policy: VersionPolicy, wanted: list[str], shown: str) -> None:
    assert wanted_sources(policy, ["9", "latest", "1", "10"]) == wanted
    assert describe_policy(policy) == shown


def test_without_candidates_nothing_is_wanted() -> None:
    assert wanted_sources("all", []) == []
