from pathlib import Path

import cv2
import numpy as np
import pytest
from car_client.sources.source import Supply
from car_client.sources.video import VideoSource
from edge_common.errors import FatalError
from made_pictures import plain
from stream_frames import colour_of


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
