"""Reading torch's checkpoint files without torch and without trust.

    legacy   five pickles and raw storages, as torch wrote before 1.6
    zipped   a zip archive of one pickle and raw storages, as torch writes since

A pickle is a program that can name any function of the machine and have it called. Each one is first screened
without running it, then read by an unpickler that knows tensors and nothing else (`state_dict`).
"""

import io
from pathlib import Path

from edge_common.errors import FatalError, RejectedError

from car_models.torch_checkpoint.legacy import MAGIC, PROTOCOL, read_legacy
from car_models.torch_checkpoint.state_dict import UNPICKLING_FAILURES, Tensors
from car_models.torch_checkpoint.zipped import ZIP_FAILURES, is_zip, read_zipped

__all__ = ["MAGIC", "MAX_BYTES", "PROTOCOL", "Tensors", "read_checkpoint"]

MAX_BYTES = 512 * 1024 * 1024
"""A larger file is refused unread; EfficientNet-B3 with the state of its optimizer has 150 MB."""


def read_checkpoint(path: Path) -> Tensors:
    """The tensors of the state dict in `path`.

    Raises RejectedError when the file is no checkpoint of tensors, names anything beyond tensors, or is
    damaged; FatalError when it cannot be read.
    """
    file = io.BytesIO(_content(path))  # in memory, so that an OSError is never the content's fault
    kind = "zip" if is_zip(file) else "legacy"
    try:
        return read_zipped(file) if kind == "zip" else read_legacy(file)
    except RejectedError as error:
        raise RejectedError(f"{path.name}: {error}") from error
    except UNPICKLING_FAILURES + ZIP_FAILURES as error:
        raise RejectedError(
            f"{path.name} is not a checkpoint in torch's {kind} format ({error}); get it again"
        ) from error


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RejectedError(
                f"{path.name} is larger than {MAX_BYTES} bytes; it is not one of the known weights"
            )
        return path.read_bytes()
    except OSError as error:
        raise FatalError(
            f"cannot read the weights in {path}: {error.strerror}; install them again"
        ) from error
