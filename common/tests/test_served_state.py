import json

import pytest
from edge_common.errors import RetryableError
from edge_common.served_state import VersionState, available_versions, parse_served_models
from hypothesis import given
from hypothesis import strategies as st


def _answer(*versions: tuple[str, str, str]) -> bytes:
    entries = [
        {"version": number, "state": state, "status": {"error_code": code, "error_message": code}}
        for number, state, code in versions
    ]
    return json.dumps({"cars": {"model_version_status": entries}}).encode()


def test_loading_with_an_error_code_is_a_failed_version() -> None:
    served, _ = parse_served_models(_answer(("1", "LOADING", "UNKNOWN"), ("2", "LOADING", "OK")))
    assert served == {"cars": {1: VersionState.FAILED, 2: VersionState.LOADING}}


def test_an_error_code_matters_only_while_loading() -> None:
    served, _ = parse_served_models(_answer(("1", "AVAILABLE", "UNKNOWN"), ("2", "END", "UNKNOWN")))
    assert served["cars"] == {1: VersionState.AVAILABLE, 2: VersionState.END}


def test_only_available_versions_answer_requests() -> None:
    served, _ = parse_served_models(
        _answer(
            ("10", "AVAILABLE", "OK"),
            ("9", "AVAILABLE", "OK"),
            ("1", "UNLOADING", "OK"),
            ("2", "START", "OK"),
        )
    )
    assert available_versions(served, "cars") == [9, 10]
    assert available_versions(served, "dogs") == []


def test_a_server_without_models_and_a_model_without_versions() -> None:
    assert parse_served_models(b"{}") == ({}, frozenset())
    assert parse_served_models(_answer()) == ({"cars": {}}, frozenset())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "x"}', _answer(("1", "PARKED", "OK"))])
def test_another_answer_is_told_with_its_beginning(body: bytes) -> None:
    with pytest.raises(RetryableError, match="did not answer with model states"):
        parse_served_models(body)


@pytest.mark.parametrize("odd", [None, [], {}, {"model_version_status": [{"version": 1, "state": "PARKED"}]}])
def test_an_entry_of_another_form_hides_no_other_model(odd: object) -> None:
    body = json.dumps({**json.loads(_answer(("1", "AVAILABLE", "OK"))), "odd": odd}).encode()
    assert parse_served_models(body) == ({"cars": {1: VersionState.AVAILABLE}}, frozenset({"odd"}))


@given(st.binary(max_size=200))
def test_no_answer_does_worse_than_a_retryable_error(body: bytes) -> None:
    try:
        parse_served_models(body)
    except RetryableError:
        return
