import pytest
from ovms_lite.errors import StartError
from ovms_lite.serving.metrics import BOUNDS_US, Metrics


def test_the_bounds_are_those_of_ovms() -> None:
    assert BOUNDS_US[:5] == (10, 18, 32, 58, 104)
    assert BOUNDS_US[-1] == 1474755971


def test_an_unknown_family_fails_the_start() -> None:
    with pytest.raises(StartError, match="'nope'"):
        Metrics(["nope"])


def _lines(metrics: Metrics) -> list[str]:
    return metrics.render([]).decode().splitlines()


def test_requests_are_counted_per_method_and_model_ready_has_no_version() -> None:
    metrics = Metrics()
    metrics.of("m", "1")
    metrics.count("m", "1", "ModelInfer", "REST", success=True)
    metrics.count("m", "1", "ModelReady", "REST", success=True)
    lines = _lines(metrics)
    labels = 'api="KServe",interface="REST",method="{}",name="m"'
    assert f'ovms_requests_success{{{labels.format("ModelInfer")},version="1"}} 1' in lines
    assert f"ovms_requests_success{{{labels.format('ModelReady')}}} 1" in lines
    assert f'ovms_requests_fail{{{labels.format("ModelInfer")},version="1"}} 0' in lines


def test_both_interfaces_are_counted_apart() -> None:
    metrics = Metrics(["ovms_requests_success", "ovms_request_time_us"])
    metrics.count("m", "1", "ModelInfer", "gRPC", success=True)
    metrics.of("m", "1").request_time["gRPC"].observe(5)
    lines = _lines(metrics)
    labels = 'api="KServe",interface="{}",method="ModelInfer",name="m",version="1"'
    assert f"ovms_requests_success{{{labels.format('gRPC')}}} 1" in lines
    assert f"ovms_requests_success{{{labels.format('REST')}}} 0" in lines
    assert 'ovms_request_time_us_count{interface="gRPC",name="m",version="1"} 1' in lines


def test_histograms_are_cumulative() -> None:
    metrics = Metrics(["ovms_inference_time_us"])
    for microseconds in (5, 10, 11, 10**10):
        metrics.of("m", "1").inference_time.observe(microseconds)
    lines = _lines(metrics)
    assert 'ovms_inference_time_us_bucket{name="m",version="1",le="10"} 2' in lines
    assert 'ovms_inference_time_us_bucket{name="m",version="1",le="18"} 3' in lines
    assert 'ovms_inference_time_us_bucket{name="m",version="1",le="+Inf"} 4' in lines
    assert 'ovms_inference_time_us_count{name="m",version="1"} 4' in lines


def test_only_the_listed_families_are_shown() -> None:
    metrics = Metrics(["ovms_streams"])
    metrics.of("m", "1")
    assert {line.split()[2] for line in _lines(metrics) if line.startswith("# TYPE")} == {"ovms_streams"}


def test_label_values_are_escaped() -> None:
    metrics = Metrics(["ovms_current_requests"])
    metrics.of('a"\\\n', "1")
    assert 'ovms_current_requests{name="a\\"\\\\\\n",version="1"} 0' in _lines(metrics)


def test_the_families_of_graphs_are_accepted_and_have_no_series() -> None:
    assert _lines(Metrics(["ovms_current_graphs", "ovms_graph_error"])) == []
