import json
import re
from contextlib import nullcontext
from typing import Any

import pytest
from edge_common.classifiers import TensorSpec
from edge_common.errors import RejectedError
from edge_common.model_card import Serving
from model_sync.cards.cards import (
    MAX_BATCH,
    EffectiveCard,
    label_rejection,
    raise_for_misfit,
    read_card,
    serving_rejection,
)
from model_sync.cards.model_cards import serving_in

_CARD = b"schema: 1\noutput: {labels: labels.txt}\nserving: {nireq: 2}\n"


def _read(content: bytes, **beside: bytes) -> EffectiveCard:
    return read_card(content, "model.yaml", lambda name: beside.get(name.removesuffix(".txt")))


def test_labels_are_read_in() -> None:
    card = _read(_CARD, labels=b"cat\ndog\n")
    assert card.labels == ("cat", "dog")
    assert json.loads(card.to_json())["output"] == {"labels": ["cat", "dog"]}
    assert serving_in(card.to_json()) == Serving(nireq=2)


@pytest.mark.parametrize(
    ("content", "labels", "sentence"),
    [
        (_CARD, None, "names the labels file 'labels.txt', which is not there"),
        (_CARD, b"\n", "is empty"),
        (
            b"schema: 1\noutput: {labels: ../../etc/passwd}",
            b"x",
            "cannot be read: it contains the path element",
        ),
    ],
)
def test_a_labels_file_at_fault_is_named(content: bytes, labels: bytes | None, sentence: str) -> None:
    beside = {} if labels is None else {"labels": labels}
    with pytest.raises(RejectedError, match=sentence):
        _read(content, **beside)


def test_another_number_of_labels_than_classes_is_a_problem() -> None:
    card = _read(_CARD, labels=b"cat\ndog\n")
    assert label_rejection(card, 2) is None
    assert label_rejection(card, -1) is None
    assert "2 labels, but the model gives 3 values" in str(label_rejection(card, 3))


@pytest.mark.parametrize(
    ("output", "tensors", "sentence"),
    [
        ("labels: [cat, dog]", [("y", "FP32", (1, 2))], None),
        ("labels: [cat, dog]", [("y", "FP16", (-1, 2, 1, 1))], None),
        ("labels: [cat, dog]", [("y", "FP32", (1, 1))], None),
        ("labels: [cat, dog]", [("maps", "FP32", (1, 9, 7, 7)), ("y", "FP32", (1, 2))], None),
        ("{labels: [cat, dog], name: y}", [("x", "FP32", (1, 2)), ("y", "FP32", (1, 2))], None),
        ("labels: [cat, dog]", [("x", "FP32", (1, 2)), ("y", "FP32", (1, 2))], "could all be the scores"),
        ("labels: [cat, dog]", [("y", "FP32", (1, 3))], "2 labels, but the model gives 3 values"),
        ("labels: [cat, dog]", [("boxes", "FP32", (1, 100, 4))], "gives one row of scores"),
        ("labels: [cat, dog]", [("y", "INT64", (-1,))], "gives one row of scores"),
        ("name: z", [("y", "FP32", (1, 2))], "no output 'z'; the model has y FP32"),
        ("activation: softmax", [("y", "FP32", (1, 1))], "always 1"),
        ("top_k: 3", [("boxes", "FP32", (1, 100, 4))], None),
    ],
)
def test_a_card_that_speaks_of_scores_needs_a_classifier(
    output: str, tensors: list[tuple[str, str, tuple[int, ...]]], sentence: str | None
) -> None:
    said = output if output.startswith("{") else f"{{{output}}}"
    card = _read(f"schema: 1\noutput: {said}".encode())
    refused = nullcontext() if sentence is None else pytest.raises(RejectedError, match=re.escape(sentence))
    with refused:
        raise_for_misfit(card, {}, [TensorSpec(*tensor) for tensor in tensors])


def _rejection(further: tuple[str, ...] = (), **serving: Any) -> str | None:
    return serving_rejection(Serving.model_validate(serving), cores=2, further=further)


@pytest.mark.parametrize(
    "serving",
    [
        {},
        {"target_device": "CPU", "nireq": 64, "batch_size": MAX_BATCH},
        {"target_device": "GPU.1", "plugin_config": {"MODEL_PRIORITY": "high", "NUM_STREAMS": "AUTO"}},
        {"target_device": "AUTO:GPU,CPU", "plugin_config": {"PERFORMANCE_HINT": "THROUGHPUT"}},
        {"target_device": "HETERO:GPU,CPU"},
        {"plugin_config": {"NUM_STREAMS": 4, "INFERENCE_NUM_THREADS": "8", "ENABLE_CPU_PINNING": False}},
        {"plugin_config": {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT_NUM_REQUESTS": 0}},
    ],
)
def test_what_concerns_the_model_alone_may_be_asked_for(serving: dict[str, Any]) -> None:
    assert _rejection(**serving) is None


@pytest.mark.parametrize(
    ("serving", "sentence"),
    [
        ({"nireq": 100_000}, "serving.nireq 100000 is more than 64"),
        ({"batch_size": 10**9}, "serving.batch_size 1000000000 is more than 1024"),
        ({"target_device": "FPGA"}, "serving.target_device 'FPGA' is no device; write CPU, GPU"),
        ({"target_device": "cpu"}, "serving.target_device 'cpu' is no device"),
        (
            {"plugin_config": {"ENABLE_CPU_RESERVATION": True}},
            "'ENABLE_CPU_RESERVATION' is not allowed for CPU",
        ),
        ({"plugin_config": {"CACHE_DIR": "/models"}}, "'CACHE_DIR' is not allowed for CPU"),
        ({"plugin_config": {"NUM_STREAMS": 9}}, "NUM_STREAMS must be a whole number from -2 to 8"),
        ({"plugin_config": {"NUM_STREAMS": "9" * 500}}, "NUM_STREAMS must be"),
        ({"plugin_config": {"INFERENCE_NUM_THREADS": 1.5}}, "INFERENCE_NUM_THREADS must be"),
        ({"plugin_config": {"PERFORMANCE_HINT": "FAST"}}, "one of LATENCY, THROUGHPUT"),
        ({"target_device": "GPU", "plugin_config": {"INFERENCE_NUM_THREADS": 1}}, "not allowed for GPU"),
    ],
)
def test_what_is_too_much_is_named(serving: dict[str, Any], sentence: str) -> None:
    assert sentence in str(_rejection(**serving))


def test_the_operator_may_allow_more_for_one_device() -> None:
    wanted = {"LOG_LEVEL": "LOG_DEBUG"}
    assert "add CPU:LOG_LEVEL to MODEL_SYNC_PLUGIN_PROPERTIES" in str(_rejection(plugin_config=wanted))
    assert _rejection(("CPU:LOG_LEVEL",), plugin_config=wanted) is None
    assert _rejection(("CPU:LOG_LEVEL",), plugin_config=wanted, target_device="GPU") is not None
    assert "too long" in str(_rejection(("CPU:LOG_LEVEL",), plugin_config={"LOG_LEVEL": "x" * 201}))
