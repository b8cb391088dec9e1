"""Whether a picture goes to the server as prepared pixels or as the file it is.

OVMS decodes JPEG bytes to BGR 0...255, stretches them to the input's size with a linear kernel and without
antialiasing if it knows the layout to be NHWC, and applies neither mean nor scale (OVMS:
tensor_conversion.cpp; measured on 2026.2.1). So the file may be sent exactly where that gives the same tensor
as this client would make.
"""

from collections.abc import Sequence

from edge_common.model_card import Color, Interpolation, Layout, ResizeMode
from edge_common.pictures.decode import Picture

from car_client.models.served_model import ServedModel
from car_client.settings import Transport


def choose_transport(wanted: Transport, model: ServedModel, pictures: Sequence[Picture]) -> Transport:
    """`JPEG` or `TENSOR` for a request with `pictures`; the same for the same pictures and model.

    `AUTO` sends files that have the model's size already, so that the server only decodes them. `JPEG` also
    sends those that the server stretches as the model wants it; the caller vouches that it does.
    """
    if wanted is Transport.TENSOR or why_no_jpeg(model) is not None:
        return Transport.TENSOR
    steps = model.preprocessing
    resizing = steps.resizing
    whole = resizing.mode is not ResizeMode.CROP or (resizing.fraction == 1 and resizing.to is None)
    stretched = (
        resizing.mode is ResizeMode.STRETCH
        and resizing.interpolation is Interpolation.LINEAR
        and not resizing.antialias
    )

    def comes_out_the_same(picture: Picture) -> bool:
        fits = whole and picture.pixels.shape[:2] == (steps.height, steps.width)
        return picture.plain_jpeg and (fits or (stretched and wanted is Transport.JPEG))

    return Transport.JPEG if all(map(comes_out_the_same, pictures)) else Transport.TENSOR


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
