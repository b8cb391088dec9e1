"""Both sample models as FP32, FP16 and INT8: accuracy on real photos, latency, images a second, bytes.

    python benchmarks/models/precisions.py [--smoke] [--write DOCUMENT...]

Needs nncf (make int8) and Debian's tuxpaint-stamps-default, on whose other photos INT8 is calibrated.
"""

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import cv2
from car_models.evaluating.classifier import Classifier
from car_models.evaluating.evaluation import Evaluation, evaluate
from car_models.evaluating.pictures import read_labelled_pictures
from car_models.importing.importer import ImportRequest, import_version
from car_models.importing.model_spec import ModelSpec, Precision
from car_models.packaging.version_files import with_sums, write_version
from car_models.samples.build import build_files
from car_models.samples.canvas import as_jpeg
from car_models.samples.pictures import write_collection
from car_models.samples.recipes import LABELS, RECIPES, Format, Recipe, Variant
from car_models.samples.stamps import INSTALLED_ROOT, STAMPS, Stamp, composed

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
from document_section import write_section

_PHOTOS = INSTALLED_ROOT / "usr/share/tuxpaint/stamps"
_COLOUR_AND_ALPHA = 4


@dataclass(frozen=True)
class Measured:
    """One model in one precision: on photos and on drawings."""

    recipe: Recipe
    precision: Precision
    photos: Evaluation
    drawings: Evaluation


def main() -> None:
    """Measure, print, and write when asked to."""
    options = _arguments()
    seconds, calibrating = (0.2, 8) if options.smoke else (5.0, 200)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        used = _write_pictures(root, calibrating)
        measured = [_measure(root, *case, seconds) for case in itertools.product(RECIPES, Precision)]
    lines = list(_lines(measured, used))
    print("\n".join(lines))
    for path in options.write:
        write_section(path, "models", "\n".join(lines))


def _write_pictures(root: Path, calibrating: int) -> int:
    """`photos`, `drawings`, and `calibrate` with photos that are in neither; returns how many those are."""
    write_collection(root / "photos", INSTALLED_ROOT, [])
    write_collection(root / "drawings", None, [])
    for drawing in (root / "drawings").glob("drawn-*.jpg"):
        (root / "photos" / drawing.name).unlink()
    _keep_listed(root / "photos")
    (root / "calibrate").mkdir()
    used = {INSTALLED_ROOT / stamp.path for stamp in STAMPS}
    others = [path for path in sorted(_PHOTOS.rglob("*.png")) if path not in used and _is_cut_out(path)]
    chosen = others[:: max(1, len(others) // calibrating)][:calibrating]
    for number, path in enumerate(chosen):
        stamp = Stamp(str(number), PurePosixPath(path.relative_to(INSTALLED_ROOT)), "unknown")
        (root / "calibrate" / f"{number}.jpg").write_bytes(as_jpeg(composed(INSTALLED_ROOT, stamp)))
    return len(chosen)


def _keep_listed(folder: Path) -> None:
    """Turn the list of a collection into folders named as labels, without what was removed."""
    for picture in read_labelled_pictures(folder):
        if picture.path.exists():
            target = folder / str(picture.expected) / picture.path.name
            target.parent.mkdir(exist_ok=True)
            picture.path.rename(target)
    (folder / "pictures.json").unlink()


def _is_cut_out(path: Path) -> bool:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return picture is not None and picture.ndim == 3 and picture.shape[2] == _COLOUR_AND_ALPHA  # noqa: PLR2004


def _measure(root: Path, recipe: Recipe, precision: Precision, seconds: float) -> Measured:
    source = root / "sources" / recipe.model / "1"
    if not source.exists():
        files = build_files(replace(recipe, format=Format.ONNX), Variant.PLAIN)
        write_version(root / "sources", recipe.model, 1, with_sums(files))
    spec = ModelSpec(labels=LABELS, card=Classifier(source).card)
    request = ImportRequest(
        source=source / "model.onnx",
        spec=spec,
        precision=precision,
        calibrate=root / "calibrate",
        embed_preprocessing=True,
    )
    model = Classifier(import_version(request, root / "imported", f"{recipe.model}_{precision}").folder)
    return Measured(
        recipe,
        precision,
        evaluate(model, read_labelled_pictures(root / "photos"), speed_seconds=seconds),
        evaluate(model, read_labelled_pictures(root / "drawings")),
    )


def _lines(measured: Sequence[Measured], calibrating: int) -> Iterator[str]:
    today = datetime.now(UTC).date().isoformat()
    load = os.getloadavg()[1]
    yield f"Measured on {today}, {os.cpu_count()} cores, load over 5 minutes {load:.1f}. INT8 is"
    yield f"calibrated on {calibrating} other photos of the package; preprocessing is embedded in each model."
    yield ""
    yield "| model | precision | photos right | drawings right | latency ms | images/s | processor ms | MiB |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for each in measured:
        speed = each.photos.speed
        if speed is None:
            raise ValueError("speed was not measured")
        cells = (
            *(each.recipe.model, each.precision, _share(each.photos), _share(each.drawings)),
            *(f"{speed.latency_ms:.1f}", f"{speed.images_per_second:.1f}", f"{speed.processor_ms:.1f}"),
            f"{each.photos.bytes / 2**20:.1f}",
        )
        yield f"| {' | '.join(cells)} |"


def _share(evaluation: Evaluation) -> str:
    return f"{evaluation.right} of {len(evaluation.labelled)}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--smoke", action="store_true", help="few pictures, short times: figures mean nothing"
    )
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="documents to write the table into")
    return parser.parse_args()


if __name__ == "__main__":
    main()
