"""Servers this client was not made with, played by the fake one: Triton, and OVMS from 2026.3 on."""

import pytest
from car_client.errors import RequestRefusedError, UnknownModelError
from car_client.pipeline.classifier import Classification
from car_client.session import Session
from car_client.settings import Transport, load_settings
from edge_common.pictures.decode import decode_picture
from edge_common.served_state import VersionState
from fake_kserve import FakeKServe, FakeModel
from made_pictures import jpeg

INFO = {"labels": "red green blue", "reverse_input_channels": "YES"}


@pytest.fixture
def triton(server: FakeKServe) -> FakeKServe:
    """No /v1/config, models that are not loaded listed by name alone, 400 for one it does not know."""
    server.has_config_status = False
    server.unknown_model = (400, "Request for unknown model: 'cars' is not found")
    server.models["cars"] = FakeModel(shape=(-1, 3, 8, 8), datatype="FP32", versions=[1, 3], model_info=INFO)
    return server


def session_with(server: FakeKServe) -> Session:
    return Session(load_settings(server_url=server.url, sidecar_url="none"))


def classify(session: Session, model: str) -> Classification:
    picture = decode_picture("p.jpg", jpeg("green"), session.limits)
    [result] = session.classifier.classify(session.discovery.describe(model), [picture])
    return result


def test_tritons_models_are_found_and_asked_by_their_index(triton: FakeKServe) -> None:
    triton.unloaded.append("resting")
    session = session_with(triton)
    table = session.discovery.refresh()
    assert (list(table.usable), table.unusable) == (["cars"], {})
    assert table.states["resting"] == {1: VersionState.END}
    result = classify(session, "cars")
    assert (result.verdict.top1, result.version, result.transport) == ("green", 3, Transport.TENSOR)


def test_a_model_that_triton_unloads_is_gone_not_broken(triton: FakeKServe) -> None:
    session = session_with(triton)
    known = session.discovery.describe("cars")
    listed = triton.models.pop("cars")
    triton.fixed_answers["/v2/models/cars"] = (400, b'{"error": "Request for unknown model: \'cars\'"}')
    triton.models["cars"] = listed  # the index still lists it, as between two questions
    table = session.discovery.refresh()
    assert (table.usable, table.unusable) == ({}, {})
    triton.faults.append((400, "Request for unknown model: 'cars' has no available versions"))
    picture = decode_picture("p.jpg", jpeg("green"), session.limits)
    with pytest.raises(UnknownModelError, match="no model 'cars'"):
        session.classifier.classify(known, [picture])


def test_tritons_refusal_of_a_request_is_told_in_its_words(triton: FakeKServe) -> None:
    session = session_with(triton)
    triton.faults.append((400, "unexpected shape for input 'image' for model 'cars'"))
    with pytest.raises(RequestRefusedError, match="unexpected shape for input 'image'"):
        classify(session, "cars")


def test_only_routes_are_used_that_ovms_still_has_in_2026_3(server: FakeKServe) -> None:
    server.models["cars"] = FakeModel(model_info=INFO | {"reverse_input_channels": "NO"})
    session = session_with(server)
    assert list(session.discovery.refresh().usable) == ["cars"]
    classify(session, "cars")
    assert {request.path for request in server.requests} == {
        "/v1/config",
        "/v2/models/cars",
        "/v2/models/cars/infer",
    }
