import pytest
from edge_common.model_card import Serving
from memory_store import MemoryStore
from model_sync.bucket.catalog import build_catalog
from model_sync.cards.model_cards import ModelCards, serving_in

_CARD = b"schema: 1\noutput: {labels: labels.txt}\n"


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b'{"schema": 1, "key_of_the_future": 1}'])
def test_a_card_of_another_release_asks_for_nothing(content: bytes | None) -> None:
    assert serving_in(content) == Serving()


def test_model_level_cards_are_read_once_and_a_bad_one_leaves_the_last_good() -> None:
    store = MemoryStore()
    cards = ModelCards(store)
    store.put("m/model.yaml", _CARD)
    store.put("m/labels.txt", b"cat\n")
    for _ in range(2):
        cards.take(cards.read(build_catalog(store.list_objects())))
    assert len(store.reads) == 2
    store.put("m/model.yaml", b"schema: 1\noutputs: {}\n")
    cards.take(cards.read(build_catalog(store.list_objects())))
    now = cards.of("m")
    assert now is not None
    assert now.card is not None
    assert now.card.labels == ("cat",)
    assert "unknown key 'outputs'" in str(now.rejection)


@pytest.mark.parametrize("key", ["m/Labels.txt", "m/1/labels.txt"])
def test_labels_that_lie_elsewhere_are_pointed_out_and_uploading_them_as_told_works(key: str) -> None:
    store = MemoryStore()
    cards = ModelCards(store)
    store.put("m/model.yaml", _CARD)
    store.put("m/1/model.onnx", b"x")
    store.put(key, b"cat\n")
    cards.take(cards.read(build_catalog(store.list_objects())))
    told = cards.of("m")
    assert told is not None
    assert f"if {key.removeprefix('m/')!r} is meant, upload it there under that name" in str(told.rejection)
    store.put("m/labels.txt", b"cat\n")
    cards.take(cards.read(build_catalog(store.list_objects())))
    mended = cards.of("m")
    assert mended is not None
    assert mended.rejection is None
