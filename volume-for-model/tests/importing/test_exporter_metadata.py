import pytest
from car_models.importing.exporter_metadata import labels_of_metadata, model_info_of_metadata
from edge_common.errors import RejectedError


@pytest.mark.parametrize(
    ("metadata", "labels"),
    [
        ({"names": "{0: 'sedan', 1: 'pick-up, red', 2: 'bus'}"}, ("sedan", "pick-up, red", "bus")),
        ({"names": "['sedan', 'van']"}, ("sedan", "van")),
        ({"id2label": '{"1": "van", "0": "sedan"}'}, ("sedan", "van")),
        ({"classes": '["sedan", "van"]'}, ("sedan", "van")),
        ({"character": "0\n90\n180\n270"}, ("0", "90", "180", "270")),
        ({"labels": "sedan, van"}, ("sedan", "van")),
        ({"author": "somebody"}, None),
        ({"names": "{0: 'sedan', 2: 'bus'}"}, None),
        ({"names": "{0: 'sedan', 1: 'sedan'}"}, None),
        ({"names": "__import__('os').getcwd()"}, None),
        ({"names": "[" * 100_000}, None),
        ({"names": "[['a', 'b'], 'c']"}, None),
        ({"names": ""}, None),
    ],
)
def test_names_are_read_as_training_programs_write_them(
    metadata: dict[str, str], labels: tuple[str, ...] | None
) -> None:
    assert labels_of_metadata(metadata) == labels


def test_ultralytics_says_what_its_classifiers_take_and_names_what_is_none() -> None:
    assert model_info_of_metadata({"author": "Ultralytics", "task": "classify"})["scale_values"] == "255"
    assert model_info_of_metadata({"author": "somebody", "task": "detect"}) == {}
    with pytest.raises(RejectedError, match="its task is 'detect'; only image classifiers"):
        model_info_of_metadata({"author": "Ultralytics", "task": "detect"})
