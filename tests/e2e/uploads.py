"""Models to upload: small ones that tell colours apart, a broken one, and the sample model."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from image_models import MODEL_INFO, put_version, whole_number_model

from .release import ROOT

Files = Mapping[str, bytes]
SAMPLE_MODEL = "effnet_lite0_car_onnx"
_SAMPLES = ROOT / "models"


def _files(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def colour_model(version: int) -> Files:
    """A model for pictures; another content for each version."""
    with TemporaryDirectory() as aside:
        info = {**MODEL_INFO, "labels": f"blue{version} green{version} red{version}"}
        put_version(Path(aside), "colours", version, whole_number_model(info=info))
        return _files(Path(aside) / "colours" / str(version))


def broken_model() -> Files:
    """A model whose description ends in the middle."""
    files = dict(colour_model(1))
    files["model.xml"] = files["model.xml"][: len(files["model.xml"]) // 2]
    return files


def sample_model() -> Files:
    """The EfficientNet of `make models`, with its card."""
    folder = _SAMPLES / SAMPLE_MODEL
    assert folder.is_dir(), f"there is no {folder}; run `make models`"
    files = dict(_files(folder / "1"))
    sums = files.pop("SHA256SUMS")
    return {**files, "SHA256SUMS": sums}  # last, which says that the upload is complete
