import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovms_lite.config.entries import MAX_BYTES, VersionPolicy, parse_config
from ovms_lite.errors import ConfigError

ON_DISK = frozenset((3, 4, 5, 18, 25, 100))


def test_latest_takes_the_highest_numbers() -> None:
    assert VersionPolicy(latest=1).select(ON_DISK) == {100}
    assert VersionPolicy(latest=2).select(ON_DISK) == {100, 25}


def test_latest_compares_numbers_not_names() -> None:
    assert VersionPolicy(latest=1).select(frozenset((9, 10))) == {10}


def test_specific_takes_the_named_versions_that_are_there() -> None:
    assert VersionPolicy(specific=frozenset((4, 5, 6, 7))).select(ON_DISK) == {4, 5}


def test_all_takes_everything() -> None:
    assert VersionPolicy().select(ON_DISK) == ON_DISK


@given(st.frozensets(st.integers(1, 10**9)), st.integers(1, 20))
def test_latest_never_leaves_out_a_higher_version_than_it_takes(
    available: frozenset[int], count: int
) -> None:
    chosen = VersionPolicy(latest=count).select(available)
    assert len(chosen) == min(count, len(available))
    assert all(low < high for low in available - chosen for high in chosen)


FOLDER = Path("/models")


def _one(**entry: object) -> bytes:
    return json.dumps({"model_config_list": [{"config": {"name": "m"} | entry}]}).encode()


def test_relative_base_paths_start_at_the_folder_of_the_file() -> None:
    assert parse_config(_one(base_path="a/m"), FOLDER).models[0].base_path == FOLDER / "a" / "m"
    assert parse_config(_one(base_path="/else/m"), FOLDER).models[0].base_path == Path("/else/m")
    assert parse_config(_one(), FOLDER).models[0].base_path == FOLDER


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"all": {}}, VersionPolicy()),
        ({"latest": {}}, VersionPolicy(latest=1)),
        ({"latest": {"num_versions": 3}}, VersionPolicy(latest=3)),
        ({"specific": {"versions": [2, 5]}}, VersionPolicy(specific=frozenset((2, 5)))),
        ({"specific": {"versions": []}}, VersionPolicy(specific=frozenset())),
    ],
)
def test_policies_are_understood(policy: dict[str, Any], expected: VersionPolicy) -> None:
    assert parse_config(_one(model_version_policy=policy), FOLDER).models[0].policy == expected


def test_without_a_policy_the_latest_version_is_served() -> None:
    assert parse_config(_one(), FOLDER).models[0].policy == VersionPolicy(latest=1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"{}",
        b"[]",
        b'{"model_config_list": null}',
        b'{"model_config_list": [], "foo": 1}',
        b'{"model_config_list": [{"config": {"base_path": "/x"}}]}',
        b'{"model_config_list": [{"config": {"name": "m"}, "config2": {}}]}',
        b'{"model_config_list": [] /* no comments */}',
        _one(foo=1),
        _one(nireq="four"),
        _one(nireq=-1),
        _one(nireq=True),
        _one(mean="[1,2,3]"),
        _one(plugin_config={"DEVICE_PROPERTIES": {"CPU": 1}}),
        _one(model_version_policy={"all": {}, "latest": {}}),
        _one(model_version_policy={}),
        _one(model_version_policy={"latest": {"num_versions": 0}}),
        _one(model_version_policy={"specific": {"versions": [0]}}),
        _one(shape=[1, 2]),
    ],
)
def test_what_the_closed_schema_refuses(content: bytes) -> None:
    with pytest.raises(ConfigError):
        parse_config(content, FOLDER)


def test_the_message_names_the_unknown_key() -> None:
    with pytest.raises(ConfigError, match=r"unknown key model_config_list\.0\.config\.nirek"):
        parse_config(_one(nirek=1), FOLDER)


def test_servables_this_server_does_not_have_are_refused_not_ignored() -> None:
    with pytest.raises(ConfigError, match="mediapipe_config_list"):
        parse_config(b'{"model_config_list": [], "mediapipe_config_list": [{"name": "g"}]}', FOLDER)
    parse_config(b'{"model_config_list": [], "mediapipe_config_list": []}', FOLDER)


def test_the_first_of_two_entries_with_one_name_counts() -> None:
    entries = [{"config": {"name": "m", "base_path": path}} for path in ("/a", "/b")]
    config = parse_config(json.dumps({"model_config_list": entries}).encode(), FOLDER)
    assert [model.base_path for model in config.models] == [Path("/a")]
    assert config.duplicates == ("m",)


def test_only_settings_that_change_the_compiled_model_ask_for_a_reload() -> None:
    base = parse_config(_one(), FOLDER).models[0]
    assert parse_config(_one(model_version_policy={"all": {}}), FOLDER).models[0].loads_like(base)
    for change in ({"nireq": 2}, {"shape": "(1,2)"}, {"base_path": "/b"}, {"plugin_config": {"A": 1}}):
        assert not parse_config(_one(**change), FOLDER).models[0].loads_like(base)


def test_a_huge_file_is_refused_unparsed() -> None:
    with pytest.raises(ConfigError, match="at most"):
        parse_config(b" " * (MAX_BYTES + 1), FOLDER)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "name",
    "base_path",
    "nireq",
    "shape",
    "layout",
    "plugin_config",
    "model_version_policy",
    "batch_size",
)


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_whatever_an_entry_holds_it_is_understood_or_refused(entry: dict[str, Any]) -> None:
    try:
        config = parse_config(json.dumps({"model_config_list": [{"config": entry}]}).encode(), FOLDER)
    except ConfigError:
        return
    assert config.models[0].name == entry["name"]


@given(st.binary())
def test_whatever_the_file_holds_it_is_understood_or_refused(content: bytes) -> None:
    with suppress(ConfigError):
        parse_config(content, FOLDER)
