"""INT8: the ranges of all activations are taken from pictures, by nncf, which is an extra of its own."""

import logging
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from edge_common.errors import FatalError, RejectedError
from edge_common.model_card import ImageInput
from edge_common.openvino_runtime import ov
from edge_common.pictures.preprocess import preprocess
from edge_common.pictures.steps import Preprocessing
from numpy.typing import NDArray

from car_models.evaluating.pictures import read_labelled_pictures, read_rgb

MOST_PICTURES = 300
"""What nncf looks at by default; more make it slower, hardly better."""


def calibrated(
    network: ov.Model, image: ImageInput, size: tuple[int, int], pictures: Path | None
) -> ov.Model:
    """`network` with INT8 weights and activations, calibrated on the folder `pictures`.

    `image` and `size` say how a picture becomes its input. Raises FatalError when nncf is not installed,
    RejectedError when there are no pictures.
    """
    if pictures is None:
        raise RejectedError("INT8 needs pictures like those it will see: pass --calibrate FOLDER")
    nncf = _nncf()
    paths = [picture.path for picture in read_labelled_pictures(pictures)][:MOST_PICTURES]
    dtype = network.inputs[0].element_type.to_dtype()
    steps = Preprocessing.of_card(image, size, np.dtype(dtype))

    def tensors() -> Iterator[NDArray[Any]]:
        for path in paths:
            yield preprocess(read_rgb(path), steps)[None]

    try:
        with redirect_stdout(sys.stderr):  # its progress bars are no answer of ours
            return nncf.quantize(network, nncf.Dataset(list(tensors())), subset_size=len(paths))
    except (RuntimeError, ValueError) as error:
        raise RejectedError(
            f"nncf cannot quantise this model: {str(error).strip().splitlines()[-1][:200]}; use fp16"
        ) from error


def _nncf() -> ModuleType:
    """Import nncf without the reporter that it shares with OpenVINO, and without its progress bars."""
    try:
        import nncf  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise FatalError(
            f"INT8 needs nncf, which cannot be imported ({error}); "
            "in the platform's checkout run `make int8`, or: pip install './volume-for-model[int8]'"
        ) from error
    nncf.set_log_level(logging.ERROR)
    if "openvino_telemetry" in sys.modules and sys.modules["openvino_telemetry"] is not None:
        raise FatalError("nncf loaded OpenVINO's reporter although it is blocked; do not use this release")
    module: ModuleType = nncf
    return module
