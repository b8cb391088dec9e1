"""Asks an ASGI app in this thread, from any address it is to believe in."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message


@dataclass
class Answer:
    status_code: int = 0
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    """With small letters."""

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def text(self) -> str:
        return self.content.decode()


@dataclass(frozen=True)
class AsgiClient:
    app: ASGIApp
    address: tuple[str, int]

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, *, authorization: str = "") -> Answer:
        return self.ask("POST", path, authorization=authorization)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """One request; `sec_fetch_site="none"` stands for the header sec-fetch-site."""
        told = ((key.replace("_", "-"), value) for key, value in headers.items() if value)
        sent = [(key.encode(), value.encode("latin-1")) for key, value in told]
        return asyncio.run(self._ask(method, path, body, sent))

    async def _ask(self, method: str, target: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> Answer:
        path, _, query = target.partition("?")
        answer = Answer()
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "root_path": "",
            "query_string": quote(query, safe="=&").encode(),
            "headers": headers,
            "client": self.address,
            "server": ("127.0.0.1", 8081),
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            answer.status_code = message.get("status", answer.status_code)
            answer.headers |= {name.decode(): value.decode() for name, value in message.get("headers", ())}
            answer.content += message.get("body", b"")

        await self.app(scope, receive, send)
        return answer
