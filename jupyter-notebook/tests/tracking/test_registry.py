"""The registry's sentences, from MLflow itself."""

from pathlib import Path

import pytest
from car_models.tracking.experiment import MODEL_PATH, log_run, read_run
from car_models.tracking.mlflow_runtime import shown_uri
from car_models.tracking.reference import AliasReference, RunReference, VersionReference
from car_models.tracking.registry import Registry
from edge_common.errors import FatalError, RejectedError, RetryableError
from tiny_models import write_model

from .conftest import NAME, TwoVersions


def test_a_run_keeps_what_was_logged(registry: Registry, tmp_path: Path) -> None:
    model, pictures = tmp_path / "version", tmp_path / "charts"
    for folder, name in ((model, "model.onnx"), (pictures, "confusion.png")):
        folder.mkdir()
        (folder / name).write_bytes(b"content")
    logged = log_run(
        registry,
        "cars",
        "first",
        model=model,
        params={"precision": "FP32"},
        metrics={"top1": 0.5},
        pictures=pictures,
    )
    assert read_run(registry, logged.run) == logged
    assert (logged.name, logged.params, logged.metrics) == ("first", {"precision": "FP32"}, {"top1": 0.5})
    assert (tmp_path / "artifacts" / logged.run / "artifacts" / "pictures" / "confusion.png").is_file()
    found = registry.find(RunReference(logged.run, MODEL_PATH))
    assert [path.name for path in registry.fetch(found, tmp_path).iterdir()] == ["model.onnx"]


def test_a_run_that_breaks_off_says_so(registry: Registry, tmp_path: Path) -> None:
    model = write_model(tmp_path / "m", 1.0)
    with pytest.raises(RejectedError, match="may only contain alphanumerics"):
        log_run(registry, "cars", "broken", model=model, params={}, metrics={"top 1 at 50 %!": 0.5})
    experiment = registry.client.get_experiment_by_name("cars")
    assert experiment is not None
    assert [run.info.status for run in registry.client.search_runs([experiment.experiment_id])] == ["FAILED"]


def test_a_run_without_a_model_is_refused(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="missing holds no files; name the folder of one version"):
        log_run(registry, "cars", "none", model=tmp_path / "missing", params={}, metrics={})


def test_an_alias_leads_where_it_was_pointed_last(two_versions: TwoVersions) -> None:
    registry = two_versions.registry
    for version in (two_versions.second, two_versions.first):
        registry.set_alias(NAME, "champion", version)
        assert registry.find(AliasReference(NAME, "champion")).version == version


def test_an_unknown_alias_is_told_with_those_there_are(two_versions: TwoVersions) -> None:
    two_versions.registry.set_alias(NAME, "champion", 1)
    with pytest.raises(RejectedError, match=r"'tiny' has no alias 'chmpion'; it has champion \(version 1\)"):
        two_versions.registry.find(AliasReference(NAME, "chmpion"))


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        (AliasReference("none", "champion"), "Registered Model with name=none not found"),
        (VersionReference(NAME, 7), r"Model Version \(name=tiny, version=7\) not found"),
        (RunReference("deadbeef", "model"), "Run with id=deadbeef not found"),
    ],
)
def test_what_is_not_there_is_named(
    reference: AliasReference | VersionReference | RunReference, sentence: str, two_versions: TwoVersions
) -> None:
    with pytest.raises(RejectedError, match=f"the MLflow registry at sqlite:.* says: {sentence}"):
        two_versions.registry.find(reference)


def test_a_server_that_does_not_answer_is_retryable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(
        RetryableError, match=r"MLflow registry at http://127.0.0.1:9 does not answer properly"
    ):
        Registry("http://127.0.0.1:9").find(VersionReference(NAME, 1))


def test_a_missing_database_is_not_made_by_looking(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(FatalError, match=r"there is no MLflow store at .*; set MLFLOW_TRACKING_URI"):
        Registry(f"sqlite:///{path}")
    assert not path.exists()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are notes and no database at all")
    with pytest.raises(FatalError, match="is no tracking store: file is not a database"):
        Registry(f"sqlite:///{path}")


def test_an_address_without_a_scheme_is_told() -> None:
    with pytest.raises(FatalError, match=r"'mlflow.example' is no address of MLflow"):
        Registry("mlflow.example")


def test_a_password_is_not_shown() -> None:
    assert shown_uri("https://me:secret@mlflow.example:5000/x") == "https://mlflow.example:5000/x"
    assert shown_uri("sqlite:////tmp/mlflow.db") == "sqlite:////tmp/mlflow.db"
