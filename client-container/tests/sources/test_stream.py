from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from car_client.sources.source import Sampling, Supply
from car_client.sources.stream import StreamSource, VideoSource
from edge_common.errors import FatalError, RetryableError
from eventually import wait_until
from made_pictures import jpeg, plain
from picture_server import PictureServer
from stream_frames import colour_of, frame_of


@pytest.fixture
def camera() -> Iterator[PictureServer]:
    with PictureServer(jpeg("red", size=(64, 64))) as running:
        yield running


def test_two_frames_of_a_stream_are_in_hand_at_most_and_the_next_one_is_the_newest(
    camera: PictureServer,
) -> None:
    source = StreamSource(f"{camera.url}/stream", sampling=Sampling(0.0), name="gate")
    first, second = frame_of(source), frame_of(source)
    assert (colour_of(first), first.name.startswith("gate 20")) == ("red", True)
    streamed = camera.frames
    wait_until(lambda: camera.frames > streamed + 2)
    assert source.poll(8) == []
    source.acknowledge(first)
    source.give_back(second)
    camera.picture = jpeg("blue", size=(64, 64))

    def turns_blue() -> bool:
        frame = frame_of(source)
        source.acknowledge(frame)
        return colour_of(frame) == "blue"

    wait_until(turns_blue)
    source.close()


def test_a_stream_that_breaks_is_told_and_opened_again(camera: PictureServer) -> None:
    source = StreamSource(f"{camera.url}/stream", sampling=Sampling(0.0), name="gate")
    source.acknowledge(frame_of(source))
    camera.away = True
    camera.cut.set()

    def is_told() -> bool:
        try:
            for frame in source.poll(1):
                source.acknowledge(frame)
        except RetryableError as error:
            return "gate has no picture: " in str(error)
        return False

    wait_until(is_told)
    camera.away = False
    camera.cut.clear()
    assert colour_of(frame_of(source)) == "red"
    assert camera.streams == 2
    source.close()


def test_frames_come_no_faster_than_the_sampling_says(camera: PictureServer) -> None:
    now = [100.0]
    sampling = Sampling(5.0, monotonic=lambda: now[0])
    source = StreamSource(f"{camera.url}/stream", sampling=sampling, name="gate")
    source.acknowledge(frame_of(source))
    streamed_on = camera.streams
    assert [list(source.poll(1)) for _ in range(20)] == [[]] * 20
    now[0] += 5.0
    assert colour_of(frame_of(source)) == "red"
    assert camera.streams == streamed_on
    source.close()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds, the first green, the second blue."""
    path = tmp_path / "cars.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 64))
    for colour in ["green"] * 10 + ["blue"] * 10:
        writer.write(np.ascontiguousarray(plain(colour, size=(64, 64))[..., ::-1]))
    writer.release()
    return path


def test_a_video_is_sampled_by_its_own_time_and_ends_at_its_end(video: Path) -> None:
    source = VideoSource(video, every=0.5)
    frames = list(source.poll(2)) + list(source.poll(8))
    assert [frame.name for frame in frames] == [
        "cars.avi 0:00:00",
        "cars.avi 0:00:00.500000",
        "cars.avi 0:00:01",
        "cars.avi 0:00:01.500000",
    ]
    assert [colour_of(frame) for frame in frames] == ["green", "green", "blue", "blue"]
    assert source.supply is Supply.UNDER_WAY, "nothing is lost while frames are in hand"
    for frame in frames[1:]:
        source.acknowledge(frame)
    source.give_back(frames[0])
    [again] = source.poll(8)
    source.acknowledge(again)
    assert (again, source.supply) == (frames[0], Supply.ENDED)
    source.close()


def test_what_is_no_video_is_refused_by_name(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no video")
    with pytest.raises(FatalError, match=r"notes\.txt cannot be read as a video"):
        VideoSource(notes, every=1)
