"""The web interface of a running client, as programs use it."""

from typing import Any

import requests
from car_client.web.gateway import Gateway


class PageClient:
    """The API of a running client."""

    def __init__(self, gateway: Gateway, url: str) -> None:
        self.gateway = gateway
        self.url = url

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=10, **options)

    def post(self, path: str = "/api/classify", **options: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=10, **options)

    def send(self, content: bytes, query: str = "", kind: str = "image/jpeg") -> requests.Response:
        return self.post(f"/api/classify?name=p.jpg{query}", data=content, headers={"Content-Type": kind})
