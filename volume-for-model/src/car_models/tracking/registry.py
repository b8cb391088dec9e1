"""The registry: which versions there are, where their files lie, and what becomes of them."""

import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from edge_common.errors import FatalError, RejectedError
from edge_common.quantities import format_size
from model_sync.upload import quoted

from car_models.tracking.mlflow_runtime import (
    MlflowClient,
    MlflowException,
    ModelVersion,
    download_artifacts,
    list_artifacts,
    registry_errors,
    shown_uri,
)
from car_models.tracking.reference import AliasReference, Reference, RunReference

_MODEL_FILE = "MLmodel"
_OF_MLFLOW = (
    *(_MODEL_FILE, "conda.yaml", "input_example.json", "python_env.yaml", "registered_model_meta"),
    *("requirements.txt", "serving_input_example.json"),
)
"""What MLflow puts beside a model that it logged as one of its flavors; no server of ours reads it."""
_NOT_FOUND = 404


@dataclass(frozen=True)
class ModelArtifacts:
    """What a reference led to. `version` is None for a run's artifact that nobody registered."""

    name: str
    version: int | None
    run: str | None
    artifacts: str
    """MLflow's address of the folder with the files."""
    tags: Mapping[str, str] = field(default_factory=dict)


class Registry:
    """MLflow's registry and artifacts at one address, `uri`: a server's, or that of a database."""

    def __init__(self, uri: str, *, create: bool = False) -> None:
        """Connect; an SQLite file that is missing is made only with `create`, else FatalError is raised."""
        self.uri = uri
        parts = urlsplit(uri)
        if not parts.scheme:
            raise FatalError(
                f"{quoted(uri)} is no address of MLflow; MLFLOW_TRACKING_URI begins with http://, https:// "
                "or sqlite:///"
            )
        if parts.scheme == "sqlite" and not create and not Path(parts.path.removeprefix("/")).is_file():
            raise FatalError(
                f"there is no MLflow store at {uri}; set MLFLOW_TRACKING_URI to yours, such as "
                "http://mlflow:5000 or sqlite:////home/me/mlflow.db"
            )
        with self.errors():
            self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def errors(self) -> AbstractContextManager[None]:
        """Turns what MLflow raises inside into ours; see `registry_errors`."""
        return registry_errors(self.uri)

    def find(self, reference: Reference) -> ModelArtifacts:
        """Raises RejectedError that names what there is instead, RetryableError, FatalError."""
        with self.errors():
            if isinstance(reference, RunReference):
                run = self.client.get_run(reference.run)
                address, name = f"runs:/{reference.run}/{reference.path}", Path(reference.path).name
                return ModelArtifacts(name, None, reference.run, address, dict(run.data.tags))
            number = (
                self._number_of(reference) if isinstance(reference, AliasReference) else reference.version
            )
            version: ModelVersion = self.client.get_model_version(reference.name, str(number))
            address = self.client.get_model_version_download_uri(reference.name, str(number))
        return ModelArtifacts(reference.name, number, version.run_id, address, dict(version.tags))

    def fetch(self, found: ModelArtifacts, temporary: Path) -> Path:
        """Download the files to somewhere below `temporary`; returns the folder that holds them.

        What MLflow puts beside a model for itself is left out. Raises RejectedError when there are no files,
        FatalError when there is no room for them.
        """
        with self.errors():
            size = self._size(found.artifacts)
            free = shutil.disk_usage(temporary).free
            if size > free:
                raise FatalError(
                    f"{found.artifacts} has {format_size(size)}, but {temporary} has room for "
                    f"{format_size(free)}; set TMPDIR to a larger folder"
                )
            downloaded = download_artifacts(
                artifact_uri=found.artifacts, dst_path=str(temporary), tracking_uri=self.uri
            )
        folder = Path(downloaded)
        if (folder / _MODEL_FILE).is_file():
            for name in _OF_MLFLOW:
                (folder / name).unlink(missing_ok=True)
        return folder

    def register(self, name: str, run: str, path: str, *, description: str = "") -> int:
        """Make the artifact folder `path` of `run` the next version of `name`; returns its number."""
        with self.errors():
            try:
                self.client.get_registered_model(name)
            except MlflowException as error:
                if error.get_http_status_code() != _NOT_FOUND:
                    raise
                self.client.create_registered_model(name)
            version = self.client.create_model_version(
                name, f"runs:/{run}/{path}", run, description=description or None
            )
        return int(version.version)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Let `alias` mean `version` from now on."""
        with self.errors():
            self.client.set_registered_model_alias(name, alias, str(version))

    def tag(self, found: ModelArtifacts, tags: Mapping[str, str]) -> None:
        """Record `tags` where a person looks: at the registered version, else at the run."""
        with self.errors():
            for key, value in tags.items():
                if found.tags.get(key) == value:
                    continue
                if found.version is not None:
                    self.client.set_model_version_tag(found.name, str(found.version), key, value)
                elif found.run is not None:
                    self.client.set_tag(found.run, key, value)

    def _number_of(self, reference: AliasReference) -> int:
        aliases: dict[str, str] = self.client.get_registered_model(reference.name).aliases
        if reference.alias in aliases:
            return int(aliases[reference.alias])
        known = ", ".join(f"{alias} (version {version})" for alias, version in sorted(aliases.items()))
        raise RejectedError(
            f"the registered model {quoted(reference.name)} has no alias {quoted(reference.alias)}; "
            f"it has {known or 'none'}; give the alias to a version in MLflow first"
        )

    def _size(self, address: str) -> int:
        """Bytes of all files below `address`; raises RejectedError when there are none."""
        waiting, sizes = [address.rstrip("/")], []
        while waiting:
            folder = waiting.pop()
            for entry in list_artifacts(artifact_uri=folder, tracking_uri=self.uri):
                if entry.is_dir:
                    waiting.append(f"{folder}/{Path(entry.path).name}")
                else:
                    sizes.append(entry.file_size or 0)
        if not sizes:
            raise RejectedError(
                f"{address} holds no files at {shown_uri(self.uri)}; log the model's folder there first"
            )
        return sum(sizes)
