"""A stream over RTSP from another one's server; needs the program that `make rtsp-camera` builds."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from car_client.sources.source import Sampling
from car_client.sources.stream import StreamSource
from edge_common.errors import RetryableError
from eventually import wait_until
from made_pictures import jpeg
from real_model_server import free_port
from stream_frames import colour_of, frame_of

pytestmark = pytest.mark.rtsp
PROGRAM = Path(__file__).parents[3] / ".local" / "bin" / "rtsp-camera"


class RtspCamera:
    """May be ended and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._picture = folder / "shown.jpg"
        self._log = folder / "camera.log"
        self._process: subprocess.Popen[bytes] | None = None

    def show(self, colour: str) -> None:
        """Replace the picture, at once and as a whole."""
        aside = self._picture.with_suffix(".part")
        aside.write_bytes(jpeg(colour, size=(64, 64)))
        aside.rename(self._picture)

    def start(self) -> None:
        if not PROGRAM.exists():
            raise AssertionError(f"there is no {PROGRAM}; build it: make rtsp-camera")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([PROGRAM, self.address, self._picture], stderr=log)
        wait_until(lambda: "listening" in self._log.read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=20)
            self._process = None


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[RtspCamera]:
    made = RtspCamera(tmp_path)
    made.show("red")
    made.start()
    yield made
    made.stop()


def test_an_rtsp_stream_is_read_and_opened_again_when_the_camera_is_back(camera: RtspCamera) -> None:
    source = StreamSource(f"rtsp://{camera.address}/gate", sampling=Sampling(0.0), name="gate")
    first = frame_of(source)
    assert colour_of(first) == "red"
    source.acknowledge(first)
    camera.stop()

    def is_told() -> bool:
        try:
            for frame in source.poll(1):
                source.acknowledge(frame)
        except RetryableError as error:
            return "gate has no picture: the stream ended" in str(error)
        return False

    wait_until(is_told, within=60)
    camera.show("blue")
    camera.start()
    assert colour_of(frame_of(source)) == "blue"
    source.close()
