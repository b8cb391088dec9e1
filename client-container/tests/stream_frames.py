"""What tests do with a stream's frames again and again."""

from car_client.sources.source import Frame
from car_client.sources.stream import StreamSource
from edge_common.errors import RetryableError
from edge_common.pictures.decode import PictureLimits, decode_picture
from eventually import wait_until


def frame_of(source: StreamSource) -> Frame:
    """The next frame, waited for, whether the stream is there already or not."""
    frames: list[Frame] = []

    def came() -> bool:
        try:
            frames.extend(source.poll(1))
        except RetryableError:
            return False
        return bool(frames)

    wait_until(came, within=60)
    return frames[0]


def colour_of(frame: Frame) -> str:
    """The strongest of the three."""
    pixels = decode_picture("f", frame.content, PictureLimits(10**7, 10**7)).pixels
    return ("red", "green", "blue")[int(pixels.reshape(-1, 3).mean(axis=0).argmax())]
