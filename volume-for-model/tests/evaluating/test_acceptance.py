from pathlib import Path

import pytest
from car_models.evaluating.acceptance import write_acceptance
from car_models.evaluating.pictures import LabelledPicture, read_labelled_pictures
from edge_common.errors import RejectedError
from made_pictures import COLOURS, jpeg
from model_sync.upload import CHECKSUMS_NAME, check_model, parse_expected
from small_classifiers import write_ir

_CARD = "{schema: 1, input: {layout: NHWC}, output: {labels: [red, green, blue]}, acceptance: {min_top1: 1}}"


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
