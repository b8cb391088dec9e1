import pytest
from edge_common.plain_yaml import PlainYamlError, parse_plain_yaml


def test_plain_values_and_sections_are_read() -> None:
    assert parse_plain_yaml(b"a: 1\nb: {c: [x, 2.5]}\n") == {"a": 1, "b": {"c": ["x", 2.5]}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x 1\nb: *x\n", "has an alias in line 2; write out what it stands for"),
        ("a: 1\n<<: {b: 2}\n", "has a merge key in line 2; write out what it stands for"),
        ("a: 1\nb: {c: 1, d: 2,\n  c: 3}\n", "has 'c' twice, again in line 3; put both into one"),
        ("a: 1\nb: [\n", "is not valid YAML in line 3; correct it"),
        ("a: !!int x\n", "is not valid YAML; correct it"),
        ("a: 2024-99-99\n", "is not valid YAML; correct it"),
        ("a: !!python/object/apply:os.getcwd []\n", "is not valid YAML in line 1; correct it"),
    ],
)
def test_what_is_not_plain_is_told_with_its_line(text: str, says: str) -> None:
    with pytest.raises(PlainYamlError) as error:
        parse_plain_yaml(text.encode())
    assert str(error.value) == says


def test_what_is_not_text_is_told() -> None:
    with pytest.raises(PlainYamlError, match="is not valid YAML; correct it"):
        parse_plain_yaml(b"\xff\xfe\x00")
