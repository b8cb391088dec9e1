import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from car_models.evaluating.classifier import Classifier
from car_models.samples.recipes import RECIPES
from edge_common.errors import RejectedError
from edge_common.openvino_runtime import ops, ov

LITE0, LITE2 = (recipe.model for recipe in RECIPES)


GREY = np.full((40, 60, 3), 128, np.uint8)


def tiny_model(folder: Path, card: str) -> Path:
    """Write a model of two classes whose scores are the mean of blue and the mean of red."""
    image = ops.parameter([1, 3, 8, 8], np.float32)
    image.set_friendly_name("image")
    means = ops.reduce_mean(image, np.array([2, 3]), False)
    folder.mkdir(parents=True)
    ov.save_model(ov.Model([ops.gather(means, np.array([0, 2]), np.array(1))], [image]), folder / "model.xml")
    (folder / "model.yaml").write_text(card)
    return folder


CARD = "{schema: 1, input: {color: BGR}, output: {labels: [blue, red]}}"


def test_classes_come_most_likely_first(tmp_path: Path) -> None:
    model = Classifier(tiny_model(tmp_path / "colours" / "1", CARD))
    red = np.full((40, 60, 3), (200, 0, 10), np.uint8)
    assert [(p.label, p.probability) for p in model.classify(red)] == [("red", 200), ("blue", 10)]


def test_a_softmax_is_applied_where_the_card_asks_for_it(tmp_path: Path) -> None:
    card = CARD.replace("output: {", "output: {activation: softmax, ")
    predictions = Classifier(tiny_model(tmp_path / "colours" / "1", card)).classify(GREY)
    assert [p.probability for p in predictions] == [0.5, 0.5]


def test_the_card_and_its_labels_may_lie_beside_the_versions(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "colours" / "1", CARD)
    (folder / "model.yaml").unlink()
    (folder.parent / "model.yaml").write_text("{schema: 1, output: {labels: names.txt}}")
    (folder.parent / "names.txt").write_text("bleu\nrouge\n")
    model = Classifier(folder)
    assert (model.model, model.labels) == ("colours", ("bleu", "rouge"))


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ("{schema: 1}", "names no labels"),
        ("{schema: 1, output: {labels: absent.txt}}", r"labels file 'absent\.txt', which is not there"),
        ("{schema: 1, outptu: {}}", "unknown key 'outptu'"),
        ("{schema: 1, output: {labels: [one, two, three]}}", "3 labels, but the model gives 2 values"),
    ],
)
def test_a_card_that_does_not_fit_is_rejected_by_name(tmp_path: Path, card: str, sentence: str) -> None:
    with pytest.raises(RejectedError, match=sentence):
        Classifier(tiny_model(tmp_path / "colours" / "1", card))


def test_a_folder_without_card_or_model_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match=r"no model\.yaml"):
        Classifier(tmp_path)
    (tmp_path / "model.yaml").write_text(CARD)
    with pytest.raises(RejectedError, match="holds no model"):
        Classifier(tmp_path)


@pytest.mark.parametrize(
    ("model", "file"), [(LITE0, "model.onnx"), (LITE2, "model.bin"), (LITE2, "model.xml")]
)
def test_a_model_cut_off_half_way_is_rejected(models: Path, tmp_path: Path, model: str, file: str) -> None:
    folder = tmp_path / model / "1"
    shutil.copytree(models / model / "1", folder)
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(RejectedError, match="cannot be loaded"):
        Classifier(folder)


@pytest.mark.parametrize("model", [LITE0, LITE2])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (2000, 3, 3)])
def test_a_picture_of_any_shape_is_classified(
    classifier: Callable[[str], Classifier], model: str, shape: tuple[int, int, int]
) -> None:
    total = sum(p.probability for p in classifier(model).classify(np.full(shape, 90, np.uint8)))
    assert total == pytest.approx(1, abs=1e-3)
