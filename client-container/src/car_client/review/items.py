"""A picture in review: its file, its record as JSON, and what both objects are called. Pure."""

import re
from hashlib import sha256
from typing import Annotated, Literal, NamedTuple, Self

import cv2
from edge_common.errors import RejectedError
from edge_common.pictures.decode import Picture
from edge_common.printable import printable
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

_MOST_ANSWERS = 20
_LONGEST = 300
_LONGEST_LABEL = 200
_JPEG = b"\xff\xd8\xff"
_JPEG_QUALITY = 95
_ID = re.compile(r"(\d{4}-\d{2}-\d{2})/([0-9a-f]{64})")
_COMPUTED = tuple("=+-@\uff1d\uff0b\uff0d\uff20'")
"""What a spreadsheet takes for the begin of a formula or of text, and does not give back as it is."""


def _plain(label: str) -> str:
    if not label.isprintable() or label != label.strip():
        raise ValueError("a label is one line of plain characters, without blanks at its ends")
    if label.startswith(_COMPUTED):
        raise ValueError("a label does not begin with = + - @ or ', which spreadsheets do not show as it is")
    return label


Label = Annotated[str, Field(min_length=1, max_length=_LONGEST_LABEL), AfterValidator(_plain)]
"""What a person says that a picture shows."""
_Text = Annotated[str, AfterValidator(lambda text: printable(text[:_LONGEST]))]


class ReviewAnswer(BaseModel):
    """What one model said of the picture first, whether it was sure or not."""

    model_config = ConfigDict(frozen=True)

    model: _Text
    version: int
    label: _Text
    sure: bool
    probability: float


class ReviewRecord(BaseModel):
    """The JSON object beside a picture; text of strangers in it is printable."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    source: _Text
    """Name of the camera."""
    image: _Text
    """What the picture is called there."""
    time: _Text
    """When it was answered; ISO 8601."""
    answers: Annotated[tuple[ReviewAnswer, ...], Field(max_length=_MOST_ANSWERS)]
    label: Label | None = None
    """What it shows; None: nobody has said it yet."""
    by: _Text = ""
    """Who sent it, or labelled it last."""

    def content(self) -> bytes:
        """The object."""
        return self.model_dump_json(by_alias=True, indent=1).encode()

    @classmethod
    def parse(cls, name: str, content: bytes) -> Self:
        """From the object called `name`; raises RejectedError for anything else."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = printable(".".join(map(str, first["loc"])))[:_LONGEST]
            raise RejectedError(f"{name} is no record of a review: {place}: {first['msg']}") from error


class ReviewId(NamedTuple):
    """Names a picture in review: the day on which it was sent, and the SHA-256 of its file."""

    day: str
    """`yyyy-mm-dd`, UTC."""
    digest: str

    @classmethod
    def of(cls, jpeg: bytes, day: str) -> Self:
        """Of a file that is sent on `day`."""
        return cls(day, sha256(jpeg).hexdigest())

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From `day/digest`; None for anything else."""
        found = _ID.fullmatch(text)
        return cls(*found.groups()) if found is not None else None

    def __str__(self) -> str:
        """`day/digest`, as in the bucket below the prefix, without the suffix."""
        return f"{self.day}/{self.digest}"


def jpeg_of(picture: Picture) -> bytes:
    """The file as it came if it is a JPEG file, else its pixels as one; raises RejectedError."""
    if picture.content.startswith(_JPEG):
        return picture.content
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    done, encoded = cv2.imencode(".jpg", picture.pixels[..., ::-1], quality)
    if not done:
        raise RejectedError(f"{printable(picture.name)} cannot become a JPEG file; it is too wide or high")
    return bytes(encoded.tobytes())
