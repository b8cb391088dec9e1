"""Pictures at addresses that the page names: whether they may be fetched, and the request for one."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from car_client.sources.fetch import SCHEMES, FetchError, address_for_people, fetch
from car_client.web.error_answers import ApiError
from car_client.web.json_requests import read_json
from car_client.web.uploads import Upload

Allowed = Literal["off", "public", "any"]
"""Addresses that are fetched for the page: none, those outside of private networks, or all."""
_MOST_BYTES = 16 * 1024
_Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


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
