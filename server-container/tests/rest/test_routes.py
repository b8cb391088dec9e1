from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovms_lite.errors import Fault, RequestError
from ovms_lite.repository.find import MAX_VERSION
from ovms_lite.rest import routes
from ovms_lite.rest.routes import Operation, Route, find_route


@pytest.mark.parametrize(
    ("method", "target", "route"),
    [
        ("GET", "/v2/models/m", Route(Operation.MODEL_METADATA, "m")),
        ("GET", "/v2/models/m/versions/002/", Route(Operation.MODEL_METADATA, "m", 2)),
        ("HEAD", "/v2/models/m/ready", Route(Operation.MODEL_READY, "m")),
        ("POST", "/v2/models/a%2Fb/infer", Route(Operation.INFER, "a/b")),
        ("POST", "/v2/models/a+b/versions/0/infer", Route(Operation.INFER, "a+b", 0)),
        ("POST", "/v1/models/m/versions/7:predict", Route(Operation.TFS_PREDICT, "m", 7)),
        ("POST", "/v1/models/m/labels/stable:predict", Route(Operation.TFS_PREDICT, "m")),
        ("GET", "/v1/models/m/versions/7/metadata", Route(Operation.TFS_METADATA, "m", 7)),
        ("GET", "/v1/models", Route(Operation.TFS_STATUS, "")),
        ("GET", "/v3/models/a/b", Route(Operation.OPENAI_MODEL, "a/b")),
        ("OPTIONS", "/anything", Route(Operation.PREFLIGHT)),
        ("POST", f"/v2/models/m/versions/{'9' * 30}/infer", Route(Operation.INFER, "m", MAX_VERSION + 1)),
    ],
)
def test_paths_have_their_operation(method: str, target: str, route: Route) -> None:
    assert find_route(method, target) == route


@pytest.mark.parametrize(
    ("method", "target", "fault"),
    [
        ("GET", "/", Fault.URL_INVALID),
        ("GET", "/v2/", Fault.URL_INVALID),
        ("GET", "/v2/models", Fault.URL_INVALID),
        ("POST", "/v2/repository/index", Fault.URL_INVALID),
        ("GET", "/v2/models/m/versions/latest", Fault.URL_INVALID),
        ("GET", "//v2/health/ready", Fault.URL_INVALID),
        ("POST", "/v2/models/m/infer/", Fault.URL_INVALID),
        ("GET", "/v2/models/../health/live", Fault.PATH_INVALID),
        ("PUT", "/nowhere", Fault.METHOD_UNSUPPORTED),
        ("GET", "/v2/models/m/infer", Fault.METHOD_UNSUPPORTED),
        ("POST", "/v1/config", Fault.METHOD_UNSUPPORTED),
        ("HEAD", "/v1/config/reload", Fault.METHOD_UNSUPPORTED),
    ],
)
def test_other_paths_have_their_fault(method: str, target: str, fault: Fault) -> None:
    with pytest.raises(RequestError) as caught:
        find_route(method, target)
    assert caught.value.fault is fault


@given(st.text(min_size=1).filter(lambda name: name != ".."))
def test_every_model_name_can_be_escaped_into_a_path(name: str) -> None:
    target = f"/v2/models/{quote(name, safe='')}/infer"
    assert find_route("POST", target) == Route(Operation.INFER, name)


@given(st.text())
def test_any_path_has_a_route_or_a_fault(target: str) -> None:
    try:
        find_route("GET", target)
    except RequestError as error:
        assert error.status in (400, 406)  # noqa: PT017 - nearly every text is refused


def test_of_long_paths_nothing_is_kept() -> None:
    routes._kept_route.cache_clear()
    for number in range(3):
        name = "x" * 60_000 + str(number)
        assert find_route("GET", f"/v2/models/{name}/ready") == Route(Operation.MODEL_READY, name)
    assert routes._kept_route.cache_info().currsize == 0
