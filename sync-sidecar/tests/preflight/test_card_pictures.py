"""A card's sample picture, judged by the real child on real models."""

from pathlib import Path

import numpy as np
import pytest
from edge_common.card_file import parse_card
from edge_common.errors import RejectedError
from hand_executors import AtOnce
from made_pictures import encoded, jpeg, plain
from memory_store import MemoryStore
from model_sync.bucket.catalog import build_catalog
from model_sync.download.staging import Staging
from model_sync.gate.gate import Gate, Incoming, StagedVersion
from model_sync.preflight.card_pictures import CardPictures, SampleCheck
from model_sync.preflight.pool import WarmPreflight
from sync_models import write_colour_classifier

_CARD = """
schema: 1
input: {{layout: {layout}, color: {color}}}
output: {{labels: [red, green, blue]}}
sample: {{picture: sample.jpg{label}}}
"""


def _card(*, color: str = "RGB", layout: str = "NCHW", label: str | None = "red") -> bytes:
    told = f", label: {label}" if label else ""
    return _CARD.format(color=color, layout=layout, label=told).encode()


def _fetch(root: Path, beside: dict[str, bytes], *, gain: float = 1.0) -> StagedVersion:
    """Fetch the colour classifier as cars/1, with the objects `beside` it in the bucket."""
    store = MemoryStore()
    for path in write_colour_classifier(root / "model", gain=gain).iterdir():
        store.put(f"cars/1/{path.name}", path.read_bytes())
    for key, content in beside.items():
        store.put(f"cars/{key}", content)
    model = build_catalog(store.list_objects()).models["cars"]
    with WarmPreflight(timeout=60, memory=8 * 1024**3) as preflight:
        return Gate(store, AtOnce(), preflight).admit(
            Incoming(model, model.versions["1"], Staging(root / "staging"))
        )


def test_a_model_that_knows_its_sample_is_staged(tmp_path: Path) -> None:
    staged = _fetch(tmp_path, {"1/model.yaml": _card(), "1/sample.jpg": jpeg("red")})
    assert "sample.jpg" in [file.path for file in staged.files]


def test_the_sample_may_lie_in_the_models_folder_and_is_then_no_part_of_the_version(tmp_path: Path) -> None:
    staged = _fetch(tmp_path, {"1/model.yaml": _card(), "sample.jpg": jpeg("red")})
    assert "sample.jpg" not in [file.path for file in staged.files]


@pytest.mark.parametrize(
    ("card", "picture", "gain", "sentence"),
    [
        (_card(), jpeg("blue"), 1, "takes the sample picture sample.jpg for 'blue' .* not for 'red'"),
        (_card(color="BGR"), jpeg("red"), 1, "for 'blue' .* correct the card's input and labels"),
        (_card(label=None), jpeg("red"), float("inf"), "values that are no numbers"),
        (_card(), b"no picture", 1, "sample picture sample.jpg is not a picture"),
        (_card(), jpeg("red")[:-200], 1, "sample picture sample.jpg is incomplete or damaged"),
        (_card(layout="NHWC"), jpeg("red"), 1, "input.size and input.layout do not fit the input image"),
        (_card(label="lorry"), jpeg("red"), 1, "sample.label 'lorry' is not among the labels"),
    ],
)
def test_a_model_that_does_not_know_its_sample_is_rejected_with_a_sentence(
    tmp_path: Path, card: bytes, picture: bytes, gain: float, sentence: str
) -> None:
    with pytest.raises(RejectedError, match=sentence):
        _fetch(tmp_path, {"1/model.yaml": card, "1/sample.jpg": picture}, gain=gain)


def test_without_a_label_any_finite_answer_will_do(tmp_path: Path) -> None:
    _fetch(tmp_path, {"1/model.yaml": _card(label=None), "1/sample.jpg": jpeg("blue")})


def test_a_sample_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match=r"sample picture .sample.jpg., which is not there"):
        _fetch(tmp_path, {"1/model.yaml": _card()})


def test_a_picture_of_very_many_pixels_is_refused_undecoded(tmp_path: Path) -> None:
    bomb = encoded(plain("red", size=(8000, 8000)))
    with pytest.raises(RejectedError, match="8000x8000 pixels; at most"):
        _fetch(tmp_path, {"1/model.yaml": _card(), "1/sample.jpg": bomb})


def test_one_score_with_two_labels_is_that_of_the_second() -> None:
    card = parse_card(
        b"{schema: 1, output: {activation: sigmoid, labels: [no car, car]},"
        b" sample: {picture: a, label: car}}",
        "model.yaml",
    )
    assert card.sample is not None
    asked = CardPictures(card, ("no car", "car"))
    check = SampleCheck(card.sample, asked, np.zeros((8, 8, 3), np.uint8))
    assert check.rejection({"y": np.array([[0.5]], np.float32)}) is None
    assert "'no car' (then 'car'), not for 'car'" in str(
        check.rejection({"y": np.array([[-0.5]], np.float32)})
    )
