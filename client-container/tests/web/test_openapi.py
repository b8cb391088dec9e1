"""The API's own description against what the API has and answers."""

from collections import deque
from typing import Any

import pytest
from car_client.web.app import create_app
from fake_kserve import FakeKServe, FakeModel
from made_pictures import jpeg
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from page_client import PageClient
from starlette.routing import Route


@pytest.fixture
def described(page: PageClient) -> dict[str, Any]:
    document: dict[str, Any] = page.get("/openapi.json").json()
    return document


def test_the_description_is_valid_and_names_every_route_for_programs(
    page: PageClient, described: dict[str, Any]
) -> None:
    validate(described)
    for_people = {"/", "/models", "/cameras", "/docs", "/openapi.json"}
    routes = [route for route in create_app(page.gateway).routes if isinstance(route, Route)]
    assert set(described["paths"]) == {route.path for route in routes} - for_people


def test_answers_and_errors_are_as_described(
    served: FakeKServe, page: PageClient, described: dict[str, Any]
) -> None:
    served.models["odd"] = FakeModel(shape=(1, 5, 5, 5))
    served.faults_of["b"] = deque([(500, "broken")])
    page.gateway.follower.refresh()
    answers = {
        ("/api/classify", "post"): page.send(jpeg("red")),
        ("/api/models", "get"): page.get("/api/models"),
        ("/api/inferences", "get"): page.get("/api/inferences"),
        ("/api/platform", "get"): page.get("/api/platform"),
        ("/api/cameras", "get"): page.get("/api/cameras"),
        ("/api/history", "get"): page.get("/api/history"),
        ("/api/review", "get"): page.get("/api/review"),
        ("/healthz", "get"): page.get("/healthz"),
        ("/readyz", "get"): page.get("/readyz"),
    }
    refused = [
        ("/api/classify", "post", page.send(b"x")),
        ("/api/classify", "post", page.send(jpeg("red"), "&model=none")),
        ("/api/inferences", "get", page.get("/api/inferences?limit=0")),
        ("/api/thumbnails/{key}.jpg", "get", page.get("/api/thumbnails/none.jpg")),
        ("/api/history", "get", page.get("/api/history?limit=0")),
    ]
    for path, method, answer in [*((*place, answer) for place, answer in answers.items()), *refused]:
        told = described["paths"][path][method]["responses"][str(answer.status_code)]
        schema = told["content"]["application/json"]["schema"]
        OAS31Validator({**schema, "components": described["components"]}).validate(answer.json())
    assert {answer.status_code for answer in answers.values()} == {200}
    assert answers["/api/classify", "post"].json()["failed"] != []
    models = {model["name"]: model for model in answers["/api/models", "get"].json()["models"]}
    assert (models["a"]["usable"], models["odd"]["usable"]) == (True, False)
