import json

import pytest
from car_client.errors import ServerFailedError, ServerUnreachableError, UnknownModelError, UnusableModelError
from car_client.kserve.connection import Connection
from car_client.models.cards import CardReader
from car_client.models.discovery import Discovery
from car_client.models.served_model import FactSource
from edge_common.served_state import VersionState
from fake_kserve import FakeKServe, FakeModel


@pytest.fixture
def discovery(connection: Connection) -> Discovery:
    return Discovery(connection, CardReader(connection))


def test_every_available_model_is_described(server: FakeKServe, discovery: Discovery) -> None:
    server.models = {"plain": FakeModel(), "carded": FakeModel(versions=[3, 12])}
    server.cards["carded"] = {"schema": 1, "input": {"layout": "NHWC", "color": "BGR"}}
    table = discovery.refresh()
    assert sorted(table.usable) == ["carded", "plain"]
    assert table.usable["carded"].version == 12
    assert table.usable["carded"].source is FactSource.CARD
    assert table.usable["plain"].source is FactSource.SHAPES
    assert table.states["carded"] == {3: VersionState.AVAILABLE, 12: VersionState.AVAILABLE}


@pytest.mark.parametrize("state", ["LOADING", "END"])
def test_a_version_that_is_not_available_is_never_asked_about(
    server: FakeKServe, discovery: Discovery, state: str
) -> None:
    server.models["m"] = FakeModel(state=state)
    table = discovery.refresh()
    assert (table.usable, table.states["m"]) == ({}, {1: VersionState(state)})
    assert server.sent("/v2/models/m") == []
    with pytest.raises(UnknownModelError):
        discovery.describe("m")


def test_one_bad_model_harms_no_other(server: FakeKServe, discovery: Discovery) -> None:
    server.models = {"good": FakeModel(), "odd": FakeModel(shape=(1, 8, 8, 5)), "mad": FakeModel()}
    server.cards["mad"] = {"schema": 1, "input": {"colour": "RGB"}}
    server.models["broken"] = FakeModel()
    server.fixed_answers["/v2/models/broken"] = (500, b'{"error": "Internal inference error"}')
    table = discovery.refresh()
    assert list(table.usable) == ["good"]
    assert "model odd version 1 cannot be used: the input is image UINT8 [1,8,8,5]" in table.unusable["odd"]
    assert "unknown key 'input.colour'" in table.unusable["mad"]
    assert "status 500" in table.unusable["broken"]


def test_a_model_whose_states_are_told_in_another_form_harms_no_other(
    server: FakeKServe, connection: Connection
) -> None:
    server.models = {"good": FakeModel(), "odd": FakeModel()}
    good = {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}
    odd = {"model_version_status": [{"version": "1", "state": "PARKED"}]}
    content = json.dumps({"good": good, "odd": odd, "_rollout.0a1b2c3d.good": odd}).encode()
    server.fixed_answers["/v1/config"] = (200, content)
    table = Discovery(connection, None).refresh()
    assert (list(table.usable), list(table.unusable), table.states["odd"]) == (["good"], ["odd"], {})
    assert "model odd is left aside: the server tells its states in a form" in table.unusable["odd"]
    assert Discovery(connection, None, only=("good",)).refresh().unusable == {}


def test_a_model_that_goes_between_two_questions_is_left_out(
    server: FakeKServe, discovery: Discovery
) -> None:
    server.models = {"here": FakeModel(), "gone": FakeModel()}
    server.fixed_answers["/v2/models/gone"] = (404, b'{"error": "Model with requested version is retired"}')
    table = discovery.refresh()
    assert (list(table.usable), table.unusable) == (["here"], {})


def test_names_under_which_the_sidecar_tries_settings_are_no_models(
    server: FakeKServe, discovery: Discovery
) -> None:
    server.models = {"cars": FakeModel(), "_rollout.0a1b2c3d.cars": FakeModel()}
    table = discovery.refresh()
    assert (list(table.usable), list(table.states)) == (["cars"], ["cars"])
    assert server.sent("/v2/models/_rollout.0a1b2c3d.cars") == []


def test_only_the_chosen_models_are_looked_at(server: FakeKServe, connection: Connection) -> None:
    server.models = {"a": FakeModel(), "b": FakeModel()}
    table = Discovery(connection, None, only=("b",)).refresh()
    assert (list(table.states), list(table.usable)) == (["b"], ["b"])


def test_servers_without_config_status_are_asked_for_their_repository_index(
    server: FakeKServe, discovery: Discovery
) -> None:
    server.has_config_status = False
    server.models = {"m": FakeModel(versions=[2]), "off": FakeModel(state="END")}
    table = discovery.refresh()
    assert (list(table.usable), table.states["off"]) == (["m"], {1: VersionState.END})
    assert not table.usable["m"].decodes_files
    discovery.refresh()
    assert len(server.sent("/v1/config")) == 1


def test_an_unknown_model_is_told_with_the_known_ones(server: FakeKServe, discovery: Discovery) -> None:
    server.models = {"cars": FakeModel(), "dogs": FakeModel()}
    with pytest.raises(UnknownModelError, match="no model 'cats'; it serves: cars, dogs"):
        discovery.describe("cats")


def test_an_unusable_model_says_why_when_it_is_wanted(server: FakeKServe, discovery: Discovery) -> None:
    server.models["odd"] = FakeModel(shape=(1, 5, 5, 5))
    with pytest.raises(UnusableModelError, match="model odd version 1 cannot be used"):
        discovery.describe("odd")


def test_a_server_that_is_away_or_no_model_server_is_told() -> None:
    with pytest.raises(ServerUnreachableError):
        Discovery(Connection("http://127.0.0.1:9", timeout=1), None).refresh()


@pytest.mark.parametrize("answer", [(200, b"<html>"), (500, b"{}")])
def test_an_answer_that_is_no_model_list_is_the_servers_failure(
    server: FakeKServe, discovery: Discovery, answer: tuple[int, bytes]
) -> None:
    server.fixed_answers["/v1/config"] = answer
    with pytest.raises(ServerFailedError):
        discovery.refresh()


def test_an_absent_sidecar_is_a_warning_of_the_model(server: FakeKServe, connection: Connection) -> None:
    server.models["m"] = FakeModel()
    discovery = Discovery(connection, CardReader(Connection("http://127.0.0.1:9", timeout=1)))
    warnings = discovery.refresh().usable["m"].warnings
    assert "could not be asked for a model card" in warnings[0]
    assert "assumed RGB" in warnings[1]
