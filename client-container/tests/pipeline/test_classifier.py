import json
from collections.abc import Sequence
from typing import Any

import pytest
from car_client.errors import (
    ConnectionLostError,
    ModelChangingError,
    RequestRefusedError,
    ServerFailedError,
    UnknownModelError,
)
from car_client.kserve.connection import Connection
from car_client.kserve.http_inference import HttpInference
from car_client.models.cards import CardReader
from car_client.models.discovery import Discovery
from car_client.pipeline.classifier import Classification, Classifier
from car_client.settings import Transport
from edge_common.pictures.decode import Picture, PictureLimits, decode_picture
from fake_kserve import RETIRED, FakeKServe, FakeModel
from made_pictures import COLOURS, encoded, jpeg, plain

LABELS = {"RGB": ["red", "green", "blue"], "BGR": ["blue", "green", "red"]}


def card(color: str, **image: Any) -> dict[str, Any]:
    return {"schema": 1, "input": {"color": color, **image}, "output": {"labels": LABELS[color]}}


@pytest.fixture
def discovery(connection: Connection) -> Discovery:
    return Discovery(connection, CardReader(connection))


def picture(colour: str, kind: str = "PNG") -> Picture:
    content = jpeg(colour) if kind == "JPEG" else encoded(plain(colour), kind)
    return decode_picture(f"{colour}.{kind.lower()}", content, PictureLimits(100_000, 100_000))


class Client:
    """Classifies with what discovery said at the time, as `watch` does between two refreshes."""

    def __init__(self, connection: Connection, discovery: Discovery, transport: Transport) -> None:
        self.discovery = discovery
        self.classifier = Classifier(HttpInference(connection), discovery, transport=transport, batch_size=3)
        self.table = discovery.refresh()

    def classify(self, pictures: Sequence[Picture], model: str = "m") -> list[Classification]:
        return self.classifier.classify(self.table.usable[model], pictures)


@pytest.fixture
def model(server: FakeKServe) -> FakeModel:
    server.models["m"] = FakeModel()
    server.cards["m"] = card("BGR")
    return server.models["m"]


@pytest.fixture
def client(connection: Connection, discovery: Discovery, model: FakeModel) -> Client:
    assert model.versions
    return Client(connection, discovery, Transport.TENSOR)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize("shape", [(1, 8, 8, 3), (1, 3, 8, 8)])
def test_colours_reach_the_model_in_its_own_order(
    server: FakeKServe, connection: Connection, *, colour: str, order: str, shape: tuple[int, ...]
) -> None:
    server.models["m"] = FakeModel(shape=shape, datatype="FP32")
    server.cards["m"] = card(order)
    discovery = Discovery(connection, CardReader(connection))
    [result] = Client(connection, discovery, Transport.AUTO).classify([picture(colour)])
    assert result.verdict.top1 == colour
    assert (result.picture, result.model, result.version) == (f"{colour}.png", "m", 1)


def test_requests_name_no_version(server: FakeKServe, client: Client) -> None:
    client.classify([picture("red")])
    assert [request.path for request in server.sent("/infer")] == ["/v2/models/m/infer"]


def test_a_jpeg_goes_as_it_is_when_the_server_makes_the_same_of_it(
    server: FakeKServe, connection: Connection, discovery: Discovery, model: FakeModel
) -> None:
    assert model.datatype == "UINT8"
    server.cards["m"] = card("BGR", resize={"antialias": False})
    sent = picture("red", "JPEG")
    [result] = Client(connection, discovery, Transport.JPEG).classify([sent])
    assert result.transport is Transport.JPEG
    [request] = server.sent("/infer")
    assert request.document["inputs"][0]["datatype"] == "BYTES"
    assert request.document["inputs"][0]["parameters"]["binary_data_size"] == len(sent.content) + 4


def test_a_server_that_decodes_no_files_is_sent_pixels_after_one_refusal_a_version(
    server: FakeKServe, connection: Connection, discovery: Discovery, model: FakeModel
) -> None:
    model.shape = (1, 12, 16, 3)  # as the picture, so that the file may go
    server.faults.append((400, "Invalid input precision"))
    client = Client(connection, discovery, Transport.AUTO)
    sent = picture("red", "JPEG")
    for _ in range(3):
        [result] = client.classify([sent])
        assert (result.verdict.top1, result.transport) == ("red", Transport.TENSOR)
    kinds = [request.document["inputs"][0]["datatype"] for request in server.sent("/infer")]
    assert kinds == ["BYTES", "UINT8", "UINT8", "UINT8"]


@pytest.mark.parametrize("fault", ["retired", "cut"])
def test_a_swap_or_a_lost_connection_in_between_is_not_noticed(
    server: FakeKServe, client: Client, fault: str
) -> None:
    server.faults.append(fault)
    [result] = client.classify([picture("green")])
    assert result.verdict.top1 == "green"
    assert len(server.sent("/infer")) == 2


def test_a_connection_lost_twice_is_given_up(server: FakeKServe, client: Client) -> None:
    server.faults.extend(["cut", "cut"])
    with pytest.raises(ConnectionLostError):
        client.classify([picture("green")])
    assert len(server.sent("/infer")) == 2


@pytest.mark.parametrize(
    ("status", "text"), [(400, "Invalid input shape"), (404, "not found"), (412, "json")]
)
def test_a_refused_request_is_sent_once_only(
    server: FakeKServe, client: Client, status: int, text: str
) -> None:
    server.faults.append((status, text))
    with pytest.raises(RequestRefusedError, match=f"with status {status}: {text}"):
        client.classify([picture("green")])
    assert len(server.sent("/infer")) == 1


def test_a_version_retired_twice_is_refused(server: FakeKServe, client: Client) -> None:
    server.faults.extend(["retired", "retired"])
    with pytest.raises(RequestRefusedError, match=RETIRED):
        client.classify([picture("green")])
    assert len(server.sent("/infer")) == 2


def test_a_new_version_that_takes_the_same_tensor_costs_no_second_inference(
    server: FakeKServe, client: Client, model: FakeModel
) -> None:
    model.versions = [1, 2]
    [result] = client.classify([picture("blue")])
    assert (result.verdict.top1, result.version) == ("blue", 2)
    assert len(server.sent("/infer")) == 1


def test_a_new_version_with_another_colour_order_gets_the_picture_prepared_anew(
    server: FakeKServe, client: Client, model: FakeModel
) -> None:
    model.versions = [2]
    server.cards["m?version=2"] = card("RGB")
    [result] = client.classify([picture("red")])
    assert (result.verdict.top1, result.version) == ("red", 2)
    assert len(server.sent("/infer")) == 2


def test_a_new_version_of_another_shape_gets_the_picture_prepared_anew(
    client: Client, model: FakeModel
) -> None:
    model.versions = [2]
    model.shape = (1, 3, 6, 6)
    [result] = client.classify([picture("red")])
    assert (result.verdict.top1, result.version) == ("red", 2)


def test_versions_that_never_come_to_rest_are_told(
    server: FakeKServe, client: Client, model: FakeModel
) -> None:
    metadata = model.metadata("m") | {"versions": ["5"]}
    server.fixed_answers["/v2/models/m"] = (200, json.dumps(metadata).encode())
    model.versions = [9]
    with pytest.raises(ModelChangingError, match="changed its version 3 times"):
        client.classify([picture("red")])


def test_a_model_that_is_gone_is_unknown(server: FakeKServe, client: Client) -> None:
    server.models.clear()
    server.faults.append((404, "Model with requested name is not found"))
    with pytest.raises(UnknownModelError, match="it serves: none at all"):
        client.classify([picture("red")])


def test_a_server_that_fails_is_not_the_pictures_fault(server: FakeKServe, client: Client) -> None:
    server.faults.append((500, "Internal inference error"))
    with pytest.raises(ServerFailedError, match="Internal inference error"):
        client.classify([picture("red")])


def test_an_answer_without_the_output_is_the_servers_failure(
    server: FakeKServe, client: Client, model: FakeModel
) -> None:
    described = client.table.usable["m"]
    assert described.output.name == "probabilities"
    server.faults.append((200, "no outputs at all"))
    with pytest.raises(ServerFailedError):
        client.classify([picture("red")])
    assert model.versions == [1]


def test_durations_are_told(client: Client) -> None:
    [result] = client.classify([picture("red")])
    assert result.request_seconds > 0
    assert result.latency_seconds == pytest.approx(
        result.decode_seconds + result.preprocess_seconds + result.request_seconds
    )
