"""The commands together, and what becomes of their errors."""

import sys

import typer
from edge_common.errors import EdgeError

from car_models.cli.build import build
from car_models.cli.card import card
from car_models.cli.check import check
from car_models.cli.compare import compare_command
from car_models.cli.evaluate import evaluate_command
from car_models.cli.import_model import import_command
from car_models.cli.pictures import pictures
from car_models.cli.push import push
from car_models.tracking.command import promote_command

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Build, import, check, try and upload car classification models.",
)

app.command(
    epilog="""\b
    Examples:
      car-models build
          both models, version 1, into ./models
      car-models build --only effnet_lite0_car_onnx --version 2
          a second version, which answers differently
      car-models build --only effnet_lite0_car_onnx --version 3 --broken
          one that no server can load"""
)(build)
app.command(
    name="import",
    epilog="""\b
    Examples:
      car-models import b0-cars.pth --name cars --labels cars.txt --preset efficientnet --sample volvo.jpg
          a checkpoint of EfficientNet-B0 by timm, torchvision or efficientnet_pytorch; no torch needed
      car-models import net.onnx --name cars --labels cars.txt --size 224x224 --mean 127 --scale 128 \\
          --color RGB --resize crop:0.875 --embed-preprocessing
          the model itself then prepares pictures
      car-models import net.onnx --name cars --card model.yaml --labels cars.txt --precision int8 \\
          --calibrate photos
          a quarter of the size; prints accuracy and speed before and after""",
)(import_command)
app.command(
    epilog="""\b
    Examples:
      car-models check models/effnet_lite0_car_onnx
      car-models check models/effnet_lite0_car_onnx/2 --json"""
)(check)
app.command(
    epilog="""\b
    Examples:
      car-models pictures --out demo-pictures
      car-models pictures --out demo-pictures --photos none"""
)(pictures)
app.command(
    name="evaluate",
    epilog="""\b
    Examples:
      car-models evaluate models/effnet_lite0_car_onnx --pictures demo-pictures
      car-models evaluate models/*/ --pictures demo-pictures --resize stretch
      car-models evaluate models/cars --pictures photos --per-class --confusion confusion.png --seconds 3
          photos/<label>/*.jpg; a picture of what is mixed up; latency and images/s""",
)(evaluate_command)
app.command(
    name="compare",
    epilog="""\b
    Examples:
      car-models compare models/cars/1 models/cars/2 --pictures photos --seconds 3 --plot compare.png
      car-models compare models/cars models/effnet_lite0_car_onnx --pictures demo-pictures --json""",
)(compare_command)
app.command(
    epilog="""\b
    Examples:
      car-models card models/cars/1
          what holds for the version, checked
      car-models card models/cars/1 --labels cars.txt --preset efficientnet --write
          write model.yaml beside a model that has none"""
)(card)
app.command(
    epilog="""\b
    Examples:
      car-models push models/cars/2 --wait
          to the bucket that MODEL_SYNC_S3_ENDPOINT and its like name, as model-sync push does
      car-models push build/out --model cars --version 3"""
)(push)
app.command(
    name="promote",
    epilog="""\b
    Examples:
      car-models promote models:/car_classifier@champion --wait
      car-models promote models:/car_classifier/3 --model cars --version 7
      car-models promote runs:/0a1b2c3d/model --model cars""",
)(promote_command)


def main() -> None:
    """Run the command; expected errors end with one sentence and their exit code."""
    try:
        app()
    except EdgeError as error:
        sys.stderr.write(f"car-models: {error}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        sys.stderr.write(
            f"car-models: {error.filename or 'a file'}: {error.strerror}; correct that and retry\n"
        )
        sys.exit(1)
