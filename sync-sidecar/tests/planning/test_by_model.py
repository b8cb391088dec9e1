"""A dictionary that finds the entries of one model without looking at the others."""

from hypothesis import given
from hypothesis import strategies as st
from model_sync.planning.by_model import ByModel

_KEYS = st.tuples(st.sampled_from("abc"), st.sampled_from("123"))


@given(st.lists(st.tuples(_KEYS, st.one_of(st.none(), st.integers()))))
def test_it_holds_what_a_plain_dictionary_would(changes: list[tuple[tuple[str, str], int | None]]) -> None:
    entries: ByModel[str, int] = ByModel()
    plain: dict[tuple[str, str], int] = {}
    for key, value in changes:  # None: removed
        if value is None:
            assert entries.pop(key, None) == plain.pop(key, None)
        else:
            entries[key] = plain[key] = value
    assert dict(entries) == plain
    assert len(entries) == len(plain)
    for model in "abc":
        assert entries.of(model) == {version: v for (name, version), v in plain.items() if name == model}
