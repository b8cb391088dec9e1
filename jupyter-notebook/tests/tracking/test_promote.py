"""Promotion from a real registry into a real bucket, with a sidecar and a server behind it."""

import io
import shutil
from pathlib import Path

import pytest
from car_models.evaluating.decision import Decision
from car_models.tracking.experiment import log_run
from car_models.tracking.promote import Promotion, Waiting, promote
from car_models.tracking.reference import VersionReference, parse_reference
from car_models.tracking.registry import Registry
from edge_common.errors import FatalError, RejectedError, RetryableError
from edge_stack.stack import Stack
from model_sync.upload import Settings
from tiny_models import write_broken_model, write_model

from .conftest import NAME, TwoVersions, registered

BUCKET = "ml-models"
WITHIN = 60.0


def objects(stack: Stack, model: str) -> dict[str, str]:
    """Key -> ETag and time of everything that the bucket has of `model`."""
    listed = stack.store.client().list_objects(BUCKET, prefix=f"{model}/", recursive=True)
    return {str(entry.object_name): f"{entry.etag} {entry.last_modified}" for entry in listed}


def tags(registry: Registry, version: int, name: str = NAME) -> dict[str, str]:
    return dict(registry.find(VersionReference(name, version)).tags)


def test_an_alias_is_promoted_served_and_recorded(
    two_versions: TwoVersions, stack: Stack, store: Settings
) -> None:
    registry = two_versions.registry
    registry.set_alias(NAME, "champion", two_versions.first)
    told: list[str] = []
    done = promote(
        f"models:/{NAME}@champion",
        registry=registry,
        store=store,
        model="served",
        waiting=Waiting(stack.ports.sidecar_url, WITHIN),
        show=told.append,
    )
    assert (done.registered, done.model, done.version) == ("tiny version 1", "served", "1")
    assert (done.uploaded, done.state) == (True, "serving")
    entry = stack.wait_version("served", 1, "serving", within=WITHIN)
    assert entry["digest"] == done.digest
    run = registry.find(VersionReference(NAME, 1)).run
    assert entry["provenance"] == {"registry": "mlflow", "name": NAME, "version": "1", "run": run}
    assert "served version 1: serving" in told
    recorded = tags(registry, 1)
    assert recorded["platform.location"] == done.location == f"{store.s3_endpoint}/ml-models/served/1"
    assert (recorded["platform.state"], recorded["platform.digest"]) == ("serving", done.digest)


def test_promoting_the_same_again_changes_nothing(
    two_versions: TwoVersions, stack: Stack, store: Settings
) -> None:
    def again() -> Promotion:
        return promote(f"models:/{NAME}/1", registry=two_versions.registry, store=store, model="again")

    first, before, recorded = again(), objects(stack, "again"), tags(two_versions.registry, 1)
    second = again()
    assert (first.version, first.uploaded, second.version, second.uploaded) == ("1", True, "1", False)
    assert objects(stack, "again") == before
    assert tags(two_versions.registry, 1) == recorded


def test_promoting_the_previous_one_again_is_the_rollback(
    two_versions: TwoVersions, stack: Stack, store: Settings
) -> None:
    registry = two_versions.registry
    waiting = Waiting(stack.ports.sidecar_url, WITHIN)

    def champion(version: int) -> Promotion:
        registry.set_alias(NAME, "champion", version)
        return promote(
            f"models:/{NAME}@champion", registry=registry, store=store, model="rolled", waiting=waiting
        )

    first, second, back = champion(1), champion(2), champion(1)
    assert [first.version, second.version, back.version] == ["1", "2", "3"]
    assert back.digest == first.digest != second.digest
    assert stack.wait_version("rolled", 3, "serving", within=WITHIN)["digest"] == first.digest
    assert tags(registry, 1)["platform.location"].endswith("/rolled/3")
    assert tags(registry, 2)["platform.location"].endswith("/rolled/2")


def test_a_broken_off_upload_is_completed_under_its_number(
    two_versions: TwoVersions, stack: Stack, store: Settings, tmp_path: Path
) -> None:
    (tmp_path / "m1" / "labels.txt").write_text("a\n")
    version = registered(two_versions.registry, tmp_path / "m1")
    stack.store.client().fput_object(BUCKET, "halfway/4/model.onnx", str(tmp_path / "m1" / "model.onnx"))
    done = promote(f"models:/{NAME}/{version}", registry=two_versions.registry, store=store, model="halfway")
    assert (done.version, done.uploaded) == ("4", True)
    assert set(objects(stack, "halfway")) == {
        "halfway/4/SHA256SUMS",
        "halfway/4/labels.txt",
        "halfway/4/model.onnx",
        "halfway/4/provenance.json",
    }


def test_a_model_that_cannot_be_loaded_is_not_uploaded(
    registry: Registry, stack: Stack, store: Settings, tmp_path: Path
) -> None:
    registered(registry, write_broken_model(tmp_path / "broken"))
    with pytest.raises(RejectedError, match="tiny version 1 would be rejected: OpenVINO cannot load it"):
        promote(f"models:/{NAME}/1", registry=registry, store=store, model="broken")
    assert objects(stack, "broken") == {}
    assert tags(registry, 1) == {}


def test_what_the_sidecar_says_against_it_is_recorded(
    registry: Registry, stack: Stack, store: Settings, tmp_path: Path
) -> None:
    """A card in the model's folder of the bucket, which no check of the files alone can know."""
    folder = write_model(tmp_path / "good", 1.0)
    registered(registry, folder)
    card = b"schema: 1\nno_such_key: 1\n"
    stack.store.client().put_object(BUCKET, "carded/model.yaml", io.BytesIO(card), len(card))
    with pytest.raises(RejectedError, match=r"carded version 1 is rejected: .*no_such_key"):
        promote(
            f"models:/{NAME}/1",
            registry=registry,
            store=store,
            model="carded",
            waiting=Waiting(stack.ports.sidecar_url, WITHIN),
        )
    recorded = tags(registry, 1)
    assert recorded["platform.state"] == "rejected"
    assert "no_such_key" in recorded["platform.reason"]


def test_what_the_decision_is_against_is_not_promoted(
    registry: Registry, stack: Stack, store: Settings
) -> None:
    refused = Decision(promotes=False, sentence="it loses 2 and gains 0; keep cars/1")
    with pytest.raises(RejectedError, match="loses 2 and gains 0"):
        promote(f"models:/{NAME}/1", registry=registry, store=store, model="worse", decision=refused)
    assert objects(stack, "worse") == {}


def test_a_run_needs_a_name_and_keeps_the_record(registry: Registry, store: Settings, tmp_path: Path) -> None:
    logged = log_run(registry, "tests", "run", model=write_model(tmp_path / "m", 1.0), params={}, metrics={})
    reference = f"runs:/{logged.run}/model"
    with pytest.raises(RejectedError, match="is not registered; give the name in the bucket with --model"):
        promote(reference, registry=registry, store=store)
    done = promote(reference, registry=registry, store=store, model="from-run")
    recorded = registry.find(parse_reference(reference)).tags
    assert recorded["platform.location"] == done.location


def test_a_registered_name_that_no_bucket_can_have_needs_another(
    registry: Registry, store: Settings, tmp_path: Path
) -> None:
    registered(registry, write_model(tmp_path / "m", 1.0), "My cars")
    with pytest.raises(RejectedError, match=r"'My cars' cannot be a model's name in the bucket.*--model"):
        promote("models:/My cars/1", registry=registry, store=store)


def test_what_mlflow_keeps_beside_a_model_of_its_own_is_not_served(
    registry: Registry, stack: Stack, store: Settings, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "flavored", 1.0)
    for name in ("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"):
        (folder / name).write_text("of MLflow\n")
    registered(registry, folder)
    promote(f"models:/{NAME}/1", registry=registry, store=store, model="flavored")
    assert list(objects(stack, "flavored")) == [
        "flavored/1/SHA256SUMS",
        "flavored/1/model.onnx",
        "flavored/1/provenance.json",
    ]


def test_nothing_joins_files_that_are_signed_or_say_themselves_where_they_come_from(
    registry: Registry, stack: Stack, store: Settings, tmp_path: Path
) -> None:
    for model, name in (("signed", "model.sig"), ("told", "provenance.json")):
        folder = write_model(tmp_path / model, 1.0)
        (folder / name).write_text("{}\n")
        version = registered(registry, folder)
        promote(f"models:/{NAME}/{version}", registry=registry, store=store, model=model)
        assert list(objects(stack, model)) == [
            f"{model}/1/{file}" for file in ("SHA256SUMS", *sorted(("model.onnx", name)))
        ]


def test_files_that_were_changed_after_they_were_listed_are_refused(
    registry: Registry, store: Settings, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "m", 1.0)
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  model.onnx\n")
    registered(registry, folder)
    with pytest.raises(RejectedError, match=r"would be rejected: .*model\.onnx"):
        promote(f"models:/{NAME}/1", registry=registry, store=store, model="changed")


def test_a_store_that_does_not_answer_is_named(two_versions: TwoVersions, store: Settings) -> None:
    away = store.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    with pytest.raises(RetryableError, match=r"127.0.0.1:9.*check that the store runs"):
        promote(f"models:/{NAME}/1", registry=two_versions.registry, store=away)


def test_a_sidecar_that_does_not_answer_leaves_the_upload_recorded(
    two_versions: TwoVersions, store: Settings
) -> None:
    with pytest.raises(FatalError, match=r"the sidecar does not answer at http://127.0.0.1:9"):
        promote(
            f"models:/{NAME}/2",
            registry=two_versions.registry,
            store=store,
            model="unwatched",
            waiting=Waiting("http://127.0.0.1:9", 5),
        )
    assert tags(two_versions.registry, 2)["platform.state"] == "uploaded"


def test_files_gone_from_the_artifact_store_are_a_sentence(
    two_versions: TwoVersions, store: Settings, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "artifacts")
    with pytest.raises(RejectedError, match=r"runs:/\w+/model holds no files at sqlite:"):
        promote(f"models:/{NAME}/1", registry=two_versions.registry, store=store)
