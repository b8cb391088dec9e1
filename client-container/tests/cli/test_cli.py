import io
import json
import sys
from collections import deque
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from car_client import cli
from edge_common import command_line
from fake_kserve import FakeKServe, FakeModel
from made_pictures import jpeg
from picture_server import PictureServer
from PIL import Image

CARD = {"schema": 1, "input": {"color": "BGR"}, "output": {"labels": ["blue", "green", "red"]}}


class Ran:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def sentence(self) -> str:
        """The last line on standard error, which is for people; the lines before are the log."""
        return self.err.splitlines()[-1]

    @property
    def document(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.out)
        return parsed


Run = Callable[..., Ran]


@pytest.fixture
def run(server: FakeKServe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("CAR_CLIENT_SERVER_URL", server.url)
    monkeypatch.setenv("CAR_CLIENT_SIDECAR_URL", server.url)
    # It ends a process in which threads still run, and this process is the tests' own
    monkeypatch.setattr(command_line, "leave_now", sys.exit)

    def run_command(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["car-client", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return Ran(code, *capsys.readouterr())

    return run_command


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.jpg"
    path.write_bytes(jpeg("red"))
    return path


@pytest.fixture
def served(server: FakeKServe) -> FakeKServe:
    server.models = {"cars": FakeModel(), "other": FakeModel(versions=[4])}
    server.cards = {"cars": CARD, "other": CARD}
    return server


@pytest.mark.usefixtures("served")
def test_models_lists_what_the_server_has(run: Run) -> None:
    listed = run("models")
    assert listed.code == 0
    assert listed.out.splitlines() == [
        "cars\t1\tAVAILABLE\timage UINT8 [1,8,8,3]\tcard\t3",
        "other\t4\tAVAILABLE\timage UINT8 [1,8,8,3]\tcard\t3",
    ]


def test_models_as_json_tells_everything(served: FakeKServe, run: Run) -> None:
    served.models["odd"] = FakeModel(shape=(1, 5, 5, 5))
    document = run("models", "--json").document
    assert document["server"] == served.url
    cars, odd, other = document["models"]
    assert (cars["name"], cars["version"], cars["versions"]) == ("cars", 1, {"1": "AVAILABLE"})
    assert (cars["usable"], cars["source"], cars["labels"]) == (True, "card", ["blue", "green", "red"])
    assert cars["preprocessing"]["color"] == "BGR"
    assert cars["jpeg"] == {"possible": True, "reason": None}
    assert (odd["usable"], "three colours" in odd["reason"]) == (False, True)
    assert other["version"] == 4


@pytest.mark.usefixtures("served")
def test_classify_asks_every_model(run: Run, red: Path) -> None:
    classified = run("classify", red)
    assert classified.code == 0
    fields = [line.split("\t") for line in classified.out.splitlines()]
    assert [line[:3] for line in fields] == [[str(red), "cars/1", "red"], [str(red), "other/4", "red"]]
    [first, second] = [json.loads(line) for line in classified.err.splitlines()]
    assert (first["event"], first["model"], second["model"]) == ("inference", "cars", "other")


@pytest.mark.usefixtures("served")
def test_classify_as_json_with_one_model_and_one_class(run: Run, red: Path) -> None:
    document = run("classify", red, "--model", "other", "--top-k", 1, "--json").document
    [result] = document["results"]
    assert (result["model"], result["version"], result["top1"], result["sure"]) == ("other", 4, "red", True)
    [prediction] = result["predictions"]
    assert (prediction["index"], prediction["label"]) == (2, "red")
    assert set(result["timings_ms"]) == {"decode", "preprocess", "request"}
    assert document["rejected"] == document["failed"] == []


@pytest.mark.usefixtures("served")
def test_classify_takes_folders_addresses_and_standard_input(
    run: Run, red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "line\nbreak\ttab.jpg").write_bytes(jpeg("blue"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(jpeg("green"))))
    with PictureServer(jpeg("red")) as camera:
        classified = run("classify", tmp_path, "-", f"{camera.url}/still?pwd=x", "--model", "cars")
    assert classified.code == 0
    assert [line.split("\t")[0::2] for line in classified.out.splitlines()] == [
        [f"{tmp_path}/deep/line\\nbreak\\ttab.jpg", "blue"],
        [str(red), "red"],
        ["stdin", "green"],
        [f"{camera.url}/still?pwd=***", "red"],
    ]


def test_what_cannot_be_taken_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.txt").write_text("x")
    empty = run("classify", tmp_path)
    assert (empty.code, "there is no picture in the folder" in empty.sentence) == (65, True)
    silent = run("classify", "http://127.0.0.1:9/a.jpg")
    assert (silent.code, "http://127.0.0.1:9/a.jpg gives no picture: " in silent.sentence) == (65, True)
    monkeypatch.setattr("sys.stdin", None)
    assert run("classify", "-").code == 78
    assert run("watch", "s3://No_Such").code == 78


@pytest.mark.usefixtures("served")
def test_a_file_that_is_no_picture_ends_with_65_and_harms_no_other(
    run: Run, red: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("not a picture")
    classified = run("classify", red, notes, tmp_path / "none.jpg", "--json")
    assert classified.code == 65
    assert "notes.txt is not a picture" in classified.sentence
    assert "none.jpg cannot be read: No such file" in classified.sentence
    assert len(classified.document["results"]) == 2
    assert len(classified.document["rejected"]) == 2


def test_no_server_is_needed_to_tell_that_a_file_is_no_picture(run: Run, tmp_path: Path) -> None:
    refused = run("classify", tmp_path / "none.jpg", "--server-url", "http://127.0.0.1:9")
    assert (refused.code, "cannot be read" in refused.sentence) == (65, True)


@pytest.mark.usefixtures("served")
def test_an_unknown_model_ends_with_65_and_lists_the_known(run: Run, red: Path) -> None:
    refused = run("classify", red, "--model", "cats")
    assert refused.code == 65
    assert refused.sentence == "car-client: the server serves no model 'cats'; it serves: cars, other"


def test_a_model_that_cannot_be_used_says_why(served: FakeKServe, run: Run, red: Path) -> None:
    served.models["odd"] = FakeModel(shape=(1, 5, 5, 5))
    refused = run("classify", red, "--model", "odd")
    assert (refused.code, "model odd version 1 cannot be used" in refused.sentence) == (65, True)


def test_a_server_without_models_ends_with_65(run: Run, red: Path) -> None:
    refused = run("classify", red)
    assert (refused.code, "no model to classify with" in refused.sentence) == (65, True)


@pytest.mark.parametrize("command", ["models", "classify"])
def test_a_server_that_is_away_ends_with_75(run: Run, red: Path, command: str) -> None:
    arguments = [red] if command == "classify" else []
    refused = run(command, *arguments, "--server-url", "http://127.0.0.1:9")
    assert refused.code == 75
    assert refused.sentence.startswith("car-client: nothing answers at http://127.0.0.1:9;")


def test_one_failing_model_does_not_keep_the_others_from_answering(
    served: FakeKServe, run: Run, red: Path
) -> None:
    served.faults_of["cars"] = deque([(400, "Invalid input shape")])
    classified = run("classify", red, "--json")
    assert classified.code == 65
    assert [result["model"] for result in classified.document["results"]] == ["other"]
    [failed] = classified.document["failed"]
    assert (failed["model"], "Invalid input shape" in failed["error"]) == ("cars", True)


def test_a_failing_server_ends_with_75(served: FakeKServe, run: Run, red: Path) -> None:
    served.faults.append((500, "Internal inference error"))
    classified = run("classify", red, "--model", "cars")
    assert (classified.code, "Internal inference error" in classified.sentence) == (75, True)


def test_an_unknown_setting_ends_with_78(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAR_CLIENT_TIMEOT", "1")
    refused = run("models")
    assert (
        refused.code,
        "unknown setting CAR_CLIENT_TIMEOT; did you mean CAR_CLIENT_TIMEOUT?" in refused.sentence,
    ) == (78, True)


def test_jpeg_bytes_are_sent_when_wanted(served: FakeKServe, run: Run, red: Path) -> None:
    served.cards["cars"] = CARD | {"input": {"color": "BGR", "resize": {"antialias": False}}}
    document = run("classify", red, "--model", "cars", "--transport", "jpeg", "--json").document
    assert document["results"][0]["transport"] == "jpeg"


@pytest.mark.usefixtures("served")
def test_watch_once_prints_one_json_object_a_result(run: Run, red: Path) -> None:
    watched = run("watch", red.parent, "--once", "--interval", "50ms", "--json", "--model", "other")
    assert watched.code == 0
    [line] = watched.out.splitlines()
    assert json.loads(line)["image"] == "red.jpg"
    assert [json.loads(line)["event"] for line in watched.err.splitlines()] == [
        "model_added",
        "inference",
        "nothing_left",
    ]


@pytest.mark.usefixtures("served")
def test_what_a_watch_has_kept_is_read_by_another_command(run: Run, red: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "history.sqlite"
    assert run("watch", red.parent, "--once", "--interval", "50ms", "--history", kept).code == 0
    entries = run("history", "--file", kept, "--json").document["entries"]
    assert sorted((entry["model"], entry["label"]) for entry in entries) == [
        ("cars", "red"),
        ("other", "red"),
    ]
    [line] = run("history", "--file", kept, "--model", "cars", "--min-probability", "0.5").out.splitlines()
    assert line.split("\t")[1:5] == [str(red.parent), "red.jpg", "cars/1", "red"]
    head, row = run(
        "history", "--file", kept, "--csv", "--label", "RE", "--source", red.parent, "--limit", 1
    ).out.split()
    assert (head.split(",")[0], row.split(",")[2]) == ("time", "red.jpg")
    assert run("history", "--file", kept, "--since", "2999-01-01").out == ""


def test_a_history_that_cannot_be_read_is_told(run: Run, red: Path, tmp_path: Path) -> None:
    for arguments, code, part in (
        ((), 78, "CAR_CLIENT_HISTORY"),
        (("--file", tmp_path / "none.sqlite"), 78, "there is no history at"),
        (("--file", red), 65, "is no history that can be read"),
        (("--file", red, "--until", "soon"), 78, "--until: 'soon' is no time"),
    ):
        refused = run("history", *arguments)
        assert (refused.code, part in refused.sentence) == (code, True), refused.sentence


def test_reviews_without_a_place_or_at_a_wrong_one_end_with_78(run: Run, tmp_path: Path) -> None:
    for arguments, part in (((), "CAR_CLIENT_REVIEW"), (("--review", "reviews"), "write s3://BUCKET/PREFIX")):
        refused = run("review", "--out", tmp_path, *arguments)
        assert (refused.code, part in refused.sentence) == (78, True), refused.sentence


@pytest.mark.usefixtures("served")
def test_watch_once_with_a_bad_picture_ends_with_65(run: Run, red: Path) -> None:
    (red.parent / "bad.jpg").write_bytes(b"x")
    watched = run("watch", red.parent, "--once", "--interval", "50ms")
    assert (watched.code, "1 of the pictures" in watched.sentence) == (65, True)


def test_watching_a_folder_that_is_not_there_ends_with_78(run: Run, tmp_path: Path) -> None:
    refused = run("watch", tmp_path / "none")
    assert (refused.code, "there is no folder" in refused.sentence) == (78, True)


@pytest.mark.usefixtures("served")
def test_annotate_draws_the_classes_below_the_picture(run: Run, red: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.png"
    assert run("classify", red, "--annotate", drawn).code == 0
    with Image.open(red) as before, Image.open(drawn) as after:
        assert after.width >= 320
        assert after.height > before.height + 8 * 20, "two models with a head and three bars each"
        middle = after.getpixel((after.width // 2, before.height // 2))
    assert isinstance(middle, tuple)
    assert middle[0] > 200 > middle[1]
    folder = tmp_path / "folder"
    run("classify", red, tmp_path / "none.jpg", "--annotate", folder)
    assert [path.name for path in folder.iterdir()] == ["red.png"]


@pytest.mark.usefixtures("served")
def test_annotating_two_pictures_of_one_name_ends_with_78(run: Run, red: Path, tmp_path: Path) -> None:
    refused = run("classify", red, red.with_suffix(".png"), "--annotate", tmp_path / "folder")
    assert (refused.code, "have the same name" in refused.sentence) == (78, True)


@pytest.mark.usefixtures("served")
def test_bench_compares_the_pipeline_with_the_server_alone(run: Run, red: Path) -> None:
    document = run("bench", red, "--model", "cars", "--seconds", "0.2", "--workers", "2", "--json").document
    [rate] = document["models"]
    assert (document["workers"], rate["model"], rate["version"]) == (2, "cars", 1)
    assert rate["pipeline_per_second"] > 0
    assert rate["ratio"] == pytest.approx(rate["pipeline_per_second"] / rate["server_per_second"], rel=0.01)


@pytest.mark.usefixtures("served")
def test_bench_with_a_file_that_is_not_there_ends_with_65(run: Run, tmp_path: Path) -> None:
    refused = run("bench", tmp_path / "none.jpg")
    assert (refused.code, "none.jpg cannot be read" in refused.sentence) == (65, True)


@pytest.mark.parametrize("command", ["classify", "bench"])
def test_a_server_without_models_ends_with_65_and_a_sentence(run: Run, red: Path, command: str) -> None:
    refused = run(command, red)
    assert (refused.code, "no model to classify with: none is available" in refused.sentence) == (65, True)


@pytest.mark.parametrize(
    "command", ["models", "classify", "watch", "serve", "history", "bench", "healthcheck"]
)
def test_help_shows_an_example(run: Run, command: str) -> None:
    shown = run(command, "--help")
    assert shown.code == 0
    assert f"car-client {command}" in " ".join(shown.out.split())


def test_version_and_completion_are_offered(run: Run) -> None:
    assert run("--version").out == f"car-client {version('edgeai-cars-client')}\n"
    assert "--install-completion" in run("--help").out
