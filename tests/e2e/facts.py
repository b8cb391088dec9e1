"""What an end-to-end run measured, for docs/performance.md."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .visitors import Traffic


@dataclass
class Facts:
    """Times in seconds, requests and failures by event, bytes of images, idle use by container."""

    seconds: dict[str, float] = field(default_factory=dict)
    traffic: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Event to requests and failed ones."""
    image_bytes: dict[str, int] = field(default_factory=dict)
    idle: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Pod and container to MiB of memory and cores."""
    cluster: str = ""

    def note_traffic(self, event: str, traffic: Traffic) -> None:
        """Keep what came of the requests during `event`."""
        self.traffic[event] = (traffic.requests, traffic.failures)

    def write(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1))
