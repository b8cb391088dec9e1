from model_sync.metrics import MOST_MODELS_MEASURED, Metrics


def _series(metrics: Metrics) -> list[str]:
    return [sample.labels["model"] for family in metrics.served.collect() for sample in family.samples]


def test_a_bucket_of_ten_thousand_models_makes_a_bounded_number_of_series() -> None:
    metrics = Metrics()
    metrics.tell_served({f"m{number:05}": [1] for number in reversed(range(10_000))})
    assert _series(metrics) == [f"m{number:05}" for number in range(MOST_MODELS_MEASURED)]


def test_a_version_that_is_no_longer_served_has_no_series() -> None:
    metrics = Metrics()
    metrics.tell_served({"cars": [1, 2], "dogs": [1]})
    metrics.tell_served({"cars": [2]})
    assert _series(metrics) == ["cars"]
