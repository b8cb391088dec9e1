"""Whether a picture goes to the server as prepared pixels or as the file it is.

OVMS decodes JPEG bytes to BGR 0...255, stretches them to the input's size with a linear kernel if it knows
the layout to be NHWC, and applies neither mean nor scale (OVMS: tensor_conversion.cpp; measured on 2026.2.1).
So the file may be sent exactly where that gives the same tensor as this client would make.
"""

import math
from collections.abc import Sequence

from edge_common.model_card import Color, Interpolation, Layout, ResizeMode
from edge_common.pictures.decode import Picture

from car_client.inference.transport_trial import TransportTrial
from car_client.models.served_model import ServedModel
from car_client.settings import Transport


def choose_transport(
    wanted: Transport, model: ServedModel, pictures: Sequence[Picture], trial: TransportTrial
) -> Transport:
    """`JPEG` or `TENSOR` for a request with `pictures`; never `AUTO`.

    `AUTO` sends files that have fewer bytes than the tensor where `trial` finds them faster. Whether the
    server knows the layout, and so resizes, cannot be asked: `AUTO` wants a sign of it in the card or in
    rt_info; with `JPEG` the caller vouches for it.
    """
    if wanted is Transport.TENSOR or why_no_jpeg(model) is not None:
        return Transport.TENSOR
    server_resizes = model.server_resizes or wanted is Transport.JPEG
    if not all(_comes_out_the_same(model, picture, server_resizes=server_resizes) for picture in pictures):
        return Transport.TENSOR
    if wanted is Transport.JPEG:
        return Transport.JPEG
    steps = model.preprocessing
    tensor_bytes = len(pictures) * math.prod(steps.shape) * steps.dtype.itemsize
    file_bytes = sum(len(picture.content) for picture in pictures)
    return trial.choose() if file_bytes < tensor_bytes else Transport.TENSOR


def why_no_jpeg(model: ServedModel) -> str | None:
    """Why the server would make another tensor of a JPEG than this client; None when it would not."""
    steps = model.preprocessing
    if not model.decodes_files:
        return "the server is not one that decodes files"
    if steps.layout is not Layout.NHWC:
        return "the input is not NHWC"
    if steps.color is not Color.BGR:
        return "the model takes RGB, and the server decodes to BGR"
    if not steps.keeps_pixel_values:
        return "mean and scale are left to the client"
    if model.batch not in {None, 1}:
        return "the batch is fixed at more than one picture"
    if (steps.height, steps.width) != model.input.shape[1:3]:
        return "the input is of any size, and the server would not resize"
    return None


def _comes_out_the_same(model: ServedModel, picture: Picture, *, server_resizes: bool) -> bool:
    steps = model.preprocessing
    resizing = steps.resizing
    whole = resizing.mode is not ResizeMode.CROP or resizing.fraction == 1
    fits = picture.pixels.shape[:2] == (steps.height, steps.width) and whole
    stretched = resizing.mode is ResizeMode.STRETCH and resizing.interpolation is Interpolation.LINEAR
    return picture.plain_jpeg and (fits or (server_resizes and stretched))
