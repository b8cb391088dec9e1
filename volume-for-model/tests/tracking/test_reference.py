import pytest
from car_models.tracking.reference import AliasReference, RunReference, VersionReference, parse_reference
from edge_common.errors import RejectedError


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("models:/cars@champion", AliasReference("cars", "champion")),
        ("models:/my cars@v 2", AliasReference("my cars", "v 2")),
        ("models:/cars/12", VersionReference("cars", 12)),
        ("runs:/0a1b/model", RunReference("0a1b", "model")),
        ("runs:/0a1b/some/model/", RunReference("0a1b", "some/model")),
    ],
)
def test_every_form_is_understood(text: str, reference: object) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    ["", "cars", "models:/cars", "models:/cars/latest", "models:/cars/0", "runs:/0a1b", "s3://b/cars/1"],
)
def test_anything_else_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(
        RejectedError, match="write models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN/PATH"
    ):
        parse_reference(text)
