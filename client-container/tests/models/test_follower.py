import dataclasses

from car_client.kserve.inference import Metadata
from car_client.models.describe import describe_model
from car_client.models.follower import changes
from car_client.models.served_model import ModelTable, ServedModel
from edge_common.classifiers import TensorSpec


def served(version: int) -> ServedModel:
    image = TensorSpec("image", "FP32", (1, 3, 8, 8))
    metadata = Metadata("m", (image,), (TensorSpec("y", "FP32", (1, 3)),))
    return describe_model(metadata, version, None)


def events(before: ModelTable, after: ModelTable) -> list[tuple[str, str]]:
    return [(change.event, change.model) for change in changes(before, after)]


EMPTY = ModelTable()
FIRST = ModelTable(usable={"m": served(1)})
UNUSABLE = ModelTable(unusable={"m": "no picture"})


def test_a_model_comes_changes_and_goes() -> None:
    assert events(EMPTY, FIRST) == [("model_added", "m")]
    second = ModelTable(usable={"m": served(2)})
    [change] = changes(FIRST, second)
    assert change.event == "model_version_changed"
    assert (change.details["previous_version"], change.details["version"]) == (1, 2)
    assert events(second, EMPTY) == [("model_removed", "m")]


def test_nothing_changed_means_no_event() -> None:
    assert events(FIRST, ModelTable(usable={"m": served(1)})) == []
    assert events(UNUSABLE, UNUSABLE) == []


def test_another_card_for_the_same_version_is_told() -> None:
    other = ModelTable(usable={"m": dataclasses.replace(served(1), min_probability=0.5)})
    assert events(FIRST, other) == [("model_description_changed", "m")]


def test_a_model_that_cannot_be_used_told_once() -> None:
    [change] = changes(EMPTY, UNUSABLE)
    assert (change.event, change.details) == ("model_rejected", {"reason": "no picture"})
    assert events(UNUSABLE, ModelTable(unusable={"m": "no labels"})) == [("model_rejected", "m")]
    assert events(UNUSABLE, FIRST) == [("model_added", "m")]


def test_changes_are_told_in_the_order_of_names() -> None:
    many = ModelTable(usable={name: served(1) for name in "cab"})
    assert [model for _, model in events(EMPTY, many)] == ["a", "b", "c"]
