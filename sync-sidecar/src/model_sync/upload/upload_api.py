"""A version sent over HTTP as a zip: collected and checked on the volume, then uploaded as `push` does."""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from edge_common.errors import RejectedError, RetryableError
from edge_common.http_server import read_rest
from edge_common.logs import get_logger
from edge_common.quantities import format_size
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from model_sync.bucket.keys import is_model_name, is_version_name, quoted, version_name_advice
from model_sync.loop.wakeup import Clock
from model_sync.planning.disk_budget import least_free
from model_sync.planning.history import Event, HistoryEntry
from model_sync.status.report import Posted
from model_sync.status.request_checks import RefusedError, guarded, read_name, refuse_others
from model_sync.upload.archive import MAX_ZIP_BYTES, Archive
from model_sync.upload.check import check_model
from model_sync.upload.folder import read_version_folder
from model_sync.upload.push import Destination
from model_sync.volume.own_files import refusal
from model_sync.volume.volume import Volume

_log = get_logger()
_NEXT = "next"
_SILENCE = 60.0
"""Seconds without a byte after which an upload counts as broken off."""
_WRITTEN_AT_ONCE = 1024**2
_NEEDS_WRITING = (
    "The sidecar's credentials need s3:PutObject on the whole bucket for uploads; or use model-sync push "
    "with credentials of your own"
)


@dataclass
class UploadApi:
    """The handler of `POST /v1/uploads?model=NAME&version=N|next&by=NAME` with a zip as its body."""

    token: str
    """Empty: it is off."""
    volume: Volume
    own: str
    """This pod's name, unlike all others on the volume."""
    min_free: int | None
    destination: Callable[[], Destination]
    look: Callable[[], None]
    note: Callable[[HistoryEntry], None]
    posted: Posted
    clock: Clock
    _busy: bool = field(default=False, init=False)

    def routes(self) -> list[Route]:
        """The one route."""
        upload = guarded(self.token, _NEEDS_WRITING, self.upload)

        async def handle(request: Request) -> Response:
            answer = await upload(request)
            await read_rest(request, MAX_ZIP_BYTES, _SILENCE)
            return answer

        return [Route("/v1/uploads", handle, methods=["POST"])]

    async def upload(self, request: Request) -> Mapping[str, Any]:
        """Take the version that the body holds; raises RefusedError, or one of ours, when it is not taken."""
        asked = dict(request.query_params)
        model, version = asked.pop("model", ""), asked.pop("version", _NEXT)
        by = read_name(asked.pop("by", ""))
        refuse_others(asked)
        if not is_model_name(model):
            raise RejectedError(
                f"{quoted(model)} cannot be a model's name; use letters, digits, '_', '.' and '-', at most 63"
            )
        if version != _NEXT and not is_version_name(version):
            raise RejectedError(version_name_advice(version))
        size = _size(request)
        if "role" not in self.posted.document:
            raise RetryableError("this pod has not looked at its volume yet; try again in a moment")
        if self._busy:
            raise RefusedError(HTTPStatus.CONFLICT, "another upload is under way; send it when that is done")
        self._busy = True
        folder = self.volume.uploads_root / self.own
        try:
            await run_in_threadpool(self._begin, folder, size)
            archive = folder / "upload.zip"
            with archive.open("xb") as file:
                await _collect(request, size, file)
            wanted = None if version == _NEXT else version
            return await run_in_threadpool(self._send, archive, model, wanted, by)
        except OSError as error:
            raise RetryableError(refusal(error)) from error
        finally:
            await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
            self._busy = False

    def _begin(self, folder: Path, size: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        folder.mkdir(parents=True)
        self._expect_room(size)

    def _send(self, archive: Path, model: str, wanted: str | None, by: str) -> Mapping[str, Any]:
        tree = archive.parent / model / (wanted or "1")
        with Archive(archive) as opened:
            self._expect_room(2 * opened.size)  # the check reads it as it would the bucket, into a copy
            opened.unpack(tree)
        archive.unlink()
        version = read_version_folder(tree, model, tree.name)
        destination = self.destination()
        target = destination.choose_target(version, wanted)
        version, at = replace(version, version=target.version), self.clock.now()
        files = "1 file" if len(version.files) == 1 else f"{len(version.files)} files"
        what = f"{files}, {format_size(version.size)}"
        if target.there:
            said = f"{model} version {target.version} has these files already; nothing was sent"
        else:
            (checked,) = check_model(tree, loads=False, scratch=archive.parent)
            if checked.problem is not None:
                raise RejectedError(f"nothing was sent, as it is not fit to serve: {checked.problem}")
            at = destination.send(version)
            said = f"{model} version {target.version} is in the bucket: {what}; it is fetched and tried now"
            _log.info("operator_sent", model=model, version=target.version, by=by, bytes=version.size)
            self.note(HistoryEntry(self.clock.now(), Event.SENT, model, target.version, what, by))
        self.look()
        facts = {"files": len(version.files), "bytes": version.size, "digest": version.digest}
        return {"status": said, "model": model, "version": target.version, **facts, "uploaded_at": at}

    def _expect_room(self, size: int) -> None:
        usage = self.volume.usage()
        if usage is not None and usage.free - least_free(usage.total, self.min_free) < size:
            raise RetryableError(
                f"the volume has no room for it: {format_size(size)} are needed, {format_size(usage.free)} "
                "are free; remove models from the bucket, or make the volume larger"
            )


def _size(request: Request) -> int:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/zip":
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send a zip, as Content-Type: application/zip")
    told = request.headers.get("content-length", "")
    if not (told.isascii() and told.isdecimal()):
        raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "say how many bytes the zip has, as Content-Length")
    if int(told[:20]) > MAX_ZIP_BYTES:
        raise RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the zip has more than {format_size(MAX_ZIP_BYTES)}; send it with model-sync push",
        )
    return int(told)


async def _collect(request: Request, size: int, file: BinaryIO) -> None:
    """Write the body to `file`; raises RefusedError when it breaks off, or goes on after `size` bytes."""
    held, received = bytearray(), 0
    try:
        async with asyncio.timeout(_SILENCE) as silence:
            async for chunk in request.stream():
                silence.reschedule(asyncio.get_running_loop().time() + _SILENCE)
                held += chunk
                received += len(chunk)
                if received > size:
                    break
                if len(held) >= _WRITTEN_AT_ONCE:
                    await run_in_threadpool(file.write, held)
                    held.clear()
    except (ClientDisconnect, TimeoutError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the upload broke off; nothing of it is kept") from error
    if received != size:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the upload is not as long as it said; send it again")
    await run_in_threadpool(file.write, held)
