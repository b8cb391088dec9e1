from pathlib import Path

import cv2
import numpy as np
import pytest
from car_models.evaluating.pictures import read_labelled_pictures, read_list, read_rgb
from edge_common.errors import RejectedError


def test_a_folder_without_pictures_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="holds no pictures"):
        read_labelled_pictures(tmp_path)
    with pytest.raises(RejectedError, match="is not a folder of pictures"):
        read_labelled_pictures(tmp_path / "absent")


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"pictures": [{"file": 1}]}'])
def test_a_folder_without_a_list_is_rejected_with_the_command_that_makes_one(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "pictures.json").write_bytes(content)
    with pytest.raises(RejectedError, match="car-models pictures --out"):
        read_list(tmp_path)


def test_a_grey_picture_is_read_with_three_channels(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    path.write_bytes(cv2.imencode(".png", np.full((40, 60), 128, np.uint8))[1].tobytes())
    assert read_rgb(path).shape == (40, 60, 3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"broken\.jpg is empty"),
        (b"not a picture", r"broken\.jpg is not a picture"),
        (None, r"broken\.jpg cannot be read"),
    ],
)
def test_what_is_no_picture_is_rejected_by_name(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "broken.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RejectedError, match=sentence):
        read_rgb(path)
