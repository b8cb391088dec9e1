import pytest
from car_client.kserve.connection import Connection
from car_client.models.cards import CardReader
from edge_common.errors import RejectedError
from fake_kserve import FakeKServe


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(connection: Connection, clock: Clock) -> CardReader:
    return CardReader(connection, monotonic=clock)


def test_the_card_of_the_served_version_is_asked_for(server: FakeKServe, reader: CardReader) -> None:
    server.cards["m?version=2"] = {"schema": 1, "description": "second"}
    answer = reader.card_of("m", 2)
    assert answer.card is not None
    assert answer.card.description == "second"
    assert server.requests[-1].path == "/v1/models/m/card?version=2"


@pytest.mark.parametrize(("status", "body"), [(200, b'{"schema": 1}'), (404, b'{"error": "no card"}')])
def test_the_digest_of_the_version_comes_with_the_card_or_without_one(
    server: FakeKServe, reader: CardReader, status: int, body: bytes
) -> None:
    for said, digest in ((f"sha256:{'a' * 64}", f"sha256:{'a' * 64}"), ("sha256:\x1b", None)):
        server.fixed_headers = {"X-Model-Digest": said}
        server.fixed_answers["/v1/models/m/card?version=1"] = (status, body)
        assert reader.card_of("m", 1).digest == digest


def test_a_model_without_a_card_is_no_problem(reader: CardReader) -> None:
    answer = reader.card_of("m", 1)
    assert (answer.card, answer.error) == (None, None)


def test_a_card_that_is_not_valid_is_rejected_with_its_key(server: FakeKServe, reader: CardReader) -> None:
    server.cards["m"] = {"schema": 1, "inptu": {}}
    with pytest.raises(RejectedError, match=r"card of model m version 1: unknown key 'inptu'"):
        reader.card_of("m", 1)


def test_an_absent_sidecar_is_told_and_left_alone_for_a_while(clock: Clock) -> None:
    reader = CardReader(Connection("http://127.0.0.1:9", timeout=1), monotonic=clock)
    answer = reader.card_of("m", 1)
    assert answer.card is None
    assert "could not be asked for a model card: nothing answers" in (answer.error or "")


def test_what_was_once_said_holds_while_the_sidecar_is_away(
    server: FakeKServe, reader: CardReader, clock: Clock
) -> None:
    server.cards["m"] = {"schema": 1, "description": "known"}
    assert reader.card_of("m", 1).card is not None
    server.fixed_answers["/v1/models/m/card?version=1"] = (503, b"")
    answer = reader.card_of("m", 1)
    assert answer.card is not None
    assert answer.error is None
    asked = len(server.requests)
    clock.now += 1.9
    assert reader.card_of("m", 2).error is not None
    assert len(server.requests) == asked
    server.fixed_answers.clear()
    clock.now += 0.2
    assert reader.card_of("m", 2).error is None
    assert len(server.requests) == asked + 1


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, b"[]"), (400, b"{}"), (500, b"{}")])
def test_an_answer_without_a_card_is_a_problem_not_a_card(
    server: FakeKServe, reader: CardReader, answer: tuple[int, bytes]
) -> None:
    server.fixed_answers["/v1/models/m/card?version=1"] = answer
    found = reader.card_of("m", 1)
    assert found.card is None
    assert "is that of the sidecar" in (found.error or "")
