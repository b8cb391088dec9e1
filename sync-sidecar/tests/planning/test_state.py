import json
from typing import Any

import pytest
from edge_common.errors import FatalError
from hypothesis import given
from hypothesis import strategies as st
from model_snapshots import stored
from model_sync.bucket.evidence_files import Provenance
from model_sync.planning.evidence import AcceptanceFigures, Evidence, OtherAnswer, Signature
from model_sync.planning.state import (
    ModelState,
    Rejection,
    State,
    StoredFile,
    StoredVersion,
)
from model_sync.planning.state_json import state_from_json, state_to_json

_TEXT = st.text(max_size=10)
_FILES = st.builds(StoredFile, _TEXT, st.integers(0), _TEXT)
_NUMBERS = st.integers(1, 2**31 - 1)
_FIGURES = st.builds(
    AcceptanceFigures,
    st.integers(0, 200),
    st.integers(0, 200),
    st.integers(0, 200),
    st.lists(st.builds(OtherAnswer, _TEXT, _TEXT, _TEXT), max_size=2).map(tuple),
    st.none() | st.floats(0, 1e6),
    st.none() | _TEXT,
)
_EVIDENCE = st.builds(
    Evidence,
    st.none() | st.builds(Signature, _TEXT, _TEXT, _TEXT),
    st.none() | _FIGURES,
    st.none() | st.builds(Provenance, _TEXT, _TEXT, _TEXT, _TEXT),
)
_VERSIONS = st.builds(
    StoredVersion,
    _NUMBERS,
    _TEXT,
    _TEXT,
    st.lists(_FILES, max_size=3).map(tuple),
    st.floats(0, 2e9),
    _EVIDENCE,
)
_TUPLES = st.lists(_NUMBERS, max_size=3).map(tuple)
_REJECTIONS = st.builds(
    Rejection, _TEXT, _TEXT, _TEXT, st.floats(0, 2e9), st.integers(1, 99), st.none() | st.floats(0, 2e9)
)
_MODELS = st.builds(
    ModelState,
    st.lists(_VERSIONS, max_size=3).map(
        lambda versions: {version.local_version: version for version in versions}
    ),
    _TUPLES,
    _TUPLES,
    st.dictionaries(_TEXT, _TEXT | st.integers() | st.dictionaries(_TEXT, _TEXT, max_size=2), max_size=2),
    st.integers(0, 2**31),
    st.dictionaries(_TEXT, _REJECTIONS, max_size=2),
)


@given(st.builds(State, st.dictionaries(_TEXT, _MODELS, max_size=3)))
def test_a_state_survives_the_disk(state: State) -> None:
    assert state_from_json(state_to_json(state)) == state


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b'{"schema": 1}', b'{"schema": 1, "models": {"m": {}}}', b"[" * 100_000],
)
def test_what_is_no_state_is_told_as_such(content: bytes) -> None:
    with pytest.raises(FatalError, match=r"state\.json cannot be understood"):
        state_from_json(content)


def test_another_schema_is_not_guessed_at() -> None:
    with pytest.raises(FatalError, match="has schema 4"):
        state_from_json(b'{"schema": 4, "models": {}}')


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
)


@given(_JSON)
def test_no_json_does_worse_than_a_fatal_error(value: Any) -> None:
    try:
        state_from_json(json.dumps({"schema": 1, "models": {"m": {"stored": value}}}).encode())
    except FatalError:
        return


def test_the_highest_number_ever_used_is_remembered() -> None:
    model = ModelState().with_stored(stored(7)).without_stored(7)
    assert (dict(model.stored), model.last_local_version) == ({}, 7)


def test_a_model_of_which_nothing_is_left_is_forgotten() -> None:
    state = State().with_model("m", ModelState(configured=(1,)))
    assert set(state.models) == {"m"}
    assert state.with_model("m", ModelState(last_local_version=5)).models == {}


def test_the_digest_is_that_of_the_checksums_file_whatever_the_order() -> None:
    one, two = StoredFile("a", 1, "0" * 64), StoredFile("b", 1, "1" * 64)
    digests = {StoredVersion(1, "1", "", files, 0.0).digest for files in ((one, two), (two, one))}
    assert len(digests) == 1
    assert digests.pop().startswith("sha256:")


def test_names_of_the_first_schema_are_understood() -> None:
    now = json.loads(
        state_to_json(
            State(
                {
                    "m": ModelState(
                        stored={3: stored(3)}, rejections={"4": Rejection("mark", "why", "server", 1.0)}
                    )
                }
            )
        )
    )
    (entry,) = now["models"].values()
    old_version = entry["stored"][0] | {"source": "3", "number": 3}
    del old_version["bucket_version"], old_version["local_version"]
    old_rejection = entry["rejections"]["4"] | {"upload_mark": "mark"}
    del old_rejection["upload_id"]
    old = {
        "schema": 1,
        "models": {"m": entry | {"stored": [old_version], "rejections": {"4": old_rejection}}},
    }
    state = state_from_json(json.dumps(old).encode())
    assert state.models["m"].stored == {3: stored(3)}
    assert state.models["m"].rejections == {"4": Rejection("mark", "why", "server", 1.0)}


def test_a_version_that_was_recorded_before_there_was_evidence_has_none() -> None:
    whole = json.loads(state_to_json(State({"m": ModelState({1: stored(1)})})))
    del whole["models"]["m"]["stored"][0]["evidence"]
    assert state_from_json(json.dumps(whole).encode()).models["m"].stored[1].evidence == Evidence()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("configured", ["many"]),
        ("configured", 7),
        ("confirmed", {"1": "2"}),
        ("settings", "none"),
        ("last_local_version", "high"),
        ("rejections", []),
        ("rejections", {"1": "no"}),
        ("stored", [{"local_version": 1}]),
        ("stored", [["model.onnx"]]),
        ("rejected_settings", [1]),
    ],
)
def test_values_of_other_types_are_no_state(name: str, value: object) -> None:
    whole = json.loads(state_to_json(State({"m": ModelState({1: stored(1)}, configured=(1,))})))
    whole["models"]["m"][name] = value
    with pytest.raises(FatalError, match="cannot be understood"):
        state_from_json(json.dumps(whole).encode())
