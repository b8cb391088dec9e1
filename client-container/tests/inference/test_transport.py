import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from car_client.inference.transport import choose_transport, why_no_jpeg
from car_client.inference.transport_trial import TransportTrial
from car_client.kserve.tensors import TensorSpec
from car_client.models.served_model import FactSource, ServedModel
from car_client.settings import Transport
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
    preprocessing=Preprocessing(64, 64, np.dtype("u1"), Layout.NHWC, Color.BGR),
    source=FactSource.CARD,
    server_resizes=True,
)


def model(*, server_resizes: bool = True, batch: int = 1, **changes: Any) -> ServedModel:
    return dataclasses.replace(
        IMAGE_MODEL,
        input=TensorSpec("image", "UINT8", (batch, 64, 64, 3)),
        preprocessing=dataclasses.replace(IMAGE_MODEL.preprocessing, **changes),
        server_resizes=server_resizes,
    )


def picture(content: bytes) -> Picture:
    return decode_picture("p", content, LIMITS)


SMALL = picture(jpeg("red", size=(50, 40)))
SAME_SIZE = picture(jpeg("red", size=(64, 64)))
NOISE = np.random.default_rng(3).integers(0, 256, (400, 400, 3)).astype(np.uint8)
HEAVY = picture(encoded(NOISE, "JPEG", quality=95))


def tried(*, files: float, pixels: float) -> TransportTrial:
    """A trial after five requests each way, which took so many seconds."""
    trial = TransportTrial()
    for _ in range(5):
        trial.note(Transport.JPEG, files)
        trial.note(Transport.TENSOR, pixels)
    return trial


def chosen(
    wanted: Transport, model: ServedModel, pictures: Sequence[Picture], trial: TransportTrial | None = None
) -> Transport:
    return choose_transport(wanted, model, pictures, trial or tried(files=0.01, pixels=0.02))


def test_auto_sends_the_file_only_when_it_is_smaller_than_the_tensor() -> None:
    assert chosen(Transport.AUTO, IMAGE_MODEL, [SMALL]) is Transport.JPEG
    assert len(HEAVY.content) > 64 * 64 * 3
    assert chosen(Transport.AUTO, IMAGE_MODEL, [HEAVY]) is Transport.TENSOR
    assert chosen(Transport.JPEG, IMAGE_MODEL, [HEAVY]) is Transport.JPEG


@pytest.mark.parametrize(
    ("files", "pixels", "better"),
    [
        (0.010, 0.020, Transport.JPEG),
        (0.017, 0.020, Transport.TENSOR),
        (0.030, 0.020, Transport.TENSOR),
    ],
    ids=["twice-as-fast", "hardly-faster", "slower"],
)
def test_auto_sends_files_where_they_are_clearly_faster(
    files: float, pixels: float, better: Transport
) -> None:
    trial = tried(files=files, pixels=pixels)
    assert chosen(Transport.AUTO, IMAGE_MODEL, [SMALL], trial) is better


def test_auto_tries_both_ways_first_beginning_with_pixels() -> None:
    trial = TransportTrial()
    ways = []
    for _ in range(10):
        ways.append(chosen(Transport.AUTO, IMAGE_MODEL, [SMALL], trial))
        trial.note(ways[-1], 0.01)
    assert ways == [Transport.TENSOR, Transport.JPEG] * 5
    assert chosen(Transport.AUTO, IMAGE_MODEL, [SMALL], trial) is Transport.TENSOR


def test_auto_notices_a_network_that_has_become_slow() -> None:
    trial = tried(files=0.01, pixels=0.01)
    ways = []
    for _ in range(1000):
        ways.append(chosen(Transport.AUTO, IMAGE_MODEL, [SMALL], trial))
        trial.note(ways[-1], 0.02 if ways[-1] is Transport.JPEG else 0.2)
    assert ways[0] is Transport.TENSOR
    assert ways[-2] is Transport.JPEG
    assert ways[500:].count(Transport.TENSOR) == 5


def test_tensor_means_tensor() -> None:
    assert chosen(Transport.TENSOR, IMAGE_MODEL, [SMALL]) is Transport.TENSOR


def test_auto_wants_a_sign_that_the_server_resizes_unless_nothing_is_to_be_resized() -> None:
    silent = model(server_resizes=False)
    assert chosen(Transport.AUTO, silent, [SMALL]) is Transport.TENSOR
    assert chosen(Transport.AUTO, silent, [SAME_SIZE]) is Transport.JPEG
    assert chosen(Transport.JPEG, silent, [SMALL]) is Transport.JPEG


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
    assert chosen(Transport.JPEG, described, [SMALL]) is Transport.TENSOR


@pytest.mark.parametrize(
    "resizing",
    [
        Resizing(ResizeMode.CROP),
        Resizing(ResizeMode.LETTERBOX),
        Resizing(interpolation=Interpolation.CUBIC),
    ],
)
def test_another_resize_than_the_servers_needs_the_tensor(resizing: Resizing) -> None:
    described = model(resizing=resizing)
    assert chosen(Transport.JPEG, described, [SMALL]) is Transport.TENSOR
    assert chosen(Transport.JPEG, described, [SAME_SIZE]) is Transport.JPEG


def test_one_picture_that_is_no_plain_jpeg_makes_the_whole_batch_a_tensor() -> None:
    png = picture(encoded(NOISE[:64, :64]))
    grey = picture(encoded(NOISE[..., 0], "JPEG"))
    for other in (png, grey):
        assert chosen(Transport.JPEG, model(batch=-1), [SMALL, other]) is Transport.TENSOR
