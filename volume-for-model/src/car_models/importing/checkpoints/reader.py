"""A file of weights -> tensors by name: torch's two formats and safetensors."""

import io
from pathlib import Path
from typing import BinaryIO

from edge_common.errors import FatalError, RejectedError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from car_models.importing.checkpoints.legacy import read_legacy
from car_models.importing.checkpoints.state_dict import UNPICKLING_FAILURES, Tensors
from car_models.importing.checkpoints.zipped import ZIP_FAILURES, is_zip, read_zipped

MAX_BYTES = 512 * 1024 * 1024
"""A larger file is refused unread; EfficientNet-B3 with the state of its optimizer has 150 MB."""


def read_checkpoint(path: Path) -> Tensors:
    """The tensors in `path`, a `.safetensors` file or else a state dict in one of torch's formats.

    Raises RejectedError when the file is no checkpoint of tensors, names anything beyond tensors, or is
    damaged; FatalError when it cannot be read.
    """
    safetensors = path.suffix.lower() == ".safetensors"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RejectedError(
                f"{path} is larger than {MAX_BYTES} bytes; it is not one of the known weights"
            )
        # in memory, so that an OSError is never the content's fault
        file = io.BytesIO(b"" if safetensors else path.read_bytes())
    except OSError as error:
        raise FatalError(
            f"cannot read the weights in {path}: {error.strerror}; install them again"
        ) from error
    return _read_safetensors(path) if safetensors else _read_torch(path, file)


def _read_torch(path: Path, file: BinaryIO) -> Tensors:
    kind = "zip" if is_zip(file) else "legacy"
    try:
        return read_zipped(file) if kind == "zip" else read_legacy(file)
    except RejectedError as error:
        raise RejectedError(f"{path.name}: {error}") from error
    except UNPICKLING_FAILURES + ZIP_FAILURES as error:
        raise RejectedError(
            f"{path.name} is not a checkpoint in torch's {kind} format ({error}); get it again"
        ) from error


def _read_safetensors(path: Path) -> Tensors:
    try:
        tensors: Tensors = load_file(path)
    except SafetensorError as error:
        raise RejectedError(f"{path} is no safetensors file, or damaged ({error}); get it again") from error
    return tensors
