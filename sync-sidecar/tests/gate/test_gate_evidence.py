from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from edge_common.model_card import Acceptance, ModelCard
from model_sync.bucket.completeness import IncompleteError
from model_sync.bucket.evidence_files import ExpectedLabel
from model_sync.cards.cards import EffectiveCard
from model_sync.gate.evidence import Published, acceptance_pictures
from model_sync.planning.state import DAMAGED, ModelState, State, StoredVersion
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.volume import Volume

_PLAIN = EffectiveCard(ModelCard(schema=1), ("red", "green"))
_DEMANDING = EffectiveCard(ModelCard(schema=1, acceptance=Acceptance(min_top1=0.5)), ("red", "green"))


def _tree(folder: Path, **files: str) -> Path:
    for name, content in {"model_onnx": "", **files}.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_pictures_are_those_that_the_list_names(tmp_path: Path) -> None:
    files = {
        "acceptance__a_jpg": "",
        "acceptance__b_jpg": "",
        "acceptance__expected_csv": "file,label\nb.jpg,red\n",
    }
    found = acceptance_pictures(_tree(tmp_path, **files), _PLAIN, None)
    assert found is not None
    assert (found.folder, found.expected) == (tmp_path / "acceptance", (ExpectedLabel("b.jpg", "red"),))


def test_a_version_without_pictures_passes_where_its_card_asks_for_none(tmp_path: Path) -> None:
    assert acceptance_pictures(_tree(tmp_path), _PLAIN, None) is None
    assert acceptance_pictures(_tree(tmp_path), None, None) is None


@pytest.mark.parametrize(
    ("card", "files", "sentence"),
    [
        (_DEMANDING, {}, "the card's acceptance asks for pictures, and the version brings no acceptance/exp"),
        (_PLAIN, {"acceptance__a_jpg": ""}, "its folder acceptance has no expected.csv"),
        (
            None,
            {"acceptance__expected_csv": "file,label\na.jpg,red"},
            "the model's card has none; add output.lab",
        ),
        (
            _PLAIN,
            {"acceptance__expected_csv": "file,label\na.jpg,car"},
            "expects 'car' of 'a.jpg', which is not am",
        ),
    ],
)
def test_what_cannot_be_tried_is_rejected_with_a_sentence(
    tmp_path: Path, card: EffectiveCard | None, files: dict[str, str], sentence: str
) -> None:
    with pytest.raises(RejectedError, match=sentence):
        acceptance_pictures(_tree(tmp_path, **files), card, None)


def test_a_picture_that_is_named_and_not_there_is_waited_for(tmp_path: Path) -> None:
    files = {"acceptance__expected_csv": "file,label\na.jpg,red\nb.jpg,green\n"}
    with pytest.raises(
        IncompleteError, match=r"waiting for acceptance/a\.jpg and 1 more, named by acceptance/exp"
    ):
        acceptance_pictures(_tree(tmp_path, **files), _PLAIN, None)


def test_in_service_is_the_highest_version_that_has_answered_and_is_unharmed(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    stored = {n: StoredVersion(n, f"b{n}", f"content-{n}", (), 0.0) for n in (1, 2, 4)}
    stored[3] = StoredVersion(3, "b3", DAMAGED, (), 0.0)
    model = ModelState(stored=stored, configured=(1, 2, 3, 4), confirmed=(1, 2, 3))
    found = Published(volume, RecordedState(volume, State({"cars": model}))).in_service("cars")
    assert found is not None
    assert (found.bucket_version, found.folder, found.card.labels) == (
        "b2",
        volume.version_folder("cars", 2),
        None,
    )
    unanswered = State({"cars": ModelState(stored=stored, configured=(4,))})
    assert Published(volume, RecordedState(volume, unanswered)).in_service("cars") is None
