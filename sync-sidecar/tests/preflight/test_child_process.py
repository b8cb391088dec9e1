import itertools
import os
import selectors
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from edge_common.classifiers import TensorSpec
from edge_common.errors import RejectedError, RetryableError
from edge_common.model_card import ModelCard
from model_sync.bucket.completeness import IncompleteError
from model_sync.bucket.evidence_files import ExpectedLabel
from model_sync.cards.cards import EffectiveCard
from model_sync.download.object_download import CancelledError
from model_sync.preflight.check import AcceptancePictures, ModelFacts, Preflight
from model_sync.preflight.child_process import Supervision
from model_sync.preflight.confinement import harmless_environment
from model_sync.preflight.pool import WarmPreflight
from sync_models import write_ir, write_onnx, write_onnx_with_external_weights

_MEMORY = 8 * 1024**3


def _check(tree: Path, settings: Mapping[str, Any] | None = None, *, memory: int = _MEMORY) -> ModelFacts:
    with Preflight(timeout=60, memory=memory) as child:
        return child.check(tree, settings or {})


def test_a_good_model_passes_with_its_facts(tmp_path: Path) -> None:
    facts = _check(write_onnx(tmp_path, classes=3), {"plugin_config": {"NUM_STREAMS": 1}})
    assert facts == ModelFacts({"x": (1, 4)}, (TensorSpec("y", "FP32", (1, 3)),))


def test_a_child_that_answers_and_ends_between_two_looks_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = selectors.DefaultSelector.select
    looks = itertools.count()

    def look_late(self: selectors.DefaultSelector, timeout: float | None = None) -> object:
        if next(looks) > 0:
            return look(self, timeout)
        while not any(child.status() == psutil.STATUS_ZOMBIE for child in psutil.Process().children()):
            threading.Event().wait(0.05)
        return []

    monkeypatch.setattr(selectors.DefaultSelector, "select", look_late)
    assert _check(write_onnx(tmp_path, classes=3)).outputs[0].shape == (1, 3)


def test_a_truncated_model_is_rejected_with_the_reason(tmp_path: Path) -> None:
    file = write_onnx(tmp_path) / "model.onnx"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(RejectedError, match=r"OpenVINO cannot load it: .*; check that the file is complete"):
        _check(tmp_path)


def test_garbage_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model at all")
    with pytest.raises(RejectedError, match="OpenVINO cannot load it"):
        _check(tmp_path)


def test_weights_that_are_too_short_are_rejected(tmp_path: Path) -> None:
    weights = write_ir(tmp_path) / "model.bin"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RejectedError):
        _check(tmp_path)


def test_weights_beside_an_onnx_file_are_read(tmp_path: Path) -> None:
    assert _check(write_onnx_with_external_weights(tmp_path / "1", location="weights/w.bin")).outputs[
        0
    ].shape == (1, 3)


def test_an_onnx_file_waits_for_the_weights_it_names(tmp_path: Path) -> None:
    tree = write_onnx_with_external_weights(tmp_path / "1", location="weights.bin")
    (tree / "weights.bin").unlink()
    with pytest.raises(IncompleteError, match=r"waiting for weights\.bin, named by model\.onnx"):
        _check(tree)


def test_weights_outside_the_version_are_not_read(tmp_path: Path) -> None:
    tree = write_onnx_with_external_weights(tmp_path / "1", location="../secret.bin")
    with pytest.raises(RejectedError, match=r"keeps weights in '\.\./secret\.bin', outside its folder"):
        _check(tree)


def test_a_folder_without_a_model_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("nothing here")
    with pytest.raises(RejectedError, match="no model file"):
        _check(tmp_path)


def test_an_unknown_plugin_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="CPU does not know 'NUMBER_OF_STREAMS'"):
        _check(write_onnx(tmp_path), {"plugin_config": {"NUMBER_OF_STREAMS": 2}})


def test_a_model_that_needs_more_memory_than_allowed_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match=r"memory|OpenVINO cannot load it"):
        _check(write_onnx(tmp_path), memory=64 * 1024**2)


def _stand_in(then: str, *, timeout: float = 30) -> Preflight:
    """A child that reads its request, says so, and does something else than loading a model."""
    code = f"import os, sys, time; sys.stdin.readline(); print(flush=True); {then}"
    return Preflight(timeout=timeout, memory=_MEMORY, command=[sys.executable, "-c", code])


@pytest.mark.parametrize(
    ("then", "sentence"),
    [
        ("os.kill(os.getpid(), 9)", "more memory than this machine could give"),
        ("os.kill(os.getpid(), 11)", r"crashes OpenVINO .*SIGSEGV"),
        ("os.kill(os.getpid(), 24)", "more processor time than preflight allows"),
        ("sys.exit(3)", r"could not be loaded within 8.0 GiB of memory \(exit code 3\)"),
    ],
)
def test_how_the_child_died_of_a_model_becomes_a_sentence(tmp_path: Path, then: str, sentence: str) -> None:
    with _stand_in(then) as child:
        with pytest.raises(RejectedError, match=sentence):
            child.check(tmp_path, {})
        assert not child.usable


_ANSWER = '{"inputs": {}, "outputs": [], "acceptance": %s}'


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        '{"inputs": [], "outputs": 5}',
        _ANSWER % "7",
        _ANSWER % '{"answers": []}',
        _ANSWER % '{"answers": [{"file": "b", "expected": "x", "said": "x", "place": 0}]}',
        _ANSWER % '{"answers": [{"file": "a", "expected": "x", "said": "%s", "place": 0}]}' % ("x" * 500),
        _ANSWER % '{"answers": [{"file": "a", "expected": "x", "said": "x", "place": 0}], "seconds": [NaN]}',
    ],
)
def test_an_answer_that_cannot_be_is_the_models_fault(tmp_path: Path, answer: str) -> None:
    card = EffectiveCard(ModelCard(schema=1), ("x",))
    pictures = AcceptancePictures(tmp_path, (ExpectedLabel("a", "x"),), card)
    with (
        _stand_in(f"print({answer!r}, flush=True)") as child,
        pytest.raises(RejectedError, match="ended with an answer that cannot be; export the model again"),
    ):
        child.check(tmp_path, {}, acceptance=pictures)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV])
def test_that_a_child_dies_before_it_reads_its_request_is_not_the_models_fault(
    child: Preflight, tmp_path: Path, death: signal.Signals
) -> None:
    os.kill(child._child.pid, death)
    with pytest.raises(
        RetryableError, match=f"ended \\({death.name}\\) before it read the request, .* not at fault"
    ):
        child.check(tmp_path, {})


def test_a_child_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with (
        _stand_in("time.sleep(60)", timeout=1.5) as child,
        pytest.raises(RejectedError, match=r"longer than 1.5 s .* MODEL_SYNC_PREFLIGHT_TIMEOUT"),
    ):
        child.check(tmp_path, {})


def test_a_child_that_does_not_even_start_is_tried_again(child: Preflight, tmp_path: Path) -> None:
    os.kill(child._child.pid, signal.SIGSTOP)
    with pytest.raises(RetryableError, match="did not start within 100 ms"):
        child.check(tmp_path, {})


@pytest.fixture
def child() -> Iterator[Preflight]:
    with Preflight(timeout=0.1, memory=_MEMORY) as made:
        yield made


def test_a_check_can_be_cancelled(child: Preflight, tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    os.kill(child._child.pid, signal.SIGSTOP)
    with pytest.raises(CancelledError):
        child.check(tmp_path, {}, watched=Supervision(cancelled))


def test_a_dead_reserve_is_not_handed_out() -> None:
    warm = WarmPreflight(timeout=1, memory=_MEMORY)
    warm.expect_upload()
    assert warm._reserve is not None
    warm._reserve._child.kill()
    warm._reserve._child.wait()
    with warm.take() as child:
        assert child.usable
    warm.release(at_once=True)


def test_the_child_gets_no_key_and_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SYNC_S3_SECRET_KEY", "hunter2")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hunter2")
    seen = tmp_path / "environment"
    command = (
        sys.executable,
        "-P",
        "-c",
        f"import os; open({str(seen)!r}, 'w').write(str(dict(os.environ)))",
    )
    with Preflight(timeout=60, memory=1024**3, command=command) as child:
        while child.usable:
            pass
    assert "PATH" in seen.read_text()
    assert "hunter2" not in seen.read_text()


def test_what_libraries_need_stays() -> None:
    kept = harmless_environment({**os.environ, "LD_LIBRARY_PATH": "/somewhere", "LC_ALL": "C.UTF-8"})
    assert (kept["PATH"], kept["LD_LIBRARY_PATH"], kept["LC_ALL"]) == (
        os.environ["PATH"],
        "/somewhere",
        "C.UTF-8",
    )
