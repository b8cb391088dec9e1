"""Imported checkpoints against torch itself: Debian's python3-torch and python3-torchvision, and timm."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from car_models.importing.checkpoints.architectures import Family
from car_models.importing.sources import read_source
from edge_common.errors import RejectedError
from edge_common.openvino_runtime import ov

pytestmark = pytest.mark.torch
REPOSITORY = Path(__file__).parents[4]
NETWORKS = (
    "torchvision:efficientnet_b0",
    "torchvision:efficientnet_b3",
    "timm:efficientnet_b0",
    "timm:efficientnet_b2",
    "timm:tf_efficientnet_b1",
    "timm:efficientnet_lite1",
    "timm:tf_efficientnet_lite2",
    "efficientnet_pytorch:efficientnet-b1",
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What torch wrote; `make torch-reference` provides what it needs beside Debian's packages."""
    folder = tmp_path_factory.mktemp("torch")
    script = Path(__file__).with_name("torch_reference.py")
    python = os.environ.get("TORCH_PYTHON", "/usr/bin/python3")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / ".local" / "torch-reference")}
    done = subprocess.run(
        [python, str(script), str(folder), *NETWORKS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, (
        f"{done.stderr[-2000:]}\nneeded: apt-get install python3-torchvision; make torch-reference"
    )
    return folder


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("written", ["", "-legacy"], ids=["zip", "legacy"])
def test_an_imported_checkpoint_computes_what_torch_does(reference: Path, name: str, written: str) -> None:
    place = reference / name.replace(":", "-")
    known = np.load(place.with_suffix(".npz"))
    family = Family.TIMM_TF if ":tf_" in name else None
    path = place.with_name(f"{place.name}{written}.pth")
    source = read_source(path, size=known["picture"].shape[2:], family=family)
    compiled = ov.Core().compile_model(source.network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    scores = compiled(known["picture"])[0]
    assert scores.shape == (1, 196)
    assert np.abs(scores - known["scores"]).max() < 1e-5 * np.abs(known["scores"]).max()


def test_a_whole_module_is_refused(reference: Path) -> None:
    with pytest.raises(RejectedError, match=r"whole pickled module.*torch\.save\(model\.state_dict\(\)"):
        read_source(reference / "whole-module.pth")


def test_a_torchscript_program_is_refused(reference: Path) -> None:
    with pytest.raises(RejectedError, match="TorchScript program"):
        read_source(reference / "torchscript.pt")
