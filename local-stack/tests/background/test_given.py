from pathlib import Path

import pytest
from edge_common.errors import FatalError
from edge_stack.background.given import EVERY_SECONDS, SampleCamera


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (folder := tmp_path / "samples").mkdir()
    for name in ("b.jpg", "a.png", "notes.txt"):
        (folder / name).write_text(name)
    return folder


def test_the_first_picture_comes_at_once_and_then_one_every_fifteen_seconds(
    tmp_path: Path, pictures: Path
) -> None:
    (delivered := tmp_path / "delivered").mkdir()
    clock, seen = Clock(), []
    camera = SampleCamera(pictures, delivered, clock=clock)
    for _ in range(4):
        camera.look()
        camera.look()
        seen.append(sorted(path.name for path in delivered.iterdir()))
        for path in delivered.iterdir():
            path.unlink()
        clock.now += EVERY_SECONDS
    assert seen == [["a.png"], ["b.jpg"], ["a.png"], ["b.jpg"]]


def test_a_folder_that_takes_none_is_tried_again(tmp_path: Path, pictures: Path) -> None:
    clock, delivered = Clock(), tmp_path / "delivered"
    camera = SampleCamera(pictures, delivered, clock=clock)
    camera.look()
    delivered.mkdir()
    clock.now += EVERY_SECONDS
    camera.look()
    assert [path.read_text() for path in delivered.iterdir()] == ["b.jpg"]


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="there is no picture in"):
        SampleCamera(tmp_path, tmp_path, clock=Clock())
