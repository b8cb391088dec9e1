"""Pictures sent to review from the page: what waits there, and what a person says that they show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from edge_common.errors import RejectedError
from edge_common.logs import get_logger
from edge_common.printable import printable
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from car_client.kserve.connection import Connection
from car_client.output.source_record import SourceRecord
from car_client.review.bucket import ReviewBucket, ReviewItem
from car_client.review.items import Label, ReviewAnswer, ReviewId, ReviewRecord, jpeg_of
from car_client.web.messages import FRESH, ApiError, read_json
from car_client.web.operator import ByDocument, check_token, token_of
from car_client.web.platform.overview import ChangesDocument

_log = get_logger()
_FOR_A_DAY = {"Cache-Control": "private, max-age=86400, immutable"}
_MOST_BYTES = 4096
_LISTED = 50
HOW_TO_REVIEW = (
    "Pictures cannot be sent to review. Name a place for them in CAR_CLIENT_REVIEW, such as "
    "s3://pictures/review, with the keys of its store, and start the client again."
)


class LabelRequest(ByDocument):
    """What the picture shows."""

    label: Label | None
    """None takes an earlier one back."""


class ReviewItemDocument(ReviewRecord):
    """A picture in review."""

    id: str
    picture: Annotated[str, Field(description="Path of the JPEG file.")]


class ReviewDocument(BaseModel):
    """The newest pictures in review, newest first."""

    on: Annotated[bool, Field(description="Whether pictures can be sent there at all.")]
    how: Annotated[str, Field(description="How to switch it on; empty: it is.")]
    place: str
    count: Annotated[int, Field(description="Of all that are there.")]
    items: list[ReviewItemDocument]
    changes: ChangesDocument


@dataclass(frozen=True)
class ReviewRoutes:
    """What may be read by all, and changed by whoever has the sidecar's token."""

    review: ReviewBucket | None
    sources: Sequence[SourceRecord]
    sidecar: Connection | None
    changes: Callable[[], ChangesDocument]
    tell: Callable[[], None]
    """Called after a change."""

    def routes(self) -> list[BaseRoute]:
        """All that touches the store runs in worker threads."""
        return [
            Route("/api/review", self._listed),
            Route("/api/review/{day}/{digest}.jpg", self._picture),
            Route("/api/review/{day}/{digest}", self._label, methods=["PUT"]),
            Route("/api/cameras/{number}/review", self._send, methods=["POST"]),
        ]

    def _listed(self, _request: Request) -> Response:
        items, count = self.review.items(_LISTED) if self.review is not None else ([], 0)
        document = ReviewDocument(
            on=self.review is not None,
            how="" if self.review is not None else HOW_TO_REVIEW,
            place=str(self.review or ""),
            count=count,
            items=[_document(item) for item in items],
            changes=self.changes(),
        )
        return _answer(document)

    def _picture(self, request: Request) -> Response:
        file = self._place().picture(_id_of(request))
        if file is None:
            raise _absent()
        return Response(file, media_type="image/jpeg", headers=_FOR_A_DAY)

    async def _send(self, request: Request) -> Response:
        token = token_of(request)
        asked = await read_json(request, ByDocument, max_bytes=_MOST_BYTES, advice="shorten the name")
        return await run_in_threadpool(self._send_last, request.path_params["number"], asked.by, token)

    def _send_last(self, number: str, by: str, token: str) -> Response:
        place = self._place()
        check_token(self.sidecar, token, by)
        last = next((source.last() for source in self.sources if str(source.number) == number), None)
        if last is None:
            raise ApiError(404, "there is no such source, or no picture of it yet; see /api/cameras")
        picture, told = last
        record = ReviewRecord(
            source=told["name"],
            image=told["image"],
            time=told["time"] or "",
            answers=tuple(ReviewAnswer.model_validate(answer) for answer in told["answers"]),
            by=by,
        )
        try:
            item = place.send(jpeg_of(picture), record, now=datetime.now(UTC))
        except RejectedError as error:
            raise ApiError(409, str(error)) from error
        _log.info("review_sent", id=str(item.id), source=record.source, image=record.image, by=printable(by))
        return self._done(item)

    async def _label(self, request: Request) -> Response:
        token = token_of(request)
        asked = await read_json(request, LabelRequest, max_bytes=_MOST_BYTES, advice="shorten the label")
        return await run_in_threadpool(self._write_label, _id_of(request), asked, token)

    def _write_label(self, id_: ReviewId, asked: LabelRequest, token: str) -> Response:
        place = self._place()
        check_token(self.sidecar, token, asked.by)
        item = place.label(id_, asked.label, asked.by)
        if item is None:
            raise _absent()
        _log.info("review_labelled", id=str(id_), label=asked.label, by=printable(asked.by))
        return self._done(item)

    def _place(self) -> ReviewBucket:
        if self.review is None:
            raise ApiError(404, HOW_TO_REVIEW)
        return self.review

    def _done(self, item: ReviewItem) -> Response:
        self.tell()
        return _answer(_document(item))


def _document(item: ReviewItem) -> ReviewItemDocument:
    facts = item.record.model_dump(by_alias=True)
    return ReviewItemDocument(**facts, id=str(item.id), picture=f"/api/review/{item.id}.jpg")


def _answer(document: BaseModel) -> Response:
    return Response(document.model_dump_json(by_alias=True), media_type="application/json", headers=FRESH)


def _id_of(request: Request) -> ReviewId:
    """Raises ApiError 404 for what is no name of a picture in review."""
    id_ = ReviewId.parse(f"{request.path_params['day']}/{request.path_params['digest']}")
    if id_ is None:
        raise _absent()
    return id_


def _absent() -> ApiError:
    return ApiError(404, "there is no such picture in review, or not any more")
