import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
from car_client.sources.folder import FolderSource, find_files
from car_client.sources.source import Frame
from edge_common.errors import FatalError, RetryableError
from made_pictures import jpeg


class Logged(Protocol):
    """What the fixture `logged` offers."""

    def of(self, event: str) -> list[dict[str, Any]]: ...


class Clock:
    """A second passes from one look to the next."""

    def __init__(self) -> None:
        self.now = 50.0
        self.step = 1.0

    def __call__(self) -> float:
        return self.now

    def tick(self) -> None:
        self.now += self.step


class TickingSource(FolderSource):
    """A second, the time to settle, passes before each poll."""

    def __init__(self, folder: Path, *, max_bytes: int = 10_000, subfolders: bool = True) -> None:
        self.clock = Clock()
        super().__init__(
            folder, max_bytes=max_bytes, quiet_time=1.0, subfolders=subfolders, monotonic=self.clock
        )

    def poll(self, at_most: int) -> Sequence[Frame]:
        self.clock.tick()
        return super().poll(at_most)


@pytest.fixture
def source(tmp_path: Path) -> TickingSource:
    return TickingSource(tmp_path)


def names(source: FolderSource, at_most: int = 10) -> list[str]:
    return [frame.name for frame in source.poll(at_most)]


def test_looking_more_often_does_not_make_a_file_complete_sooner(
    source: TickingSource, tmp_path: Path
) -> None:
    source.clock.step = 0.25
    put(tmp_path / "a.jpg", jpeg("red"), at=1)
    assert [names(source) for _ in range(5)] == [[], [], [], [], ["a.jpg"]]


def put(path: Path, content: bytes, *, at: int) -> None:
    path.write_bytes(content)
    os.utime(path, (at, at))


def test_a_file_is_offered_when_it_was_unchanged_for_the_time_to_settle(
    source: TickingSource, tmp_path: Path
) -> None:
    put(tmp_path / "a.jpg", jpeg("red"), at=1)
    assert names(source) == []
    [frame] = source.poll(10)
    assert (frame.name, frame.content) == ("a.jpg", jpeg("red"))


def test_a_file_that_grows_from_poll_to_poll_is_offered_when_it_is_whole(
    source: TickingSource, tmp_path: Path
) -> None:
    whole = jpeg("red", size=(60, 60))
    for end in range(100, len(whole) + 1, 100):
        (tmp_path / "a.jpg").write_bytes(whole[:end])
        assert names(source) == []
    (tmp_path / "a.jpg").write_bytes(whole)
    assert [frame.content for frame in source.poll(10)] == [whole]


def test_a_frame_is_offered_once_unless_it_is_given_back(source: TickingSource, tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", b"x", at=1)
    source.poll(0)
    [frame] = source.poll(10)
    assert names(source) == []
    source.give_back(frame)
    assert source.poll(10) == [frame]
    source.acknowledge(frame)
    assert names(source) == []


def test_a_file_that_changes_while_it_is_in_hand_is_offered_beside_what_it_was(
    source: TickingSource, tmp_path: Path
) -> None:
    put(tmp_path / "a.jpg", b"x", at=1)
    source.poll(0)
    [before] = source.poll(10)
    put(tmp_path / "a.jpg", b"y", at=2)
    source.poll(0)
    [after] = source.poll(10)
    assert (before.content, after.content) == (b"x", b"y")
    source.acknowledge(before)
    source.acknowledge(after)
    assert names(source) == []


def test_a_file_that_changes_is_offered_again(source: TickingSource, tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", b"x", at=1)
    source.poll(0)
    source.acknowledge(source.poll(10)[0])
    put(tmp_path / "a.jpg", b"y", at=2)
    assert names(source) == []
    assert [frame.content for frame in source.poll(10)] == [b"y"]


def test_a_file_that_changes_after_it_was_read_is_offered_again(
    source: TickingSource, tmp_path: Path
) -> None:
    put(tmp_path / "a.jpg", b"x", at=1)
    source.poll(0)
    [frame] = source.poll(10)
    put(tmp_path / "a.jpg", b"y", at=2)
    source.acknowledge(frame)
    source.poll(0)
    assert [frame.content for frame in source.poll(10)] == [b"y"]


def test_the_oldest_come_first_and_not_too_many(source: TickingSource, tmp_path: Path) -> None:
    for name, at in (("c.png", 1), ("a.png", 3), ("b.png", 2)):
        put(tmp_path / name, b"x", at=at)
    source.poll(0)
    assert names(source, 2) == ["c.png", "b.png"]


def test_hidden_files_folders_empty_files_and_other_kinds_are_left_alone(
    source: TickingSource, tmp_path: Path
) -> None:
    for name in (".a.jpg", "a.jpg.part", "notes.txt", "a.tiff"):
        put(tmp_path / name, b"x", at=1)
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    put(tmp_path / "UPPER.JPG", b"x", at=1)
    source.poll(0)
    assert names(source) == ["UPPER.JPG"]


def test_dated_subfolders_are_watched_too_unless_the_setting_says_no(tmp_path: Path) -> None:
    (tmp_path / "2026/11/29").mkdir(parents=True)
    (tmp_path / ".trash").mkdir()
    for name in ("2026/11/29/a.jpg", "b.JFIF", ".trash/c.jpg", "d.heic"):
        put(tmp_path / name, b"x", at=1)
    deep, flat = (TickingSource(tmp_path, subfolders=yes) for yes in (True, False))
    for source in (deep, flat):
        source.poll(0)
    assert names(deep) == ["2026/11/29/a.jpg", "b.JFIF", "d.heic"]
    assert names(flat) == ["b.JFIF", "d.heic"]


def test_what_is_left_aside_is_counted_and_said_when_a_kind_is_new(
    source: TickingSource, tmp_path: Path, logged: Logged
) -> None:
    for name in ("a.txt", "b.txt", "c", "d.jpg"):
        put(tmp_path / name, b"x", at=1)
    for _ in range(3):
        source.poll(0)
    put(tmp_path / "e.tiff", b"x", at=1)
    source.poll(0)
    lines = logged.of("files_left_aside")
    assert [(line["count"], line["kinds"]) for line in lines] == [
        (3, {".txt": 2, "without a suffix": 1}),
        (4, {".txt": 2, "without a suffix": 1, ".tiff": 1}),
    ]


@pytest.mark.parametrize("renamed", [True, False])
def test_a_file_that_changes_all_the_time_is_taken_now_and_then_when_it_is_whole(
    source: TickingSource, tmp_path: Path, *, renamed: bool
) -> None:
    taken = []
    for number in range(12):
        aside = tmp_path / (".aside" if renamed else "latest.jpg")
        put(aside, jpeg("red", size=(12, 16 + number)), at=number)
        aside.rename(tmp_path / "latest.jpg")
        for frame in source.poll(10):
            taken.append(number)
            source.acknowledge(frame)
    assert taken == [3, 6, 9]
    for number in range(12, 24):
        put(tmp_path / "latest.jpg", jpeg("red", size=(60, 60))[: 300 + number], at=number)
        assert names(source) == [], "it is never whole"


def test_names_that_are_no_text_are_shown_escaped(source: TickingSource, tmp_path: Path) -> None:
    odd = [os.fsdecode(b"Stra\xdfe.jpg"), "line\nbreak\x1b[2J.jpg"]
    for at, name in enumerate(odd):
        put(tmp_path / name, b"x", at=at)
    source.poll(0)
    frames = source.poll(10)
    assert [frame.name for frame in frames] == ["Stra\\xdfe.jpg", "line\\nbreak\\x1b[2J.jpg"]
    for frame in frames:
        source.acknowledge(frame)
    assert names(source) == []


def test_a_file_in_place_of_a_folder_is_told_what_to_do(tmp_path: Path) -> None:
    put(tmp_path / "a.mp4", b"x", at=1)
    with pytest.raises(FatalError, match=r"is a file; watch its folder, classify it, or write video:"):
        FolderSource(tmp_path / "a.mp4", max_bytes=1, quiet_time=1)


def test_no_more_of_a_file_is_read_than_tells_that_it_is_too_large(
    source: TickingSource, tmp_path: Path
) -> None:
    put(tmp_path / "a.jpg", b"x" * 20_000, at=1)
    source.poll(0)
    assert len(source.poll(10)[0].content) == 10_001


def test_a_file_that_may_not_be_read_is_told_once_and_hides_no_other(
    source: TickingSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    put(tmp_path / "locked.jpg", b"x", at=1)
    put(tmp_path / "open.jpg", b"x", at=2)
    # Permissions would not stop root, as whom tests may run.
    really_open = Path.open

    def refuse(path: Path, mode: str) -> object:
        if path.name == "locked.jpg":
            raise PermissionError(errno.EACCES, "Permission denied")
        return really_open(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    source.poll(0)
    [frame] = source.poll(1)
    source.give_back(frame)
    assert names(source, 1) == [frame.name] == ["open.jpg"]
    names(source)
    [line] = logged.of("picture_rejected")
    assert line["error"] == "locked.jpg cannot be read: Permission denied"
    monkeypatch.undo()
    assert names(source) == ["locked.jpg"]


def test_files_that_are_gone_are_forgotten(source: TickingSource, tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", b"x", at=1)
    source.poll(0)
    source.acknowledge(source.poll(10)[0])
    (tmp_path / "a.jpg").unlink()
    assert names(source) == []
    assert source._done == {}


def test_a_folder_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="there is no folder"):
        TickingSource(tmp_path / "none")


def test_a_folder_that_goes_away_may_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    source = TickingSource(folder)
    shutil.rmtree(folder)
    with pytest.raises(RetryableError, match="cannot be read"):
        source.poll(1)
    folder.mkdir()
    assert names(source) == []


def test_what_one_look_found_is_offered_without_another(
    source: TickingSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def looked(*arguments: Any, **options: Any) -> Any:
        looks.append(arguments)
        return find_files(*arguments, **options)

    monkeypatch.setattr("car_client.sources.folder.find_files", looked)
    for number in range(8):
        put(tmp_path / f"{number}.jpg", jpeg("red"), at=number)
    names(source)
    source.clock.step = 0.0
    source.clock.now += 1.0
    assert [name for _ in range(4) for name in names(source, 2)] == [f"{number}.jpg" for number in range(8)]
    assert len(looks) == 2
