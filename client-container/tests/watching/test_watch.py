import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
from car_client.kserve.connection import Connection
from car_client.kserve.http_inference import HttpInference
from car_client.models.cards import CardReader
from car_client.models.discovery import Discovery
from car_client.models.follower import ModelFollower
from car_client.pipeline.classifier import Classification, Classifier
from car_client.pipeline.jobs import Pipeline
from car_client.settings import Transport
from car_client.sources.folder import FolderSource
from car_client.sources.source import Frame, Source, Supply
from car_client.watching.watch import Watch
from edge_common.errors import RetryableError
from edge_common.pictures.decode import PictureLimits
from eventually import wait_until
from fake_kserve import FakeKServe, FakeModel
from made_pictures import jpeg

CARD = {"schema": 1, "input": {"color": "BGR"}, "output": {"labels": ["blue", "green", "red"]}}
LIMITS = PictureLimits(100_000, 100_000)

MakeWatch = Callable[..., Watch]


@pytest.fixture
def shown() -> list[Classification]:
    return []


@pytest.fixture
def make_watch(tmp_path: Path, shown: list[Classification]) -> Iterator[MakeWatch]:
    connections: list[Connection] = []

    def make(server: FakeKServe, source: Source | None = None) -> Watch:
        connection = Connection(server.url, timeout=5)
        connections.append(connection)
        discovery = Discovery(connection, CardReader(connection))
        classifier = Classifier(
            HttpInference(connection), discovery, transport=Transport.TENSOR, batch_size=2
        )
        return Watch(
            source or FolderSource(tmp_path, max_bytes=LIMITS.max_bytes, quiet_time=0.01),
            ModelFollower(discovery),
            Pipeline(classifier),
            limits=LIMITS,
            interval=0.01,
            show=lambda _picture, result: shown.append(result),
        )

    yield make
    for connection in connections:
        connection.close()


class Running:
    """A watch in a thread of its own."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._stop = threading.Event()

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._watch.run, args=(self._stop,))
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()


class Logged(Protocol):
    """What the fixture `logged` offers."""

    def of(self, event: str) -> list[dict[str, Any]]: ...


def put(folder: Path, name: str, content: bytes) -> None:
    """Rename into place, as a careful uploader does."""
    (folder / f".{name}").write_bytes(content)
    (folder / f".{name}").rename(folder / name)


def test_pictures_are_classified_with_every_model_as_they_arrive(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification], logged: Logged
) -> None:
    server.models = {"a": FakeModel(), "b": FakeModel(shape=(-1, 3, 8, 8), datatype="FP32")}
    server.cards = {"a": CARD, "b": CARD}
    put(tmp_path, "there.jpg", jpeg("red"))
    with Running(make_watch(server)):
        wait_until(lambda: len(shown) == 2)
        put(tmp_path, "comes.jpg", jpeg("green"))
        wait_until(lambda: len(shown) == 4)
    told = {(line["image"], line["model"], line["top1"]) for line in logged.of("inference")}
    assert told == {
        ("there.jpg", "a", "red"),
        ("there.jpg", "b", "red"),
        ("comes.jpg", "a", "green"),
        ("comes.jpg", "b", "green"),
    }
    assert len(shown) == 4


def test_models_are_followed_live(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification], logged: Logged
) -> None:
    with Running(make_watch(server)):
        put(tmp_path, "early.jpg", jpeg("red"))
        server.models = {"m": FakeModel()}
        wait_until(lambda: len(shown) == 1)
        server.models["m"].versions = [1, 2]
        wait_until(lambda: logged.of("model_version_changed"))
        put(tmp_path, "late.jpg", jpeg("blue"))
        wait_until(lambda: len(shown) == 2)
        server.models = {}
        wait_until(lambda: logged.of("model_removed"))
    assert [result.version for result in shown] == [1, 2]
    assert [line["model"] for line in logged.of("model_added")] == ["m"]
    [changed] = logged.of("model_version_changed")
    assert (changed["previous_version"], changed["version"], changed["level"]) == (1, 2, "info")
    assert len(logged.of("model_removed")) == 1


def test_an_outage_is_told_once_and_loses_no_picture(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification], logged: Logged
) -> None:
    server.models["m"] = FakeModel()
    with Running(make_watch(server)):
        wait_until(lambda: logged.of("model_added"))
        server.fixed_answers["/v1/config"] = (503, b'{"error": "Server is not ready"}')
        wait_until(lambda: logged.of("server_lost"))
        put(tmp_path, "meanwhile.jpg", jpeg("red"))
        asked = len(server.sent("/v1/config"))
        wait_until(lambda: len(server.sent("/v1/config")) > asked + 5)
        assert shown == []
        server.fixed_answers.clear()
        wait_until(lambda: len(shown) == 1)
    [lost] = logged.of("server_lost")
    assert (lost["level"], "Server is not ready" in lost["error"]) == ("warning", True)
    assert [line["level"] for line in logged.of("server_returned")] == ["info"]
    assert logged.of("model_removed") == []


def test_a_model_that_answered_before_the_outage_is_not_asked_twice(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification]
) -> None:
    server.models = {"a": FakeModel(), "b": FakeModel()}
    server.faults_of["b"] = deque(["cut", "cut"])
    put(tmp_path, "p.jpg", jpeg("red"))
    with Running(make_watch(server)):
        wait_until(lambda: len(shown) == 2)
    assert [result.model for result in shown] == ["a", "b"]
    assert sorted(request.path.split("/")[3] for request in server.sent("/infer")) == ["a", "b", "b", "b"]


def test_several_pictures_are_on_their_way_at_once_and_told_in_the_order_of_arrival(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification]
) -> None:
    server.models["m"] = FakeModel()
    server.faults.extend(["slow"] * 4)
    for number in range(12):
        put(tmp_path, f"{number:02}.jpg", jpeg("red"))
    with Running(make_watch(server)):
        wait_until(lambda: len(server.sent("/infer")) == 4)
        assert shown == []
        server.release_slow.set()
        wait_until(lambda: len(shown) == 12)
    assert [result.picture for result in shown] == [f"{number:02}.jpg" for number in range(12)]


def test_no_more_than_eight_pictures_are_taken_while_the_server_is_slow(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def count(source: FolderSource, name: str, now: float, take: Any = FolderSource._take) -> Any:
        frame = take(source, name, now)
        taken.extend([name] if frame is not None else [])
        return frame

    monkeypatch.setattr(FolderSource, "_take", count)
    server.models["m"] = FakeModel()
    server.faults.extend(["slow"] * 4)
    for number in range(30):
        put(tmp_path, f"{number:02}.jpg", jpeg("red"))
    with Running(make_watch(server)):
        wait_until(lambda: len(server.sent("/infer")) == 4)
        asked = len(server.sent("/v1/config"))
        wait_until(lambda: len(server.sent("/v1/config")) > asked + 3)
        assert len(taken) == 8
        server.release_slow.set()


def test_a_picture_that_ends_the_server_takes_no_other_along(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification], logged: Logged
) -> None:
    server.models["m"] = FakeModel(shape=(-1, 8, 8, 3))
    server.cut_if = lambda batch: bool((batch[..., 1] > 200).all(axis=(1, 2)).any())
    for number, colour in enumerate(["red", "red", "green", "blue", "red", "red"]):
        put(tmp_path, f"{number}.jpg", jpeg(colour))
    with Running(make_watch(server)):
        wait_until(lambda: len(shown) == 5 and logged.of("inference_failed"))
    assert sorted(result.picture for result in shown) == ["0.jpg", "1.jpg", "3.jpg", "4.jpg", "5.jpg"]
    assert [line["image"] for line in logged.of("inference_failed")] == ["2.jpg"]


def test_a_picture_the_server_never_answers_for_is_given_up_and_the_next_one_taken(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification], logged: Logged
) -> None:
    server.models["m"] = FakeModel()
    server.faults.extend(["cut"] * 6)
    put(tmp_path, "hangs.jpg", jpeg("red"))
    with Running(make_watch(server)):
        wait_until(lambda: logged.of("inference_failed"))
        put(tmp_path, "works.jpg", jpeg("red"))
        wait_until(lambda: shown)
    assert [result.picture for result in shown] == ["works.jpg"]
    assert [line["image"] for line in logged.of("inference_failed")] == ["hangs.jpg"]


def test_a_refusal_after_an_interruption_is_told_and_the_watch_goes_on(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification], logged: Logged
) -> None:
    server.models["m"] = FakeModel()
    server.faults.extend(["cut", "cut", (400, "Invalid input shape")])
    put(tmp_path, "refused.jpg", jpeg("red"))
    with Running(make_watch(server)):
        wait_until(lambda: logged.of("inference_failed"))
        put(tmp_path, "works.jpg", jpeg("red"))
        wait_until(lambda: shown)
    assert [line["image"] for line in logged.of("inference_failed")] == ["refused.jpg"]


def test_a_backlog_is_worked_off_without_pauses(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification]
) -> None:
    server.models["m"] = FakeModel()
    for number in range(40):
        put(tmp_path, f"{number:02}.jpg", jpeg("red"))
    watch = make_watch(server)
    pauses: list[bool] = []

    class CountedStop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(len(shown) in {0, 40})
            if len(shown) == 40:
                self.set()
            return super().wait(timeout)

    watch.run(CountedStop())
    assert len(shown) == 40
    assert all(pauses)


def test_a_picture_that_is_replaced_during_an_outage_is_seen_by_every_model(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification]
) -> None:
    server.models = {"a": FakeModel(), "b": FakeModel()}
    server.cards = {"a": CARD, "b": CARD}
    server.faults_of["b"] = deque(["hold"])
    put(tmp_path, "p.jpg", jpeg("red"))
    with Running(make_watch(server)):
        wait_until(lambda: len(shown) == 1)
        server.fixed_answers["/v1/config"] = (503, b"{}")
        put(tmp_path, "p.jpg", jpeg("green"))
        server.release_slow.set()
        asked = len(server.sent("/v1/config"))
        wait_until(lambda: len(server.sent("/v1/config")) > asked + 3)
        server.fixed_answers.clear()
        wait_until(lambda: len(shown) == 3)
    told = [(result.model, result.verdict.top1) for result in shown]
    assert told == [("a", "red"), ("a", "green"), ("b", "green")]


def test_a_damaged_picture_is_told_once_and_tried_again_when_it_changes(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification], logged: Logged
) -> None:
    server.models["m"] = FakeModel()
    whole = jpeg("red", size=(60, 60))
    put(tmp_path, "half.jpg", whole[: len(whole) // 2])
    put(tmp_path, "good.jpg", jpeg("green"))
    with Running(make_watch(server)):
        wait_until(lambda: shown and logged.of("picture_rejected"))
        asked = len(server.sent("/v1/config"))
        wait_until(lambda: len(server.sent("/v1/config")) > asked + 5)
        [rejected] = logged.of("picture_rejected")
        assert rejected["image"] == "half.jpg"
        put(tmp_path, "half.jpg", whole)
        wait_until(lambda: len(shown) == 2)
    assert [result.picture for result in shown] == ["good.jpg", "half.jpg"]


def test_a_half_written_picture_is_never_classified(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification]
) -> None:
    server.models["m"] = FakeModel()
    whole = jpeg("red", size=(200, 200))
    with Running(make_watch(server)), (tmp_path / "slow.jpg").open("wb", buffering=0) as file:
        for start in range(0, len(whole), 200):
            file.write(whole[start : start + 200])
            asked = len(server.sent("/v1/config"))
            wait_until(lambda asked=asked: len(server.sent("/v1/config")) > asked)
            assert shown == [] or start + 200 >= len(whole)
        wait_until(lambda: len(shown) == 1)


def test_a_model_that_refuses_a_picture_harms_no_other(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification], logged: Logged
) -> None:
    server.models = {"a": FakeModel(), "b": FakeModel()}
    server.faults_of["a"] = deque([(400, "Invalid input shape")])
    put(tmp_path, "p.jpg", jpeg("red"))
    with Running(make_watch(server)):
        wait_until(lambda: len(shown) == 1)
    [failed] = logged.of("inference_failed")
    assert (failed["model"], failed["image"]) == ("a", "p.jpg")
    assert shown[0].model == "b"


def test_once_classifies_what_is_there_and_ends(
    server: FakeKServe, make_watch: MakeWatch, tmp_path: Path, shown: list[Classification]
) -> None:
    server.models["m"] = FakeModel(shape=(-1, 8, 8, 3))
    for number in range(40):
        put(tmp_path, f"{number:02}.jpg", jpeg("red"))
    put(tmp_path, "bad.jpg", b"x")
    watch = make_watch(server)
    watch.run_once(threading.Event())
    assert len({result.picture for result in shown}) == 40
    assert watch.rejected == 1
    assert len(server.sent("/infer")) == 20


def test_once_without_a_model_says_so(server: FakeKServe, make_watch: MakeWatch) -> None:
    server.models["odd"] = FakeModel(shape=(1, 5, 5, 5))
    with pytest.raises(RetryableError, match="no model can be used: model odd version 1"):
        make_watch(server).run_once(threading.Event())


class Ending:
    """A source of one frame that comes only at the third poll, and is all there is."""

    pause = 0.01

    def __init__(self) -> None:
        self.polls = 0
        self.supply = Supply.UNDER_WAY

    def poll(self, at_most: int) -> Sequence[Frame]:
        self.polls += 1
        return [Frame("last", jpeg("red"), "1")] if self.polls == 3 and at_most else []

    def acknowledge(self, frame: Frame) -> None:
        assert frame.name == "last"
        self.supply = Supply.ENDED

    def give_back(self, frame: Frame) -> None:
        raise AssertionError(frame)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("once", [False, True])
def test_a_watch_waits_for_what_is_under_way_and_ends_with_its_source(
    server: FakeKServe, make_watch: MakeWatch, shown: list[Classification], *, once: bool
) -> None:
    server.models["m"] = FakeModel()
    watch = make_watch(server, Ending())
    (watch.run_once if once else watch.run)(threading.Event())
    assert [result.picture for result in shown] == ["last"]


def test_finding_nothing_at_all_is_said(server: FakeKServe, make_watch: MakeWatch, logged: Logged) -> None:
    server.models["m"] = FakeModel()
    make_watch(server).run_once(threading.Event())
    assert len(logged.of("no_picture_found")) == 1


def test_an_address_that_mostly_gives_no_picture_is_told_before_and_after_a_good_one(
    server: FakeKServe, make_watch: MakeWatch, logged: Logged
) -> None:
    class Flaky(Ending):
        """One name, and other bytes with each poll."""

        def poll(self, at_most: int) -> Sequence[Frame]:
            self.supply = Supply.UNDER_WAY if contents else Supply.ENDED
            return [Frame("gate", contents.popleft(), str(len(contents)))] if contents and at_most else []

        def acknowledge(self, frame: Frame) -> None:
            assert frame.name == "gate"

    server.models["m"] = FakeModel()
    contents = deque([b"<html>1", b"<html>2", jpeg("red"), b"<html>3", b"<html>4"])
    watch = make_watch(server, Flaky())
    watch.run_once(threading.Event())
    assert len(logged.of("picture_rejected")) == 2
    assert watch.rejected == 4
