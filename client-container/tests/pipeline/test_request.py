import dataclasses
from typing import Any

import numpy as np
import pytest
from car_client.models.served_model import FactSource, ServedModel
from car_client.pipeline.request import choose_transport, why_no_jpeg
from car_client.settings import Transport
from edge_common.classifiers import TensorSpec
from edge_common.model_card import Color, Interpolation, Layout, ResizeMode
from edge_common.pictures.decode import Picture, PictureLimits, decode_picture
from edge_common.pictures.steps import Preprocessing, Resizing
from made_pictures import encoded, jpeg

LIMITS = PictureLimits(1_000_000, 1_000_000)
IMAGE_MODEL = ServedModel(
    name="m",
    version=1,
    input=TensorSpec("image", "UINT8", (1, 64, 64, 3)),
    output=TensorSpec("y", "FP32", (1, 3)),
    preprocessing=Preprocessing(
        64, 64, np.dtype("u1"), Layout.NHWC, Color.BGR, resizing=Resizing(antialias=False)
    ),
    source=FactSource.CARD,
)


def model(*, batch: int = 1, **changes: Any) -> ServedModel:
    return dataclasses.replace(
        IMAGE_MODEL,
        input=TensorSpec("image", "UINT8", (batch, 64, 64, 3)),
        preprocessing=dataclasses.replace(IMAGE_MODEL.preprocessing, **changes),
    )


def picture(content: bytes) -> Picture:
    return decode_picture("p", content, LIMITS)


SMALL = picture(jpeg("red", size=(50, 40)))
SAME_SIZE = picture(jpeg("red", size=(64, 64)))
NOISE = np.random.default_rng(3).integers(0, 256, (400, 400, 3)).astype(np.uint8)
LARGE = picture(encoded(NOISE, "JPEG", quality=95))


def test_auto_sends_files_that_have_the_models_size_already() -> None:
    assert choose_transport(Transport.AUTO, IMAGE_MODEL, [SAME_SIZE]) is Transport.JPEG
    assert choose_transport(Transport.AUTO, IMAGE_MODEL, [SMALL]) is Transport.TENSOR
    assert choose_transport(Transport.AUTO, IMAGE_MODEL, [SAME_SIZE, SMALL]) is Transport.TENSOR


def test_jpeg_leaves_the_stretching_to_the_server() -> None:
    assert choose_transport(Transport.JPEG, IMAGE_MODEL, [SMALL]) is Transport.JPEG
    assert choose_transport(Transport.JPEG, IMAGE_MODEL, [SAME_SIZE, LARGE]) is Transport.JPEG


def test_tensor_means_tensor() -> None:
    assert choose_transport(Transport.TENSOR, IMAGE_MODEL, [SAME_SIZE]) is Transport.TENSOR


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layout": Layout.NCHW}, "not NHWC"),
        ({"color": Color.RGB}, "takes RGB"),
        ({"mean": (127.0, 127.0, 127.0)}, "mean and scale"),
        ({"scale": (255.0, 255.0, 255.0)}, "mean and scale"),
        ({"batch": 4}, "batch is fixed"),
        ({"height": 32}, "any size"),
    ],
)
def test_a_model_for_which_the_server_would_make_another_tensor_gets_the_tensor(
    changes: dict[str, Any], reason: str
) -> None:
    described = model(**changes)
    assert reason in (why_no_jpeg(described) or "")
    assert choose_transport(Transport.JPEG, described, [SMALL]) is Transport.TENSOR


@pytest.mark.parametrize(
    "resizing",
    [
        Resizing(ResizeMode.CROP),
        Resizing(ResizeMode.LETTERBOX),
        Resizing(interpolation=Interpolation.CUBIC, antialias=False),
        Resizing(),  # with antialiasing, which servers leave out
    ],
)
def test_another_resize_than_the_servers_needs_the_tensor(resizing: Resizing) -> None:
    described = model(resizing=resizing)
    assert choose_transport(Transport.JPEG, described, [SMALL]) is Transport.TENSOR
    assert choose_transport(Transport.JPEG, described, [SAME_SIZE]) is Transport.JPEG


def test_a_picture_that_is_enlarged_before_the_cut_needs_the_tensor() -> None:
    described = model(resizing=Resizing(ResizeMode.CROP, to=80))
    assert choose_transport(Transport.JPEG, described, [SAME_SIZE]) is Transport.TENSOR


def test_one_picture_that_is_no_plain_jpeg_makes_the_whole_batch_a_tensor() -> None:
    png = picture(encoded(NOISE[:64, :64]))
    grey = picture(encoded(NOISE[..., 0], "JPEG"))
    for other in (png, grey):
        assert choose_transport(Transport.JPEG, model(batch=-1), [SMALL, other]) is Transport.TENSOR
