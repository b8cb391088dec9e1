from pathlib import Path

import cv2
import numpy as np
import pytest
from car_models.evaluating.pictures import (
    LabelledPicture,
    read_labelled_pictures,
    read_list,
    read_rgb,
    write_acceptance,
)
from edge_common.errors import RejectedError
from made_pictures import COLOURS, jpeg
from model_sync.upload import CHECKSUMS_NAME, check_model, parse_expected
from small_classifiers import write_ir

_CARD = "{schema: 1, input: {layout: NHWC}, output: {labels: [red, green, blue]}, acceptance: {min_top1: 1}}"


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


def test_a_list_of_labels_says_what_the_pictures_show(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg", "unlisted.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "expected.csv").write_text('\ufefffile,label\nb.jpg,"van, red"\na.jpg,bus\n')
    found = read_labelled_pictures(tmp_path)
    assert [(picture.name, picture.expected) for picture in found] == [
        ("a.jpg", "bus"),
        ("b.jpg", "van, red"),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "lists no picture"),
        (b"\xff", "not UTF-8"),
        (b'file,label\n"a', "cannot be read"),
        (b"picture,label\na,b\n", "is not file,label"),
        (b"file,label\na\n", "line 2 is not file,label"),
        (b"file,label\n../a.jpg,b\n", "contains the path element"),
        (b"file,label\n/etc/\x1b[31m,b\n", r"contains a control"),
    ],
)
def test_a_list_of_labels_that_cannot_be_is_rejected(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "expected.csv").write_bytes(content)
    with pytest.raises(RejectedError, match=why) as told:
        read_labelled_pictures(tmp_path)
    assert str(told.value).isprintable()


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "colours" / "1"
    folder.mkdir(parents=True)
    write_ir(folder / "model.xml")
    (folder / "model.yaml").write_text(_CARD)
    (folder / CHECKSUMS_NAME).write_text(f"{'0' * 64}  model.xml\n")
    return folder


def _photos(folder: Path, *colours: str) -> tuple[LabelledPicture, ...]:
    for colour in colours:
        (folder / colour).mkdir(parents=True)
        (folder / colour / "photo.jpg").write_bytes(jpeg(colour))
    return read_labelled_pictures(folder)


def test_labelled_pictures_become_an_acceptance_that_the_sidecar_reads_and_judges(
    version: Path, tmp_path: Path
) -> None:
    assert write_acceptance(version, _photos(tmp_path / "first", "red")) == 1
    assert write_acceptance(version, _photos(tmp_path / "photos", *COLOURS)) == len(COLOURS)
    listed = parse_expected((version / "acceptance" / "expected.csv").read_bytes())
    assert {(line.file, line.label) for line in listed} == {(f"{one}/photo.jpg", one) for one in COLOURS}
    (checked,) = check_model(version)
    assert checked.problem is None
    assert checked.acceptance.startswith("top-1 3 of 3, top-5 3, ")
    assert [path.name for path in version.parent.iterdir()] == ["1"]


@pytest.mark.parametrize(
    ("shown", "sentence"),
    [(["lorry"], "expects 'lorry' of 'lorry/photo.jpg', which is not among"), ([], "0 pict")],
)
def test_pictures_that_the_version_cannot_be_tried_with_are_rejected(
    version: Path, tmp_path: Path, shown: list[str], sentence: str
) -> None:
    pictures = [LabelledPicture(tmp_path / one, f"{one}/photo.jpg", one) for one in shown]
    with pytest.raises(RejectedError, match=sentence):
        write_acceptance(version, pictures)
    assert not (version / "acceptance").exists()
