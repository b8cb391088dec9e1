import pytest
from car_models.importing.labels_inside import labels_of_metadata, labels_of_model_info


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


def test_model_api_writes_underscores_for_blanks() -> None:
    assert labels_of_model_info({"labels": "dark_red green"}) == ("dark red", "green")
    assert labels_of_model_info({}) is None
