"""A picture to classify, uploaded or at an address that is named: bounded in size, parts and time."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from edge_common.printable import printable
from edge_common.quantities import format_size
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from car_client.sources.fetch import fetch
from car_client.sources.http_address import SCHEMES, FetchError, address_for_people
from car_client.web.messages import ApiError, content_type, read_json, whole_number

_FORM_BYTES = 64 * 1024
"""Room for the other parts of a form and the lines between them."""
_UPLOAD_SECONDS = 60.0
_MOST_FIELDS = 100
_MOST_CLASSES = 100
_NAME_LENGTH = 200
Allowed = Literal["off", "public", "any"]
"""Addresses that are fetched for the page: none, those outside of private networks, or all."""
_MOST_BYTES = 16 * 1024
_Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture to classify: with the models named, or all; `top_k` None takes each model's own."""

    name: str
    content: bytes
    models: tuple[str, ...]
    top_k: int | None


class _InMemoryParser(MultiPartParser):
    """Keeps files in memory, which the body's limit bounds; a pod's file system may be read-only."""

    spool_max_size = 2**31


async def read_upload(request: Request, *, max_bytes: int) -> Upload:
    """The upload of `POST /api/classify`. Raises ApiError 400, 408, 413 or 415."""
    kind = content_type(request)
    is_form = kind == "multipart/form-data"
    if not is_form and not kind.startswith(("image/", "application/octet-stream")):
        raise ApiError(
            415,
            f"the body is said to be {kind or 'of no type'}; send the picture as image/... or "
            "application/octet-stream, or a multipart/form-data form with a file named image",
        )
    limit = max_bytes + (_FORM_BYTES if is_form else 0)
    too_large = f"the picture has more than {format_size(max_bytes)}; send a smaller one"
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise ApiError(413, too_large)
    try:
        async with asyncio.timeout(_UPLOAD_SECONDS):
            body = _bounded(request, limit, too_large)
            return await (_read_form(request, body) if is_form else _read_body(request, body))
    except TimeoutError as error:
        raise ApiError(408, f"the upload took more than {_UPLOAD_SECONDS:g} s; send it again") from error
    except ClientDisconnect as error:
        raise ApiError(400, "the upload ended before its last byte; send it again") from error


async def _bounded(request: Request, limit: int, too_large: str) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise ApiError(413, too_large)
        yield chunk


async def _read_body(request: Request, body: AsyncGenerator[bytes, None]) -> Upload:
    content = b"".join([chunk async for chunk in body])
    query = request.query_params
    return _upload(query.get("name", "picture"), content, query.getlist("model"), query.get("top_k"))


async def _read_form(request: Request, body: AsyncGenerator[bytes, None]) -> Upload:
    parser = _InMemoryParser(
        request.headers, body, max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FORM_BYTES
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise ApiError(400, f"the form cannot be read: {error}") from error
    try:
        file = next((value for value in form.values() if isinstance(value, UploadFile)), None)
        if file is None:
            raise ApiError(400, "the form has no file; send the picture as a file named image")
        fields = [str(value) for value in form.getlist("model")] or request.query_params.getlist("model")
        top_k = form.get("top_k", request.query_params.get("top_k"))
        return _upload(file.filename or "picture", await file.read(), fields, str(top_k or "") or None)
    finally:
        await form.close()


def _upload(name: str, content: bytes, models: Iterable[str], top_k: str | None) -> Upload:
    classes = whole_number("top_k", top_k, _MOST_CLASSES) if top_k is not None else None
    named = tuple(dict.fromkeys(model for model in models if model and model != "all"))
    return Upload(printable(name[:_NAME_LENGTH]), content, named, classes)


class AddressRequest(BaseModel):
    """The body of `POST /api/classify-address`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    address: _Address
    """`http://...` or `https://...`"""
    models: Annotated[list[_Name], Field(max_length=100)] = []
    """Only these; none: all."""
    top_k: Annotated[int, Field(ge=1, le=100)] | None = None
    """Classes to return; none: what the model's card says."""


async def fetch_upload(request: Request, allowed: Allowed, *, max_bytes: int) -> Upload:
    """The picture at the address that `request` names. Raises ApiError 400, 403, 413, 415 or 422."""
    if allowed == "off":
        raise ApiError(
            403, "this client fetches no addresses; CAR_CLIENT_PAGE_ADDRESSES allows it, or send the file"
        )
    asked = await read_json(request, AddressRequest, max_bytes=_MOST_BYTES, advice="name one address")
    if not asked.address.startswith(SCHEMES):
        raise ApiError(400, "the address must begin with http:// or https://")
    name = address_for_people(asked.address)
    try:
        fetched = await run_in_threadpool(
            fetch, asked.address, max_bytes=max_bytes, only_public=allowed == "public"
        )
    except FetchError as error:
        raise ApiError(422, f"{name} gives no picture: {error}") from error
    return Upload(name, fetched.content, tuple(asked.models), asked.top_k)
