import json
from typing import Any

import pytest
import yaml
from edge_common.card_file import MAX_BYTES, card_as_mapping, card_from_mapping, parse_card, read_labels
from edge_common.errors import RejectedError
from edge_common.model_card import ModelCard, Sample
from hypothesis import given
from hypothesis import strategies as st

_EXAMPLE = b"""
schema: 1
task: image-classification
description: Cars
input: {name: image, size: [224, 224], layout: NCHW, color: RGB, mean: [127,127,127], scale: [128,128,128],
        resize: {mode: crop, fraction: 0.875, interpolation: cubic}}
output: {activation: none, labels: labels.txt, top_k: 5}
serving: {versions: {latest: 1}, target_device: CPU, nireq: 0, shape: auto, plugin_config: {NUM_STREAMS: 2}}
limits: {min_probability: 0.1}
"""

_NAMES = st.text(min_size=1, max_size=12)
_RESIZES = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["stretch", "crop", "letterbox"]),
        "fraction": st.floats(0.01, 1),
        "pad_value": st.floats(0, 255),
        "interpolation": st.sampled_from(["nearest", "linear", "cubic", "lanczos", "area"]),
    },
)
_INPUTS = st.fixed_dictionaries(
    {},
    optional={
        "name": _NAMES,
        "size": st.lists(st.integers(1, 10_000), min_size=2, max_size=2),
        "color": st.sampled_from(["RGB", "BGR"]),
        "mean": st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
        "scale": st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3),
        "resize": _RESIZES,
    },
)
_SERVING = st.fixed_dictionaries(
    {},
    optional={
        "versions": st.just("all")
        | st.lists(st.integers(1, 2**31 - 1), min_size=1, max_size=4)
        | st.builds(lambda n: {"latest": n}, st.integers(1, 9)),
        "nireq": st.integers(0, 99),
        "batch_size": st.integers(0, 99) | st.just("auto"),
        "shape": _NAMES | st.dictionaries(_NAMES, _NAMES, max_size=3),
        "plugin_config": st.dictionaries(
            _NAMES, _NAMES | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9), max_size=3
        ),
    },
)
_CARDS = st.fixed_dictionaries(
    {"schema": st.just(1)},
    optional={
        "description": st.text(max_size=40),
        "input": _INPUTS,
        "output": st.fixed_dictionaries(
            {},
            optional={
                "labels": _NAMES | st.lists(_NAMES, min_size=1, max_size=4),
                "top_k": st.integers(1, 100),
            },
        ),
        "serving": _SERVING,
        "limits": st.fixed_dictionaries({}, optional={"min_probability": st.floats(0, 1)}),
    },
)


def test_the_example_of_the_design_is_a_card() -> None:
    card = parse_card(_EXAMPLE, "model.yaml")
    assert card.input.size == (224, 224)
    assert card.serving.plugin_config == {"NUM_STREAMS": 2}
    assert card.limits.min_probability == 0.1


@given(_CARDS)
def test_a_card_survives_yaml_and_json(data: dict[str, Any]) -> None:
    card = ModelCard.model_validate(data)
    assert parse_card(yaml.safe_dump(card_as_mapping(card)).encode(), "model.yaml") == card
    assert card_from_mapping(json.loads(json.dumps(card_as_mapping(card), allow_nan=False)), "card") == card


_MERGE_BOMB = "a0: &a0 {k: v}\n" + "\n".join(
    f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}" for level in range(1, 10)
)
"""As 600 bytes 9 to the power of 9 entries."""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("schema: 1\nimput: {}", "model.yaml: unknown key 'imput'; remove it or correct its spelling"),
        ("schema: 1\ninput: {means: [1,1,1]}", "unknown key 'input.means'"),
        ("schema: 2", "schema: "),
        ("{}", "schema: "),
        ("- a", "it must be a mapping that starts with 'schema: 1'"),
        ("", "it must be a mapping"),
        ("schema: 1\n  x: [", "is not valid YAML in line 2"),
        ("schema: 1\ndescription: 2024-99-99", "is not valid YAML"),
        ("schema: !!int x", "is not valid YAML"),
        ("schema: 1\ninput: {size: [30000, 30000]}", "size [30000, 30000] is more than 67108864 pixels"),
        (
            "schema: 1\noutput: {labels: [a, no]}",
            "output.labels.1: YAML reads False there and no text; put it in",
        ),
        ("schema: 1\noutput: {labels: []}", "model.yaml: output.labels: Input should be a valid string or "),
        (
            "schema: 1\nserving: {versions: [0]}",
            "serving.versions.0: Input should be greater than or equal to 1",
        ),
        (
            "schema: 1\nserving: {versions: [010]}",
            "has 010 in line 2, which YAML reads as 8; write it without the",
        ),
        ('schema: 1\noutput: {labels: [a, "\\ud83d"]}', "has half a character in line 2; write it whole"),
        ("schema: !!bool x", "is not valid YAML"),
        ("schema: 1\ninput: {scale: [1, .inf, 1]}", "input.scale.1: "),
        ("schema: 1\ninput: {mean: [.nan, 1, 1]}", "input.mean.0: "),
        ("schema: 1\ninput: {scale: [1, 0, 1]}", "input.scale.1: "),
        ("&a {schema: 1, input: *a}", "has an alias in line 1"),
        ("schema: 1\ninput:\n  <<: {layout: NHWC}", "has a merge key in line 3"),
        (f"schema: 1\n{_MERGE_BOMB}", "has an alias in line 3"),
        (f"schema: {'x' * 60_000}", "not 'xxxxxxxxxxxx...xxxxxxxxxxxxx'"),
    ],
)
def test_what_is_wrong_is_named(text: str, sentence: str) -> None:
    with pytest.raises(RejectedError) as refused:
        parse_card(text.encode(), "model.yaml")
    assert sentence in str(refused.value)
    assert "model.yaml" in str(refused.value)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "ignore")))
def test_no_bytes_do_worse_than_a_rejection(content: bytes) -> None:
    try:
        parse_card(content, "model.yaml")
    except RejectedError:
        return


@given(
    st.sampled_from(["int", "float", "bool", "null", "timestamp", "binary", "omap", "set", "python/none"]),
    st.text(max_size=20),
)
def test_no_yaml_tag_does_worse_than_a_rejection(tag: str, text: str) -> None:
    content = f"schema: !!{tag} {json.dumps(text)}".encode("utf-8", "ignore")
    try:
        parse_card(content, "model.yaml")
    except RejectedError:
        return


def test_deep_and_large_cards_are_refused() -> None:
    with pytest.raises(RejectedError, match="not valid YAML"):
        parse_card(b"[" * 60_000, "model.yaml")
    with pytest.raises(RejectedError, match=f"at most {MAX_BYTES}"):
        parse_card(b" " * (MAX_BYTES + 1), "model.yaml")


def test_labels_are_lines_and_blank_ones_inside_keep_their_place() -> None:
    assert read_labels(b"cat\r\n\n dog \n\n\n") == ["cat", "", "dog"]
    assert read_labels(b"") == []


def test_the_mark_that_windows_editors_write_is_no_part_of_a_label() -> None:
    assert read_labels("cat\ndog".encode("utf-8-sig")) == ["cat", "dog"]


def test_labels_that_are_no_text_are_refused() -> None:
    with pytest.raises(RejectedError, match="not UTF-8"):
        read_labels(b"\xff\xfe")


@pytest.mark.parametrize("schema", ["true", "1.0", "'1'", "2"])
def test_only_the_whole_number_one_is_schema_one(schema: str) -> None:
    with pytest.raises(RejectedError, match="schema"):
        parse_card(f"schema: {schema}\n".encode(), "model.yaml")


def test_a_sample_names_a_picture_and_perhaps_what_it_shows() -> None:
    card = parse_card(b"schema: 1\nsample: {picture: sample.jpg, label: pickup}\n", "model.yaml")
    assert card.sample == Sample(picture="sample.jpg", label="pickup")
    with pytest.raises(RejectedError, match=r"sample.picture"):
        parse_card(b"schema: 1\nsample: {label: pickup}\n", "model.yaml")
