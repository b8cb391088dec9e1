"""HTTP/1.1 on asyncio: sockets, requests as they arrive, answers in order. Knows no models."""
