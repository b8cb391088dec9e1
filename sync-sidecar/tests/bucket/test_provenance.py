import json

import pytest
from edge_common.errors import RejectedError
from hypothesis import given
from hypothesis import strategies as st
from model_sync.bucket.provenance import Provenance, format_provenance, parse_provenance

_WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=200)


@given(st.builds(Provenance, _WORD, _WORD, _WORD | st.just(""), _WORD | st.just("")))
def test_what_is_written_is_read(said: Provenance) -> None:
    assert parse_provenance(format_provenance(said)) == said


def test_it_is_told_in_a_line_and_keys_of_others_are_left_out() -> None:
    content = {"registry": "mlflow", "name": "cars", "version": "7", "run": "abc", "more": [1]}
    assert str(parse_provenance(json.dumps(content).encode())) == "mlflow: cars version 7, run abc"
    assert str(Provenance("mlflow", "cars")) == "mlflow: cars"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Invalid JSON"),
        (b"[]", "object|dictionary"),
        (b'{"registry": "mlflow"}', "name"),
        (b'{"registry": "", "name": "cars"}', "registry"),
        (b'{"registry": "mlflow", "name": 1}', "name"),
        (b'{"registry": "mlflow", "name": "a\\u202e"}', "control"),
        (b'{"registry": "mlflow", "name": "%s"}' % (b"x" * 201), "200"),
        (b" " * 5000, "4096"),
    ],
)
def test_what_is_none_is_rejected_with_the_key_at_fault(content: bytes, why: str) -> None:
    with pytest.raises(RejectedError, match=why) as told:
        parse_provenance(content)
    assert str(told.value).isprintable()
