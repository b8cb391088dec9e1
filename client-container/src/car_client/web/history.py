"""What is read of the history: a filtered page of answers, and all of them as CSV."""

from typing import Annotated

from edge_common.errors import RejectedError
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.history.entries import EntryDocument, HistoryFilter, entry_document, milliseconds_of
from car_client.history.history import History
from car_client.history.reading import csv_parts, first_rows, read_rows, read_thumbnail
from car_client.web.messages import FRESH, ApiError, limit_of

_FOR_A_MINUTE = {"Cache-Control": "private, max-age=60"}
"""No longer: a history that begins anew counts from 1 again."""
_MOST_DIGITS = 18
"""Of a number that surely fits into 63 bits."""
_LISTED, _MOST_LISTED = 100, 500
_MOST_ROWS = 1_000_000
"""In one CSV file; the most that spreadsheets open."""
_LONGEST = 300
HOW_TO_KEEP = (
    "No history is kept. Name a file in CAR_CLIENT_HISTORY, such as /var/lib/car-client/history.sqlite, and "
    "start the client again."
)


class HistoryDocument(TypedDict):
    """Answers that the filter lets through, newest first."""

    kept: Annotated[bool, Field(description="Whether a history is kept at all.")]
    sentence: Annotated[
        str, Field(description="What is wrong with it, or how to have one; empty: all is well.")
    ]
    entries: list[EntryDocument]
    next: Annotated[int | None, Field(description="The `before` of what follows; null: nothing does.")]


def history_routes(history: History | None) -> list[BaseRoute]:
    """Both read in worker threads, and by connections of their own."""

    def listed(request: Request) -> Response:
        wanted, at_most, before = (
            _filter_of(request),
            limit_of(request, _LISTED, _MOST_LISTED),
            _before_of(request),
        )
        if history is None:
            absent = HistoryDocument(kept=False, sentence=HOW_TO_KEEP, entries=[], next=None)
            return JSONResponse(absent, headers=FRESH)
        try:
            rows = read_rows(history.path, wanted, at_most=at_most + 1, before=before)
        except RejectedError as error:
            raise _doubted(history, error) from error
        more = len(rows) > at_most
        rows = rows[:at_most]
        document: HistoryDocument = {
            "kept": True,
            "sentence": history.sentence,
            "entries": [entry_document(row) for row in rows],
            "next": rows[-1][0] if more else None,
        }
        return JSONResponse(document, headers=FRESH)

    def as_csv(request: Request) -> Response:
        wanted = _filter_of(request)
        if history is None:
            raise ApiError(404, HOW_TO_KEEP)
        try:
            first = first_rows(history.path, wanted)
        except RejectedError as error:
            raise _doubted(history, error) from error
        parts = csv_parts(history.path, wanted, first=first, at_most=_MOST_ROWS)
        headers = {**FRESH, "Content-Disposition": 'attachment; filename="history.csv"'}
        return StreamingResponse(parts, media_type="text/csv", headers=headers)

    def thumbnail(request: Request) -> Response:
        number = request.path_params["number"]
        is_number = number.isdecimal() and len(number) <= _MOST_DIGITS
        try:
            file = read_thumbnail(history.path, int(number)) if history is not None and is_number else None
        except RejectedError as error:
            raise ApiError(404, str(error)) from error
        if file is None:
            raise ApiError(404, "there is no such small picture, or not any more")
        return Response(file, media_type="image/jpeg", headers=_FOR_A_MINUTE)

    return [
        Route("/api/history", listed),
        Route("/api/history.csv", as_csv),
        Route("/api/history/{number}.jpg", thumbnail),
    ]


def _doubted(history: History, error: RejectedError) -> ApiError:
    history.doubt()
    return ApiError(503, f"{error}; it is looked through, and begun anew if it is damaged")


def _filter_of(request: Request) -> HistoryFilter:
    """The filter of a query; an empty parameter is none. Raises ApiError 400."""
    query = request.query_params

    def text(name: str) -> str | None:
        return query.get(name, "")[:_LONGEST] or None

    def time(name: str) -> int | None:
        value = text(name)
        try:
            return milliseconds_of(value) if value is not None else None
        except ValueError as error:
            raise ApiError(400, f"{name}: {error}") from error

    return HistoryFilter(
        model=text("model"),
        source=text("source"),
        label=text("label"),
        min_probability=_probability(text("min_probability")),
        since=time("since"),
        until=time("until"),
    )


def _probability(given: str | None) -> float | None:
    if given is None:
        return None
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ApiError(400, f"min_probability is {given[:20]!r}; it must be a number from 0 to 1")
    return value


def _before_of(request: Request) -> int | None:
    given = request.query_params.get("before")
    if not given:
        return None
    if not (given.isdecimal() and len(given) <= _MOST_DIGITS):
        raise ApiError(400, f"before is {given[:20]!r}; it must be the `next` of an earlier answer")
    return int(given)
