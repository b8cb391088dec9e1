"""The load check with real children: some load a model, some die."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import LoadError
from ovms_lite.models.load_check import CheckedLoader
from ovms_lite.models.loading import ModelLoader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Models, ServerProcess

    Start = Callable[..., ServerProcess]

CRASH = (sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
LEAVE = (sys.executable, "-c", "raise SystemExit(3)")


def _config(models: Models, **settings: object) -> ModelConfig:
    return ModelConfig("m", models.root / "m", **settings)  # type: ignore[arg-type]  # any setting


def test_a_version_that_the_child_can_load_is_loaded(models: Models) -> None:
    models.add("m", 1, 1.0)
    loaded = CheckedLoader(ModelLoader(), (None, None)).load(_config(models), 1)
    assert [info.name for info in loaded.inputs] == ["x"]


def test_what_the_child_finds_wrong_is_told_as_without_it(models: Models) -> None:
    models.broken("m", 1)
    config = _config(models)
    with pytest.raises(LoadError) as direct:
        ModelLoader().load(config, 1)
    with pytest.raises(LoadError) as checked:
        CheckedLoader(ModelLoader(), (None, None)).load(config, 1)
    assert str(checked.value) == str(direct.value)
    assert checked.value.reload_status == direct.value.reload_status


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        (CRASH, "m version 1 kills the runtime while loading (SIGSEGV)"),
        (SLEEP, "m version 1 took longer than 1 s to load in a child process"),
        (LEAVE, "m version 1 ended the child process that loaded it with 3"),
    ],
)
def test_a_child_that_dies_fails_the_version_with_the_cause(
    models: Models, child: tuple[str, ...], reason: str
) -> None:
    models.add("m", 1, 1.0)
    with pytest.raises(LoadError) as caught:
        CheckedLoader(ModelLoader(), (None, None), child=child, timeout=1.0).load(_config(models), 1)
    assert reason in str(caught.value)


def test_a_deadly_version_is_tried_again_only_when_its_files_or_settings_change(
    models: Models, tmp_path: Path
) -> None:
    models.add("m", 1, 1.0)
    tries = tmp_path / "tries"
    count = f"import os, signal; open({str(tries)!r}, 'a').write('.'); os.kill(os.getpid(), signal.SIGSEGV)"
    loader = CheckedLoader(ModelLoader(), (None, None), child=(sys.executable, "-c", count))

    def tried(config: ModelConfig) -> int:
        with pytest.raises(LoadError, match="SIGSEGV"):
            loader.load(config, 1)
        return len(tries.read_text())

    config = _config(models)
    assert [tried(config), tried(config)] == [1, 1]
    assert tried(_config(models, nireq=2)) == 2
    models.add("m", 1, 2.0)
    (models.root / "m" / "1" / "more").write_text("changed")
    assert tried(_config(models, nireq=2)) == 3


def _bottomless(folder: Path) -> None:
    """An IR of loops within loops, so deep that OpenVINO 2026.4 overflows its stack when it reads it."""
    depth = 10_000
    port = '<port id="{}" precision="FP32"><dim>1</dim></port>'
    one, two = port.format(0), port.format(1)
    begin = (
        '<layers><layer id="0" name="x" type="Parameter" version="opset1">'
        f'<data shape="1" element_type="f32"/><output>{one}</output></layer>'
    )
    loop = (
        '<layer id="1" name="t" type="TensorIterator" version="opset1">'
        f"<input>{one}</input><output>{two}</output><port_map>"
        '<input external_port_id="0" internal_layer_id="0"/>'
        '<output external_port_id="1" internal_layer_id="2"/></port_map><body>'
    )
    relu = (
        '<layer id="1" name="r" type="Relu" version="opset1">'
        f"<input>{one}</input><output>{two}</output></layer>"
    )
    end = (
        f'<layer id="2" name="y" type="Result" version="opset1"><input>{one}</input></layer></layers><edges>'
        '<edge from-layer="0" from-port="0" to-layer="1" to-port="0"/>'
        '<edge from-layer="1" from-port="1" to-layer="2" to-port="0"/></edges>'
    )
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"")
    (folder / "model.xml").write_text(
        '<?xml version="1.0"?><net name="deep" version="11">'
        + (begin + loop) * depth
        + begin
        + relu
        + end
        + ("</body></layer>" + end) * depth
        + "</net>"
    )


def test_a_model_that_crashes_openvino_does_not_take_the_server_or_the_old_version_down(
    start_server: Start, models: Models
) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}], "--load_check", "on")
    _bottomless(models.root / "m" / "2")
    server.wait_for_states({"m": {"1": "AVAILABLE", "2": "FAILED"}})
    assert server.infer("m", [0, 0])["model_version"] == "1"
    reasons = [json.loads(line).get("reason", "") for line in server.log.read_text().splitlines()]
    assert any("kills the runtime while loading (SIGSEGV)" in reason for reason in reasons)


def test_without_the_check_that_model_kills_the_server(start_server: Start, models: Models) -> None:
    _bottomless(models.root / "m" / "1")
    server = start_server([{"name": "m"}], ready=False)
    assert server.process.wait(timeout=60) == -11


def test_the_check_is_switched_with_on_and_off(start_server: Start) -> None:
    server = start_server([], "--load_check", "maybe", ready=False)
    assert server.process.wait(timeout=60) == 64
