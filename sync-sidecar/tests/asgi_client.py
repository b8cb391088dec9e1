"""Asks an ASGI app in this thread, from any address it is to believe in."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message


@dataclass
class Answer:
    status_code: int = 0
    content: bytes = b""

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
        return asyncio.run(self._ask("GET", path, ""))

    def post(self, path: str, *, authorization: str = "") -> Answer:
        return asyncio.run(self._ask("POST", path, authorization))

    async def _ask(self, method: str, target: str, authorization: str) -> Answer:
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
            "headers": [(b"authorization", authorization.encode("latin-1"))] if authorization else [],
            "client": self.address,
            "server": ("127.0.0.1", 8081),
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            answer.status_code = message.get("status", answer.status_code)
            answer.content += message.get("body", b"")

        await self.app(scope, receive, send)
        return answer
