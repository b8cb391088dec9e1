import io

import pytest
from car_client.kserve.inference import Metadata
from car_client.models.describe import describe_model
from car_client.models.served_model import ModelTable
from car_client.output.terminal import show_classification, show_models
from car_client.pipeline.classifier import Classification
from car_client.pipeline.scores import Prediction, Verdict
from car_client.settings import Transport
from edge_common.classifiers import TensorSpec
from edge_common.served_state import VersionState
from rich.console import Console


@pytest.fixture
def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)


@pytest.fixture
def pipe() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=20)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def result(*, sure: bool = True) -> Classification:
    predictions = (Prediction(0, "fire [engine]", 0.75), Prediction(1, "cab", 0.25))
    return Classification("a.jpg", "m", 2, Verdict(predictions, sure), Transport.TENSOR, 0.001, 0.001, 0.01)


def test_bars_are_as_long_as_the_probabilities(terminal: Console) -> None:
    show_classification(terminal, result())
    first, second = written(terminal).splitlines()[1:3]
    assert "fire [engine]" in first
    assert "75.0%" in first
    assert first.count("█") == 3 * second.count("█") - 2  # 22 and 8 cells of 30
    assert written(terminal).startswith("a.jpg  m/2  12 ms")


def test_an_unsure_answer_says_so_before_its_guesses(terminal: Console) -> None:
    show_classification(terminal, result(sure=False))
    assert "not sure; the best guesses are" in written(terminal)


def test_a_pipe_gets_one_whole_line_of_fields(pipe: Console) -> None:
    show_classification(pipe, result())
    show_classification(pipe, result(sure=False))
    assert written(pipe) == "a.jpg\tm/2\tfire [engine]\t0.7500\na.jpg\tm/2\tnot sure\t0.7500\n"


HOSTILE = "\x1b]0;owned\x07\x1b[2J\n[red]b"


def test_text_of_strangers_is_shown_and_does_nothing(terminal: Console, pipe: Console) -> None:
    predictions = (Prediction(0, HOSTILE, 0.75),)
    hostile = Classification(
        HOSTILE, HOSTILE, 2, Verdict(predictions, sure=True), Transport.TENSOR, 0.001, 0.001, 0.01
    )
    models = ModelTable(states={HOSTILE: {1: VersionState.AVAILABLE}}, unusable={HOSTILE: HOSTILE})
    for console in (terminal, pipe):
        show_classification(console, hostile)
        show_models(console, "http://x", models)
        assert "\x1b]0" not in written(console)
        assert "\x1b[2J" not in written(console)
        assert "[red]b" in written(console).replace("\n", "")
    assert written(pipe).splitlines()[0].count("\t") == 3


def table() -> ModelTable:
    image = TensorSpec("image", "FP32", (1, 3, 8, 8))
    metadata = Metadata("m", (image,), (TensorSpec("y", "FP32", (1, 3)),), ("2",))
    return ModelTable(
        states={
            "m": {1: VersionState.END, 2: VersionState.AVAILABLE, 3: VersionState.FAILED},
            "gone": {4: VersionState.END},
            "none": {},
            "odd": {1: VersionState.AVAILABLE},
        },
        usable={"m": describe_model(metadata, 2, None)},
        unusable={"odd": "the input is [no] picture"},
    )


def test_the_model_table_tells_states_sources_and_troubles(pipe: Console) -> None:
    show_models(pipe, "http://s", table())
    lines = written(pipe).splitlines()
    assert lines[:5] == [
        "gone\t4\tEND\t\t\t",
        "m\t2\tAVAILABLE\timage FP32 [1,3,8,8]\tshapes\tnone",
        "m\t3\tFAILED\t\t\t",
        "none\t-\tno versions\t\t\t",
        "odd\t1\tAVAILABLE\t\t\t",
    ]
    assert lines[5] == "odd: the input is [no] picture"
    assert lines[6].startswith("m: neither a card nor rt_info: assumed RGB")


def test_a_terminal_gets_headings(terminal: Console) -> None:
    show_models(terminal, "http://s", table())
    assert "preprocessing" in written(terminal)


def test_an_empty_server_is_told(pipe: Console) -> None:
    show_models(pipe, "http://s", ModelTable())
    assert "has no models" in written(pipe).replace("\n", " ")
