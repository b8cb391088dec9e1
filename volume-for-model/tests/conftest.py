"""Models, weights and pictures, made once per run and shared by all workers."""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from car_models.evaluating.classifier import Classifier
from car_models.importing.checkpoints.state_dict import Tensors
from car_models.packaging.version_files import with_sums, write_version
from car_models.samples.build import build_files, load_weights
from car_models.samples.pictures import write_collection
from car_models.samples.recipes import RECIPES, Variant
from car_models.samples.stamps import PACKAGE, default_cache, fetch_stamps, find_stamps
from edge_common.errors import EdgeError

LITE0, LITE2 = (recipe.model for recipe in RECIPES)


@dataclass(frozen=True)
class SharedFolder:
    """A folder that all workers of one run have in common."""

    path: Path

    @contextmanager
    def once(self, name: str) -> Iterator[Path | None]:
        """Yield the folder `name` to whoever is first and has to fill it, None to those who find it full."""
        with (self.path / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.path / f"{name}.done"
            if done.exists():
                yield None
            else:
                yield self.path / name
                done.touch()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> SharedFolder:
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "car-models"
    folder.mkdir(exist_ok=True)
    return SharedFolder(folder)


@pytest.fixture(scope="session")
def models(shared: SharedFolder) -> Path:
    """Both sample models, version 1 plain and version 2 sharp, as `car-models build` writes them."""
    with shared.once("models") as folder:
        if folder is not None:
            for recipe in RECIPES:
                for version, variant in ((1, Variant.PLAIN), (2, Variant.SHARP)):
                    write_version(folder, recipe.model, version, with_sums(build_files(recipe, variant)))
    return shared.path / "models"


@pytest.fixture(scope="session")
def classifier(models: Path) -> Callable[[str], Classifier]:
    """Version 1 of a model, loaded once per worker."""
    loaded: dict[str, Classifier] = {}

    def load(model: str) -> Classifier:
        if model not in loaded:
            loaded[model] = Classifier(models / model / "1")
        return loaded[model]

    return load


@pytest.fixture(scope="session")
def tensors() -> Mapping[str, Tensors]:
    """The published weights of both models, by model."""
    return {recipe.model: load_weights(recipe.weights) for recipe in RECIPES}


@pytest.fixture(scope="session")
def stamps_root(shared: SharedFolder) -> Path:
    """The root below which Debian's photos are: installed or fetched; the run fails where neither can be."""
    cache = default_cache()
    with shared.once("photos"):
        found = find_stamps(cache)
        if found is not None:
            return found
        try:
            return fetch_stamps(cache)
        except EdgeError as error:
            pytest.fail(
                f"accuracy is asserted on photos of Debian's package {PACKAGE}, which is not here and "
                f"cannot be fetched: {error}. To install it: apt-get install {PACKAGE}"
            )


@pytest.fixture(scope="session")
def pictures(shared: SharedFolder, stamps_root: Path, classifier: Callable[[str], Classifier]) -> Path:
    """All demonstration pictures with their list."""
    with shared.once("pictures") as folder:
        if folder is not None:
            write_collection(folder, stamps_root, [classifier(LITE0), classifier(LITE2)])
    return shared.path / "pictures"
