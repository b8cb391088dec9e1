"""What a notebook needs at hand: a registry, a platform, and a folder for what it makes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from car_models.evaluating.pictures import LabelledPicture, read_labelled_pictures
from car_models.packaging.version_files import with_sums, write_version
from car_models.samples.build import build_files
from car_models.samples.pictures import write_collection
from car_models.samples.recipes import Variant, recipe_named
from car_models.samples.stamps import default_cache, find_stamps
from car_models.tracking.mlflow_runtime import shown_uri
from car_models.tracking.registry import Registry

from model_notebook.platform import Platform

_FOLDER = Path(".local/notebook-work")
_TRACKING = "MLFLOW_TRACKING_URI"
_WORK = "MODEL_NOTEBOOK_WORK"


@dataclass(frozen=True)
class Workplace:
    """The registry, the platform, and where files go."""

    registry: Registry
    platform: Platform
    folder: Path

    def __str__(self) -> str:
        """The addresses, without keys."""
        uri = shown_uri(self.registry.uri)
        local = uri.startswith("sqlite:")
        return "\n".join(
            (
                f"MLflow:  {'a local store, ' + Path(uri).name if local else uri}",
                f"store:   {self.platform.store.s3_endpoint}, bucket {self.platform.store.bucket}",
                f"sidecar: {self.platform.sidecar_url}",
                f"server:  {self.platform.client.server_url}",
            )
        )

    def build(self, recipe: str) -> Path:
        """Build a sample model; returns its version folder, as the bucket gets it."""
        files = build_files(recipe_named(recipe), Variant.PLAIN)
        return write_version(self.folder / "models", recipe, 1, with_sums(files))

    def pictures(self) -> tuple[LabelledPicture, ...]:
        """Pictures with known content: drawings, and photos where Debian's package of them is installed."""
        folder = self.folder / "pictures"
        write_collection(folder, find_stamps(default_cache()), [])
        return read_labelled_pictures(folder)


def open_workplace(environ: Mapping[str, str] = os.environ) -> Workplace:
    """The platform that runs here, with MLflow at MLFLOW_TRACKING_URI or in a file of the work folder.

    The work folder is `.local/notebook-work` of the current folder, or MODEL_NOTEBOOK_WORK. Raises FatalError
    when no platform runs or MLflow's address is wrong.
    """
    platform = Platform.find(environ)
    folder = Path(environ.get(_WORK) or _FOLDER).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    uri = environ.get(_TRACKING) or f"sqlite:///{folder / 'mlflow.db'}"
    return Workplace(Registry(uri, create=True), platform, folder)
