import json

import pytest
from edge_common.errors import RejectedError
from edge_common.model_card import Serving
from memory_store import MemoryStore
from model_sync.bucket.catalog import build_catalog
from model_sync.cards.cards import EffectiveCard, ModelCards, label_rejection, read_card, serving_in

_CARD = b"schema: 1\noutput: {labels: labels.txt}\nserving: {nireq: 2}\n"


def _read(content: bytes, **beside: bytes) -> EffectiveCard:
    return read_card(content, "model.yaml", lambda name: beside.get(name.removesuffix(".txt")))


def test_labels_are_read_in() -> None:
    card = _read(_CARD, labels=b"cat\ndog\n")
    assert card.labels == ("cat", "dog")
    assert json.loads(card.to_json())["output"] == {"labels": ["cat", "dog"]}
    assert serving_in(card.to_json()) == Serving(nireq=2)


@pytest.mark.parametrize(
    ("content", "labels", "sentence"),
    [
        (_CARD, None, "names the labels file 'labels.txt', which is not there"),
        (_CARD, b"\n", "is empty"),
        (
            b"schema: 1\noutput: {labels: ../../etc/passwd}",
            b"x",
            "cannot be read: it contains the path element",
        ),
    ],
)
def test_a_labels_file_at_fault_is_named(content: bytes, labels: bytes | None, sentence: str) -> None:
    beside = {} if labels is None else {"labels": labels}
    with pytest.raises(RejectedError, match=sentence):
        _read(content, **beside)


def test_another_number_of_labels_than_classes_is_a_problem() -> None:
    card = _read(_CARD, labels=b"cat\ndog\n")
    assert label_rejection(card, 2) is None
    assert label_rejection(card, None) is None
    assert "2 labels, but the model gives 3 values" in str(label_rejection(card, 3))


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b'{"schema": 1, "key_of_the_future": 1}'])
def test_a_card_of_another_release_asks_for_nothing(content: bytes | None) -> None:
    assert serving_in(content) == Serving()


def test_model_level_cards_are_read_once_and_a_bad_one_leaves_the_last_good() -> None:
    store = MemoryStore()
    cards = ModelCards(store)
    store.put("m/model.yaml", _CARD)
    store.put("m/labels.txt", b"cat\n")
    for _ in range(2):
        cards.after_listing(build_catalog(store.list_objects()))
    assert len(store.reads) == 2
    store.put("m/model.yaml", b"schema: 1\noutputs: {}\n")
    cards.after_listing(build_catalog(store.list_objects()))
    now = cards.of("m")
    assert now is not None
    assert now.card is not None
    assert now.card.labels == ("cat",)
    assert "unknown key 'outputs'" in str(now.rejection)
