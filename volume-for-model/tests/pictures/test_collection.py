import json
from collections.abc import Callable
from pathlib import Path

import pytest
from car_models.classifier import Classifier, read_picture
from car_models.pictures.collection import write_collection
from car_models.pictures.listing import read_list
from car_models.vehicles import LABELS
from edge_common.errors import RejectedError

from ..conftest import LITE0, LITE2  # noqa: TID252 - tests are no package that could be imported by name


def test_every_listed_picture_exists_and_says_where_it_is_from(pictures: Path) -> None:
    for entry in read_list(pictures):
        assert read_picture(pictures / entry.file).shape == (480, 640, 3)
        assert entry.expected in LABELS
        assert entry.source
        assert entry.licence in {"GPL-2", "that of this project"}


def test_recognised_by_names_exactly_the_models_that_are_right(
    pictures: Path, classifier: Callable[[str], Classifier]
) -> None:
    for entry in read_list(pictures):
        right = tuple(
            name
            for name in (LITE0, LITE2)
            if classifier(name).classify(read_picture(pictures / entry.file))[0].label == entry.expected
        )
        assert entry.recognised_by == right, entry.file


def test_without_photos_both_models_still_recognise_four_pictures(
    tmp_path: Path, classifier: Callable[[str], Classifier]
) -> None:
    entries = write_collection(tmp_path, None, [classifier(LITE0), classifier(LITE2)])
    both = [entry for entry in entries if entry.recognised_by == (LITE0, LITE2)]
    assert len(both) >= 4
    assert len({entry.expected for entry in both}) >= 4


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_collection(tmp_path / name, None, [])
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "second")
    )
    assert first == second


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"pictures": [{"file": 1}]}'])
def test_a_folder_without_a_list_is_rejected_with_the_command_that_makes_one(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "pictures.json").write_bytes(content)
    with pytest.raises(RejectedError, match="car-models pictures --out"):
        read_list(tmp_path)


def test_the_list_is_json_for_other_programs(pictures: Path) -> None:
    listing = json.loads((pictures / "pictures.json").read_text())
    assert set(listing["pictures"][0]) == {"file", "expected", "source", "licence", "recognised_by"}
