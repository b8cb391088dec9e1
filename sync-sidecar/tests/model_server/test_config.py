import json
from pathlib import Path

import pytest
from edge_common.errors import FatalError
from edge_common.model_card import Serving
from hypothesis import given
from hypothesis import strategies as st
from model_sync.model_server.config import configured_versions, format_config, serving_settings
from model_sync.planning.state import ModelState, State


def test_the_file_lists_specific_versions_and_the_settings_of_the_card() -> None:
    state = State(
        {"cars": ModelState(configured=(2, 1), settings={"nireq": 2, "plugin_config": {"NUM_STREAMS": 1}})}
    )
    assert json.loads(format_config(state, Path("/models"))) == {
        "model_config_list": [
            {
                "config": {
                    "name": "cars",
                    "base_path": "/models/cars",
                    "model_version_policy": {"specific": {"versions": [1, 2]}},
                    "nireq": 2,
                    "plugin_config": {"NUM_STREAMS": 1},
                }
            }
        ]
    }


def test_a_model_without_versions_has_no_entry_because_an_empty_list_would_retire_all() -> None:
    assert json.loads(format_config(State({"m": ModelState()}), Path("/models"))) == {"model_config_list": []}


def test_a_key_that_the_server_does_not_know_never_reaches_the_file() -> None:
    state = State({"m": ModelState(configured=(1,), settings={"allow_cahce": True})})
    with pytest.raises(FatalError, match="'allow_cahce' of m"):
        format_config(state, Path("/models"))


def test_only_what_the_card_sets_is_a_setting_and_the_policy_is_none() -> None:
    assert serving_settings(Serving()) == {}
    assert serving_settings(Serving(nireq=0, versions="all")) == {"nireq": 0}


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.sets(st.integers(1, 99), min_size=1), max_size=4
    )
)
def test_what_is_configured_can_be_read_back(models: dict[str, set[int]]) -> None:
    wanted = {name: tuple(sorted(local_versions)) for name, local_versions in models.items()}
    state = State({name: ModelState(configured=local_versions) for name, local_versions in wanted.items()})
    assert configured_versions(format_config(state, Path("/models"))) == wanted


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"model_config_list": [{}]}', b'{"model_config_list": 1}']
)
def test_a_file_of_somebody_else_tells_nothing(content: bytes) -> None:
    assert configured_versions(content) == {}
