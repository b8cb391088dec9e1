"""EfficientNet checkpoints under the names of three programs; for torch itself see test_against_torch."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from car_models.importing.checkpoints import efficientnet
from car_models.importing.checkpoints.architectures import Family
from car_models.importing.checkpoints.names import named_weights
from car_models.importing.sources import read_source
from edge_common.errors import RejectedError
from edge_common.openvino_runtime import ov
from numpy.typing import NDArray
from safetensors.numpy import save_file

from .random_weights import DEPTH_AND_WIDTH, random_weights
from .zip_checkpoint import write_checkpoint

SIZE = 64


def logits(path: Path, family: Family | None = None) -> NDArray[Any]:
    network = read_source(path, size=(SIZE, SIZE), family=family).network
    picture = np.random.default_rng(3).normal(0, 1, (1, 3, SIZE, SIZE)).astype(np.float32)
    return np.asarray(
        ov.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(picture)[0]
    )


def test_timm_and_torchvision_are_the_same_network_under_other_names(tmp_path: Path) -> None:
    timm, torchvision = (
        logits(write_checkpoint(tmp_path / f"{family}.pth", random_weights("B0", family)))
        for family in (Family.TIMM, Family.TORCHVISION)
    )
    assert timm.shape == (1, 7)
    assert timm.std() > 0.01
    np.testing.assert_array_equal(timm, torchvision)


def test_tensorflows_ports_are_padded_otherwise_and_alike_under_both_names(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "timm.pth", random_weights("B0", Family.TIMM))
    ours = write_checkpoint(tmp_path / "ours.pth", random_weights("B0", Family.EFFICIENTNET_PYTORCH))
    np.testing.assert_array_equal(logits(path, Family.TIMM_TF), logits(ours))
    assert np.abs(logits(path, Family.TIMM_TF) - logits(path)).max() > 1e-4


@pytest.mark.parametrize("member", DEPTH_AND_WIDTH)
@pytest.mark.parametrize("family", [Family.EFFICIENTNET_PYTORCH, Family.TIMM, Family.TORCHVISION])
def test_members_are_told_apart_by_their_shapes(member: str, family: Family) -> None:
    weights = named_weights(random_weights(member, family))
    assert efficientnet.recognise(weights.tensors).name == f"EfficientNet-{member}"
    assert weights.family is family
    assert weights.guessed is (family is Family.TIMM)


def test_the_note_says_what_was_found_and_what_was_guessed(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "weights.pth", random_weights("B1", Family.TIMM, classes=5))
    size, *_rest = (note for note in read_source(path).notes if "size" in note)
    assert "240x240" in size
    notes = " ".join(read_source(path).notes)
    assert "EfficientNet-B1 with 5 classes, named as by timm" in notes
    assert "--family timm-tf" in notes


@pytest.mark.parametrize("wrapper", ["module.", "model.", "model.module."])
def test_what_trainers_put_before_every_name_is_taken_off(wrapper: str) -> None:
    wrapped = {f"{wrapper}{name}": t for name, t in random_weights("B0", Family.TIMM).items()}
    assert "_conv_stem.weight" in named_weights(wrapped).tensors


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_safetensors_of_other_precisions_are_read(tmp_path: Path, dtype: Any) -> None:
    weights = random_weights("B0", Family.TORCHVISION)
    save_file({name: tensor.astype(dtype) for name, tensor in weights.items()}, tmp_path / "w.safetensors")
    exact = logits(write_checkpoint(tmp_path / "w.pth", weights))
    tolerance = 1e-6 if dtype is np.float64 else 0.1 * np.abs(exact).max()
    np.testing.assert_allclose(logits(tmp_path / "w.safetensors"), exact, rtol=0, atol=tolerance)


def test_weights_of_another_network_are_refused_with_the_way_out() -> None:
    with pytest.raises(
        RejectedError, match=r"not named as an EfficientNet's \(conv1.weight.*Export others to ONNX"
    ):
        named_weights({"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)})


def test_weights_of_an_unknown_member_are_refused_with_the_known_ones() -> None:
    weights = random_weights("B0", Family.TIMM)
    lacking = {name: tensor for name, tensor in weights.items() if not name.startswith("blocks.5.3.")}
    with pytest.raises(RejectedError, match=r"not weights of an EfficientNet .*B0, B1, B2, B3"):
        efficientnet.recognise(named_weights(lacking).tensors)


def test_a_family_that_the_names_contradict_is_refused() -> None:
    with pytest.raises(RejectedError, match="named as timm names them, not as torchvision does"):
        named_weights(random_weights("B0", Family.TIMM), Family.TORCHVISION)
