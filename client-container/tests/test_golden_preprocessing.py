"""What the client prepares, against the pipeline the sample model was trained with, seen by that model."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from car_client.kserve.inference import Metadata
from car_client.models.describe import describe_model
from car_client.models.served_model import ServedModel
from edge_common.card_file import parse_card
from edge_common.classifiers import TensorSpec
from edge_common.openvino_runtime import ov
from edge_common.pictures.decode import PictureLimits, decode_picture
from edge_common.pictures.preprocess import preprocess
from reference_preprocessing import reference_tensor

CAR_MODELS = Path(sys.executable).with_name("car-models")
LIMITS = PictureLimits(10_000_000, 10_000_000)
SIZE = 224


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample models, and the demonstration pictures: drawn ones, and photos where they are installed."""
    folder = tmp_path_factory.mktemp("made")
    for command in ("build", "pictures"):
        arguments = [CAR_MODELS, command, "--out", folder / command]
        ran = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(scope="module")
def version(made: Path) -> Path:
    return made / "build" / "effnet_lite0_car_onnx" / "1"


@pytest.fixture(scope="module")
def network(version: Path) -> ov.CompiledModel:
    return ov.Core().compile_model(version / "model.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def described(version: Path) -> ServedModel:
    """As discovery describes it from the card and the server's metadata."""
    card = parse_card((version / "model.yaml").read_bytes(), "model.yaml")
    image = TensorSpec("image", "FP32", (1, 3, SIZE, SIZE))
    output = TensorSpec("probabilities", "FP32", (1, 29))
    metadata = Metadata(name="lite0", versions=("1",), inputs=(image,), outputs=(output,), model_info={})
    return describe_model(metadata, 1, card)


def test_every_picture_is_classified_as_with_the_training_pipeline(
    made: Path, version: Path, network: ov.CompiledModel
) -> None:
    steps = described(version).preprocessing
    pictures = sorted((made / "pictures").glob("*.jpg"))
    assert len(pictures) >= 5
    for path in pictures:
        pixels = decode_picture(path.name, path.read_bytes(), LIMITS).pixels
        ours = np.array(network(preprocess(pixels, steps)[None])[0][0])
        reference = np.array(network(reference_tensor(pixels, SIZE))[0][0])
        assert ours.argmax() == reference.argmax(), path.name
        assert abs(ours - reference).max() < 1e-3, path.name
