from pathlib import PurePosixPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from model_sync.bucket.keys import (
    LATEST,
    Misplaced,
    ModelFile,
    VersionFile,
    interpret_key,
    is_version_name,
    path_problem,
    quoted,
    version_name_advice,
    version_rank,
)

_HOSTILE = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "..",
        ".",
        "",
        "/",
        "\\",
        "a\\b",
        "a" * 300,
        "\x00",
        "\u202e",
        "\ud800",
        "graph.pbtxt",
        "%2e%2e",
        "~",
        "é" * 200,
    ]
)
_KEYS = st.lists(_HOSTILE | st.sampled_from(["cars", "1", "latest"]), min_size=1, max_size=6).map("/".join)


@settings(max_examples=1000)
@given(_KEYS)
@example("cars/1/" + "a/" * 600 + "b")
@example("/etc/passwd")
@example("cars/1//etc/passwd")
@example("cars/../../1/x")
def test_no_key_names_a_file_outside_its_version(key: str) -> None:
    meaning = interpret_key(key)
    if not isinstance(meaning, VersionFile) or meaning.problem is not None:
        return
    path = PurePosixPath(meaning.path)
    assert not path.is_absolute()
    assert not set(meaning.path.split("/")) & {"", ".", ".."}
    assert meaning.path.isprintable()
    assert "\\" not in meaning.path
    assert max(len(part.encode()) for part in path.parts) <= 255
    assert len(meaning.path.encode()) <= 1024
    assert "/" not in meaning.model
    assert not meaning.model.startswith((".", "_"))


@pytest.mark.parametrize("name", ["1", "37", "2147483647", "latest"])
def test_whole_numbers_and_latest_are_versions(name: str) -> None:
    assert is_version_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "0",
        "01",
        "v1",
        "-1",
        "1.0",
        " 1",
        "1\n",
        "2147483648",
        "99999999999",
        "²",
        "\u0661",
        "Latest",
        "9" * 5000,
    ],
)
def test_anything_else_is_no_version_and_the_advice_says_what_to_do(name: str) -> None:
    assert not is_version_name(name)
    assert "rename the folder to a whole number such as" in version_name_advice(name)


def test_the_advice_proposes_the_number_that_was_meant() -> None:
    assert "such as 12," in version_name_advice("v012")
    assert "such as 1," in version_name_advice("final")


def test_latest_ranks_above_every_number() -> None:
    assert sorted(["latest", "10", "9", "2147483647"], key=version_rank) == ["9", "10", "2147483647", LATEST]


@pytest.mark.parametrize(
    ("key", "meaning"),
    [
        ("cars/1/", None),
        ("_status/x.json", None),
        (".hidden/1/model.onnx", None),
        ("cars/model.yaml", ModelFile("cars", "model.yaml")),
        ("cars/1/model.onnx", VersionFile("cars", "1", "model.onnx")),
        ("cars/1/variables/x", VersionFile("cars", "1", "variables/x")),
    ],
)
def test_keys_mean_what_the_design_says(key: str, meaning: object) -> None:
    assert interpret_key(key) == meaning
    assert interpret_key(f"team/a/{key}", "team/a/") == meaning


@pytest.mark.parametrize(
    "key", ["model.onnx", "ca rs/1/x", "a" * 64 + "/1/x", "config.json/1/x", "-x/1/y", "/1/x"]
)
def test_misplaced_keys_are_told_where_they_should_be(key: str) -> None:
    assert isinstance(interpret_key(key), Misplaced)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("a/../b", "path element '..'"),
        ("a//b", "path element ''"),
        ("a\\b", "backslash"),
        ("a\nb", "control or invisible"),
        ("x" * 256, "longer than 255"),
        ("/".join(["x" * 200] * 6), "longer than 1024"),
        ("graph.pbtxt", "MediaPipe"),
    ],
)
def test_the_problem_of_a_path_is_named(path: str, problem: str) -> None:
    assert problem in str(path_problem(path))


@given(st.text(max_size=200))
def test_quoted_names_are_safe_to_print_and_short(text: str) -> None:
    shown = quoted(text)
    assert shown.isprintable()
    assert len(shown) <= 82
