import asyncio
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast
from zipfile import ZipFile

import pytest
from asgi_client import Answer, AsgiClient
from edge_common.errors import FatalError
from hand_clock import HandClock
from memory_store import MemoryStore
from model_sync.planning.history import Event, HistoryEntry
from model_sync.settings import Settings
from model_sync.status.report import Posted
from model_sync.upload.push import Destination
from model_sync.upload.upload_api import UploadApi
from model_sync.volume.probe import DiskUsage
from model_sync.volume.volume import Volume
from starlette.applications import Starlette
from starlette.types import Message
from tiny_models import write_model

if TYPE_CHECKING:
    from model_sync.store.s3_store import S3Bucket

_TOKEN = "a secret of an operator"
_ASKED = "/v1/uploads?model=cars&by=Anna"


class _Bucket(MemoryStore):
    refusal: Exception | None = None

    def put_file(self, key: str, path: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.put(key, Path(path).read_bytes())

    def ensure_exists(self, *, create: bool) -> None:
        assert not create


@dataclass
class _Site:
    volume: Volume
    api: UploadApi
    bucket: _Bucket
    noted: list[HistoryEntry] = field(default_factory=list)

    def send(self, content: bytes, path: str = _ASKED, **headers: str) -> Answer:
        sent = {
            "authorization": f"Bearer {_TOKEN}",
            "content_type": "application/zip",
            "content_length": str(len(content)),
        } | headers
        client = AsgiClient(Starlette(routes=self.api.routes()), ("10.0.0.7", 1))
        answer = client.ask("POST", path, content, **sent)
        assert not list(self.volume.uploads_root.glob("*")), "nothing is left, whatever became of it"
        return answer

    def refused(self, status: int, content: bytes, path: str = _ASKED, **headers: str) -> str:
        before = dict(self.bucket.objects)
        answer = self.send(content, path, **headers)
        assert (answer.status_code, self.bucket.objects, self.noted) == (status, before, [])
        return str(answer.json()["error"])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Site:
    volume, bucket, noted = Volume(tmp_path / "models"), _Bucket(), list[HistoryEntry]()
    volume.root.mkdir()
    volume.prepare()
    monkeypatch.setenv("MODEL_SYNC_MODELS_DIR", str(volume.root))
    settings = Settings(models_dir=volume.root)
    api = UploadApi(
        _TOKEN,
        volume,
        "pod",
        0,
        lambda: Destination(settings, cast("S3Bucket", bucket)),
        lambda: None,
        noted.append,
        Posted({"role": "writer"}),
        HandClock(),
    )
    return _Site(volume, api, bucket, noted)


@pytest.fixture
def model(tmp_path: Path) -> dict[str, bytes]:
    return {"model.onnx": (write_model(tmp_path / "1", 1.0) / "model.onnx").read_bytes()}


def packed(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def test_a_zip_becomes_the_next_version_whole_and_is_remembered_with_who_sent_it(
    site: _Site, model: dict[str, bytes]
) -> None:
    answer = site.send(packed(model))
    assert answer.status_code == 202
    told = answer.json()
    assert told["status"].startswith("cars version 1 is in the bucket: 1 file, ")
    assert (told["model"], told["version"], told["files"]) == ("cars", "1", 1)
    assert list(site.bucket.objects) == ["cars/1/model.onnx", "cars/1/SHA256SUMS"], "the sums come last"
    (entry,) = site.noted
    assert (entry.event, entry.model, entry.version, entry.by) == (Event.SENT, "cars", "1", "Anna")
    assert "these files already" in site.send(packed(model)).json()["status"]
    other = packed(model | {"labels.txt": b"a\n"})
    assert site.send(other, f"{_ASKED}&version=next").json()["version"] == "2"
    assert "with other files" in site.send(packed(model), f"{_ASKED}&version=2").json()["error"]


def test_what_is_not_fit_is_told_and_not_sent(site: _Site, model: dict[str, bytes]) -> None:
    assert "it is no zip" in site.refused(400, b"x" * 100)
    bad = packed({"model.onnx": b"<html>not found</html>"})
    assert "nothing was sent, as it is not fit to serve" in site.refused(400, bad)
    sums = packed(model | {"SHA256SUMS": b"0" * 64 + b"  model.onnx\n"})
    assert "does not have the digest" in site.refused(400, sums)
    assert "model.yaml: schema" in site.refused(400, packed(model | {"model.yaml": b"schema: 99\n"}))


@pytest.mark.parametrize(
    ("status", "path", "headers", "says"),
    [
        (400, "/v1/uploads?model=../x&by=A", {}, "cannot be a model's name"),
        (400, f"{_ASKED}&version=01", {}, "is not a version number"),
        (400, "/v1/uploads?model=cars", {}, "say who asks"),
        (400, f"{_ASKED}&more=1", {}, "unknown key 'more'"),
        (401, _ASKED, {"authorization": "Bearer other"}, "MODEL_SYNC_API_TOKEN"),
        (403, _ASKED, {"origin": "http://evil"}, "no page in a browser"),
        (411, _ASKED, {"content_length": ""}, "Content-Length"),
        (413, _ASKED, {"content_length": str(2**31 + 1)}, "model-sync push"),
        (415, _ASKED, {"content_type": "text/plain"}, "application/zip"),
        (400, _ASKED, {"content_length": "5"}, "not as long as it said"),
    ],
)
def test_what_is_asked_is_checked_before_anything_is_unpacked(
    site: _Site, status: int, path: str, headers: dict[str, str], says: str
) -> None:
    assert says in site.refused(status, b"a zip" * 20, path, **headers)


def test_where_it_is_off_starts_is_full_or_may_not_write_that_is_said(
    site: _Site, model: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = packed(model)
    with monkeypatch.context() as full:
        full.setattr(site.volume, "usage", lambda: DiskUsage(10**9, 10))
        assert "the volume has no room for it" in site.refused(503, content)
    site.bucket.refusal = FatalError("cannot write 'cars/1/model.onnx'")
    assert "need s3:PutObject" in site.refused(403, content)
    site.api.posted.document = {}
    assert "has not looked at its volume yet" in site.refused(503, content)
    site.api.token = ""
    assert "MODEL_SYNC_API_TOKEN" in site.refused(403, content)


def test_one_that_breaks_off_leaves_nothing_and_a_second_one_waits(site: _Site) -> None:
    client = AsgiClient(Starlette(routes=site.api.routes()), ("10.0.0.7", 1))
    headers = [
        (b"authorization", f"Bearer {_TOKEN}".encode()),
        (b"content-length", b"100"),
        (b"content-type", b"application/zip"),
    ]
    query = b"model=cars&by=Anna"
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/uploads",
        "query_string": query,
        "headers": headers,
    }
    seconds, answered = list[Answer](), list[Message]()

    async def receive() -> Message:
        if seconds:
            return {"type": "http.disconnect"}
        seconds.append(await client._ask("POST", _ASKED, b"x" * 100, headers))
        return {"type": "http.request", "body": b"PK", "more_body": True}

    async def send(message: Message) -> None:
        answered.append(message)

    async def break_off() -> None:
        await client.app(scope, receive, send)

    asyncio.run(break_off())
    assert seconds[0].status_code == 409
    assert "another upload is under way" in seconds[0].text
    assert b"the upload broke off; nothing of it is kept" in answered[-1]["body"]
    assert not list(site.volume.uploads_root.glob("*"))
    assert not site.bucket.objects
