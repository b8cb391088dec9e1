"""The server that is asked, in a process of its own, over a folder that a recording describes."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from warm_programs import WarmProgram, start_warm

from .connection import ask_once
from .recorded_models import RecordedModels
from .request_bytes import Description

_ENDS_WITHIN = 30.0


class TestedServer:
    """A root with `models/` and config.json, and at most one running process; `close` leaves neither."""

    __test__ = False  # no class of tests

    def __init__(self, start: Description, models: RecordedModels) -> None:
        self._start, self._models = start, models
        self.root = Path(tempfile.mkdtemp(prefix="replay-"))
        self.repository = self.root / "models"
        self._aside = self.root / "aside"
        self._config = self.root / "config.json"
        self._process: WarmProgram | None = None
        self._port_holder = socket.socket()
        self._port_holder.bind(("127.0.0.1", 0))
        self.port: int = self._port_holder.getsockname()[1]
        for folder in (self.repository, self._aside):
            folder.mkdir()
        for path in start.get("dirs", []):
            (self.repository / path).mkdir(parents=True)
        for path, name in start.get("tree", {}).items():
            self.put(path, name)
        for path, text in start.get("files", {}).items():
            (self.repository / path).write_text(text)
        if "config" in start:
            self.write_config(start["config"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, path: str, name: str, how: str = "rename") -> None:
        """A model's files in `path`: by one rename, or with `merge` file by file into what is there."""
        target = self.repository / path
        source = self._models.folder(name)
        if how == "merge":
            shutil.copytree(source, target, dirs_exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, self.unused_path()).rename(target)

    def remove(self, path: str) -> None:
        """Take a folder or file away by one rename."""
        (self.repository / path).rename(self.unused_path())

    def unused_path(self) -> Path:
        """A path on the same file system that the server does not look at."""
        return Path(tempfile.mkdtemp(dir=self._aside)) / "content"

    def write_config(self, config: Description) -> None:
        """Replace config.json by rename, or as `how` says: write it in place, or delete it."""
        if config.get("how") == "delete":
            self._config.unlink()
        elif config.get("how") == "inplace":
            self._config.write_text(self._config_text(config))
        else:
            aside = self.unused_path()
            aside.write_text(self._config_text(config))
            aside.rename(self._config)

    def _config_text(self, config: Description) -> str:
        if "text" in config:
            return self._with_root(config["text"])
        # without the hint, processors that have bfloat16 would change the last digits of answers
        settings = {"plugin_config": {"INFERENCE_PRECISION_HINT": "f32"}}
        entries: list[dict[str, Any]] = [
            {"config": {"base_path": f"{{root}}/models/{model['name']}"} | settings | model}
            for model in config["models"]
        ]
        whole = {"model_config_list": entries} | config.get("extra", {})
        return self._with_root(json.dumps(whole, ensure_ascii=False, indent=config.get("indent")))

    def _with_root(self, text: str) -> str:
        return text.replace("{root}", str(self.root))

    def launch(self) -> None:
        """Start the process; with `busy_port` somebody else listens on its port."""
        if self._start.get("busy_port"):
            self._port_holder.listen()
        else:
            self._port_holder.close()
        flags = {
            "--config_path": str(self._config),
            "--rest_port": str(self.port),
            "--rest_bind_address": "127.0.0.1",
            "--file_system_poll_wait_seconds": "1",
            "--allowed_origins": "*",  # the recorded server's default, which ours is not
        }
        dropped = self._start.get("drop_args", [])
        words = [word for flag in flags.items() if flag[0] not in dropped for word in flag]
        words += [self._with_root(word) for word in self._start.get("extra_args", [])]
        with (self.root / "server.log").open("ab") as log:
            environment = os.environ | self._start.get("env", {})
            self._process = start_warm(["ovms-lite", *words], stdout=log, stderr=log, env=environment)

    def becomes_ready(self, within: float) -> bool:
        """Wait until the server says that it is; False when it ends, or at the end of the time."""
        deadline = time.monotonic() + within
        while self.is_running() and time.monotonic() < deadline:
            try:
                if ask_once(self.port, "GET", "/v2/health/ready").status == 200:
                    return True
            except OSError:
                pass
            time.sleep(0.02)
        return False

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def exit_code(self, within: float) -> int | None:
        """None when the process still runs after that time."""
        assert self._process is not None
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """End the process and remove the root."""
        self._port_holder.close()
        if self._process is not None and self.is_running():
            self._process.terminate()
            if self.exit_code(_ENDS_WITHIN) is None:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.root, ignore_errors=True)
