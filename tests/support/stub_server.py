"""A model server that only has states: it loads slowly and dies of files that say `crash`.

    python -m stub_server PORT CONFIG DEATHS

The parent starts the server again whenever it has died, as a pod's kubelet does; each death is a line in
`DEATHS`. Only `/v1/config` and `/v2/health/ready` are answered.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LOADING_SECONDS = 1.0
_RESTART_SECONDS = 1.5
_LOOK_SECONDS = 0.1


class Versions:
    """The states of all versions, kept by one thread and read by the answering ones."""

    def __init__(self, config: Path, deaths: Path) -> None:
        self._config = config
        self._deaths = deaths
        self.states: dict[str, dict[int, str]] = {}

    def keep_up(self) -> None:
        """Follow config.json for ever."""
        while True:
            self._reload()
            time.sleep(_LOOK_SECONDS)

    def _reload(self) -> None:
        try:
            entries = json.loads(self._config.read_bytes())["model_config_list"]
        except FileNotFoundError:
            return
        wanted = {
            entry["config"]["name"]: entry["config"]["model_version_policy"]["specific"]["versions"]
            for entry in entries
        }
        for name, known in self.states.items():
            known.update({number: "END" for number in known if number not in wanted.get(name, ())})
        bases = {entry["config"]["name"]: Path(entry["config"]["base_path"]) for entry in entries}
        for name, numbers in wanted.items():
            states = self.states.setdefault(name, {})
            for number in sorted(numbers):
                if states.get(number) != "AVAILABLE":
                    self._load(name, number, bases[name] / str(number), states)

    def _load(self, name: str, number: int, folder: Path, states: dict[int, str]) -> None:
        states[number] = "LOADING"
        time.sleep(LOADING_SECONDS)
        if any(b"crash" in file.read_bytes() for file in folder.glob("model.*")):
            with self._deaths.open("a") as deaths:
                deaths.write(f"{name} {number}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        states[number] = "AVAILABLE"

    def as_json(self) -> bytes:
        """The body of `/v1/config`."""
        status = {"error_code": "OK", "error_message": "OK"}
        document = {
            name: {
                "model_version_status": [
                    {"version": str(number), "state": state, "status": status}
                    for number, state in dict(states).items()
                ]
            }
            for name, states in dict(self.states).items()
        }
        return json.dumps(document).encode()


def serve(port: int, config: Path, deaths: Path) -> None:
    """Answer until killed."""
    versions = Versions(config, deaths)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = versions.as_json()
            self.send_response_only(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    threading.Thread(target=versions.keep_up, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def restart_for_ever(arguments: list[str]) -> None:
    """Run the server in a child, again and again."""
    while True:
        subprocess.run([sys.executable, "-m", "stub_server", *arguments, "child"], check=False)
        time.sleep(_RESTART_SECONDS)


if __name__ == "__main__":
    if sys.argv[-1] == "child":
        serve(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        restart_for_ever(sys.argv[1:])
