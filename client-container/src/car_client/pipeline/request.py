"""What goes into one request: how many pictures, as prepared pixels or as the files that they are.

OVMS decodes JPEG bytes to BGR 0...255, stretches them to the input's size with a linear kernel and without
antialiasing if it knows the layout to be NHWC, and applies neither mean nor scale (OVMS:
tensor_conversion.cpp; measured on 2026.2.1). So the file may be sent exactly where that gives the same tensor
as this client would make.
"""

import threading
from collections import Counter
from collections.abc import Sequence

import numpy as np
from edge_common.model_card import Color, Interpolation, Layout, ResizeMode
from edge_common.pictures.decode import Picture
from edge_common.pictures.preprocess import preprocess

from car_client.kserve.inference import RequestTensor
from car_client.models.served_model import ServedModel
from car_client.settings import Transport

_PROOFS = 2
"""Requests in a row that failed as a whole and went picture by picture, before it is done so at once."""


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


def prepared_tensor(model: ServedModel, pictures: Sequence[Picture]) -> RequestTensor:
    """What the model takes for `pictures`: at most as many as its batch, which is filled up when fixed."""
    steps = model.preprocessing
    batch = np.empty((model.batch or len(pictures), *steps.shape), steps.dtype)
    for place, picture in enumerate(pictures):
        preprocess(picture.pixels, steps, into=batch[place])
    # A fixed batch must be full; the answers to the repetitions are not read.
    batch[len(pictures) :] = batch[len(pictures) - 1]
    return RequestTensor.of_array(model.input.name, model.input.datatype, batch)


def as_jpeg(model: ServedModel, pictures: Sequence[Picture]) -> RequestTensor:
    """The files of `pictures` as they are."""
    return RequestTensor.of_blobs(model.input.name, [picture.content for picture in pictures])


class BatchSizes:
    """At most `most` pictures, fewer where the model's batch is fixed, or where experience teaches it.

    A model may say that it takes any number and have 1 written inside all the same; the server cannot know.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._proofs: Counter[tuple[str, int]] = Counter()
        """By model and version."""
        self._failing: set[str] = set()
        """Models that answered no picture alone either, however long they were waited for."""

    def of(self, model: ServedModel) -> int:
        """Pictures in one request to `model`."""
        alone = self._proofs[model.name, model.version] >= _PROOFS
        return model.batch or (1 if alone else self._most)

    def is_worth_waiting(self, model: ServedModel) -> bool:
        """Whether `model` may come round after a request failed; not if it did not the last time."""
        return model.name not in self._failing

    def note_answered(self, model: ServedModel) -> None:
        """Several pictures were answered by one request."""
        with self._lock:
            self._proofs.pop((model.name, model.version), None)
            self._failing.discard(model.name)

    def note_split(self, model: ServedModel, *, answered: int, of: int) -> None:
        """A request with several pictures failed; `answered` of them found an answer alone."""
        with self._lock:
            if not answered:
                self._failing.add(model.name)
                return
            self._failing.discard(model.name)
            if answered == of:
                for known in [
                    key for key in self._proofs if key[0] == model.name and key[1] != model.version
                ]:
                    del self._proofs[known]
                self._proofs[model.name, model.version] += 1
