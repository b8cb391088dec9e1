"""What several servers on one volume have in common."""

import os
from pathlib import Path

import pytest
from edge_common.served_state import VersionState
from hypothesis import given
from hypothesis import strategies as st
from model_sync.model_server.replicas import Replicas, merge_served

A, L, F, E, U = (
    VersionState.AVAILABLE,
    VersionState.LOADING,
    VersionState.FAILED,
    VersionState.END,
    VersionState.UNLOADING,
)


def test_without_others_a_server_speaks_for_itself() -> None:
    assert merge_served({"m": {1: A}}, {}) == {"m": {1: A}}


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ({1: A}, {1: A}, A),
        ({1: A}, {1: L}, L),
        ({1: A}, {}, L),
        ({1: A}, {1: F}, F),
        ({1: A}, {1: E}, U),
        ({1: E}, {1: E}, E),
        ({1: E}, {}, E),
        ({1: E}, {1: U}, U),
    ],
)
def test_a_version_is_as_far_as_the_server_that_is_least_far(
    one: dict[int, VersionState], other: dict[int, VersionState], together: VersionState
) -> None:
    assert merge_served({"m": one}, {"b": {"m": other}}) == {"m": {1: together}}
    assert merge_served({"m": other}, {"b": {"m": one}}) == {"m": {1: together}}


states = st.dictionaries(
    st.sampled_from(["m", "n"]), st.dictionaries(st.integers(1, 3), st.sampled_from(list(VersionState)))
)


@given(own=states, others=st.dictionaries(st.sampled_from(["b", "c"]), states))
def test_available_together_means_available_everywhere(
    own: dict[str, dict[int, VersionState]], others: dict[str, dict[str, dict[int, VersionState]]]
) -> None:
    for model, versions in merge_served(own, others).items():
        for local_version, state in versions.items():
            everywhere = all(
                served.get(model, {}).get(local_version) is VersionState.AVAILABLE
                for served in [own, *others.values()]
            )
            assert (state is VersionState.AVAILABLE) == everywhere


def test_pods_see_each_other_and_not_themselves(tmp_path: Path) -> None:
    one, two = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    one.report({"m": {1: A}}, 0.0)
    two.report({"m": {1: L}}, 0.0)
    assert one.others() == {"two": {"m": {1: L}}}
    assert two.others() == {"one": {"m": {1: A}}}


def test_a_pod_whose_server_is_away_holds_nobody_up(tmp_path: Path) -> None:
    one, two = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    two.report({"m": {1: L}}, 0.0)
    two.report(None, 1.0)
    assert one.others() == {}


def test_a_pod_that_stopped_telling_is_gone(tmp_path: Path) -> None:
    one, two = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    one.report({}, 0.0)
    two.report({"m": {1: L}}, 0.0)
    file = tmp_path / "replicas" / "two.json"
    old = file.stat().st_mtime - 60
    os.utime(file, (old, old))
    assert one.others() == {}


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"m": 1}', b'{"m": {"1": "ODD"}}', b"\xff"])
def test_a_report_that_is_none_is_passed_over(content: bytes, tmp_path: Path) -> None:
    one = Replicas(tmp_path / "replicas", "one")
    one.report({}, 0.0)
    (tmp_path / "replicas" / "odd.json").write_bytes(content)
    assert one.others() == {}


def test_an_unchanged_report_is_renewed_before_it_counts_as_old(tmp_path: Path) -> None:
    pod, other = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    path = tmp_path / "replicas" / "one.json"
    pod.report({"m": {1: A}}, 0.0)
    os.utime(path, (0, 0))
    pod.report({"m": {1: A}}, 1.0)
    assert other.others() == {}
    pod.report({"m": {1: A}}, 5.0)
    assert other.others() == {"one": {"m": {1: A}}}
    path.unlink()
    pod.report({"m": {1: A}}, 10.0)
    assert other.others() == {"one": {"m": {1: A}}}
