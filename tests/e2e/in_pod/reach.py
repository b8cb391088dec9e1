"""Tries to connect to each HOST:PORT of the arguments; prints those that took it, one per line."""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

PATIENCE_SECONDS = 4


def is_reached(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


addresses = sys.argv[1:]
with ThreadPoolExecutor(len(addresses)) as pool:
    for address, reached in zip(addresses, pool.map(is_reached, addresses), strict=True):
        if reached:
            sys.stdout.write(f"{address}\n")
