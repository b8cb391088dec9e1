"""The demonstration pictures: drawings of three vehicles and two scenes without one, and photos.

They are written into a folder, with a list of what they show and which models see that.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from edge_common.atomic_files import replace_file

from car_models.evaluating.classifier import Classifier
from car_models.evaluating.pictures import LIST_FILE, Entry, read_rgb
from car_models.samples.canvas import BLACK, CHROME, GLASS, Canvas, Color, Picture, as_jpeg
from car_models.samples.recipes import NOT_A_VEHICLE
from car_models.samples.stamps import PACKAGE, STAMPS, composed, licence_of_stamps

_YELLOW: Final[Color] = (18, 172, 246)
_RED: Final[Color] = (32, 26, 196)
_DARK_RED: Final[Color] = (20, 16, 120)


def school_bus() -> Picture:
    """Draw a yellow bus with a bonnet, black rails and a row of windows."""
    scene = Canvas()
    scene.shadow(50, 610, 398)
    scene.box((60, 150), (480, 372), _YELLOW, radius=16)
    scene.box((70, 143), (470, 160), (225, 232, 238), radius=7)
    scene.polygon([(470, 200), (500, 252), (590, 262), (604, 290), (604, 372), (470, 372)], _YELLOW)
    scene.polygon([(478, 190), (500, 250), (478, 252)], GLASS)
    for x in range(80, 444, 52):
        scene.box((x, 178), (x + 42, 236), BLACK, radius=4)
        scene.box((x + 3, 181), (x + 39, 233), (120, 105, 90), radius=3, shade=0.9)
        scene.box((x + 3, 205), (x + 39, 208), BLACK)
    scene.box((446, 178), (474, 330), BLACK, radius=3)
    scene.box((449, 182), (471, 256), (130, 115, 100), shade=0.9)
    scene.box((449, 262), (471, 326), (130, 115, 100), shade=0.9)
    for y, end in ((252, 446), (300, 600), (340, 600)):
        scene.box((60, y), (end, y + 7), BLACK)
    scene.box((590, 280), (608, 312), (210, 235, 250), radius=5)
    scene.box((596, 350), (618, 372), BLACK, radius=3)
    scene.box((48, 350), (66, 372), BLACK, radius=3)
    scene.disc((76, 168), 6, (40, 40, 220))
    scene.disc((464, 168), 6, (40, 150, 250))
    for x, rim in ((160, _YELLOW), (536, CHROME)):
        scene.disc((x, 372), 42, BLACK)
        scene.wheel((x, 374), 34, rim)
    return scene.finish()


def fire_engine() -> Picture:
    """Draw a red engine with a cab, lockers, a pump panel, a ladder on the roof and blue lights."""
    scene = Canvas()
    scene.shadow(40, 610, 398)
    scene.box((40, 196), (400, 372), _RED, radius=6)
    scene.polygon([(400, 160), (560, 160), (596, 256), (604, 372), (400, 372)], _RED)
    scene.polygon([(500, 176), (552, 176), (580, 250), (500, 250)], GLASS)
    scene.box((412, 176), (488, 250), GLASS, radius=4)
    scene.box((404, 160), (408, 370), _DARK_RED)
    scene.box((494, 170), (497, 360), _DARK_RED)
    for x in (54, 310):
        scene.box((x, 214), (x + 76, 300), (170, 172, 174), radius=3)
        for y in range(218, 299, 9):
            scene.box((x + 2, y), (x + 74, y + 2), (120, 122, 124))
    scene.box((200, 200), (300, 306), (150, 152, 155))
    for column in range(3):
        for row in range(3):
            gauge = (60, 60, 200) if (column + row) % 2 else (200, 200, 205)
            scene.disc((220 + column * 30, 222 + row * 30), 8, gauge)
            scene.disc((220 + column * 30, 222 + row * 30), 4, (30, 30, 30))
    scene.box((40, 318), (602, 324), (225, 225, 225))
    scene.box((44, 166), (420, 172), CHROME)
    scene.box((44, 186), (420, 192), CHROME)
    for x in range(52, 420, 18):
        scene.box((x, 166), (x + 4, 192), CHROME)
    scene.box((430, 138), (540, 160), (60, 60, 62), radius=4)
    for x, light in ((436, (230, 90, 40)), (466, (40, 40, 230)), (512, (230, 90, 40))):
        scene.box((x, 134), (x + 24, 156), light, radius=4)
    scene.box((590, 300), (612, 322), (225, 240, 250), radius=4)
    scene.box((580, 346), (622, 374), CHROME, radius=4)
    for x in (130, 510):
        scene.disc((x, 372), 48, BLACK)
        scene.wheel((x, 374), 40)
    return scene.finish()


def trailer_truck() -> Picture:
    """Draw a red tractor unit with an exhaust stack and a white ribbed trailer."""
    scene = Canvas()
    scene.shadow(20, 620, 398)
    scene.box((20, 130), (430, 330), (225, 225, 228), radius=3, shade=0.15)
    for x in range(30, 430, 26):
        scene.box((x, 132), (x + 2, 328), (190, 190, 195))
    scene.box((20, 330), (600, 348), (40, 40, 42))
    cab = [(440, 150), (470, 128), (510, 140), (530, 220), (600, 232), (612, 260), (612, 345), (440, 345)]
    scene.polygon(cab, (40, 40, 180))
    scene.polygon([(478, 165), (508, 165), (524, 222), (478, 222)], GLASS)
    scene.box((436, 100), (444, 300), CHROME)
    scene.box((596, 240), (616, 330), CHROME, radius=3)
    scene.box((590, 335), (626, 360), CHROME, radius=3)
    for x in (80, 150, 420, 470, 570):
        scene.wheel((x, 364), 34)
    return scene.finish()


def traffic_light() -> Picture:
    """Draw a traffic light that shows red, at an empty road."""
    scene = Canvas()
    scene.box((312, 250), (328, 420), (70, 72, 74))
    scene.box((268, 60), (372, 290), (40, 44, 40), radius=14)
    for y, light in ((105, (40, 40, 235)), (175, (30, 90, 110)), (245, (40, 80, 40))):
        scene.disc((320, y), 31, (15, 15, 15))
        scene.disc((320, y + 2), 27, light, shade=0.4)
    return scene.finish()


def empty_road() -> Picture:
    """Draw the road alone."""
    return Canvas().finish()


DRAWINGS: Final[Mapping[str, tuple[str, Callable[[], Picture]]]] = {
    "drawn-school-bus": ("school bus", school_bus),
    "drawn-fire-engine": ("fire engine", fire_engine),
    "drawn-trailer-truck": ("trailer truck", trailer_truck),
    "drawn-traffic-light": (NOT_A_VEHICLE, traffic_light),
    "drawn-empty-road": (NOT_A_VEHICLE, empty_road),
}
"""Name of the picture -> the label of what it shows, and who draws it."""


def write_collection(out: Path, stamps_root: Path | None, models: Sequence[Classifier]) -> tuple[Entry, ...]:
    """Write the pictures and their list into `out`; photos only if `stamps_root` is given. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    entries = []
    for entry, picture in _sources(stamps_root):
        replace_file(out / entry.file, as_jpeg(picture))
        seen = read_rgb(out / entry.file)
        right = tuple(m.model for m in models if m.classify(seen)[0].label == entry.expected)
        entries.append(replace(entry, recognised_by=right))
    listing = {"pictures": [asdict(entry) for entry in entries]}
    replace_file(out / LIST_FILE, json.dumps(listing, indent=2).encode() + b"\n")
    return tuple(entries)


def _sources(stamps_root: Path | None) -> Iterator[tuple[Entry, Picture]]:
    if stamps_root is not None:
        licence = licence_of_stamps(stamps_root)
        for stamp in STAMPS:
            source = f"Debian package {PACKAGE}, {stamp.path}, on a grey background"
            yield Entry(f"{stamp.name}.jpg", stamp.shows, source, licence), composed(stamps_root, stamp)
    for name, (shows, draw) in DRAWINGS.items():
        yield Entry(f"{name}.jpg", shows, "drawn by car-models", "that of this project"), draw()
