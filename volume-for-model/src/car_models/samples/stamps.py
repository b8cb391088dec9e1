"""Photos from Debian's package `tuxpaint-stamps-default`: installed, or fetched without root.

They are cut-outs with a transparent background, released under the GPL, version 2 (the package's copyright
file says so). They are read where they are and never become part of this repository.
"""

import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

import cv2
import numpy as np
from edge_common.errors import FatalError, RetryableError

from car_models.samples.canvas import HEIGHT, WIDTH, Picture
from car_models.samples.recipes import NOT_A_VEHICLE

PACKAGE: Final = "tuxpaint-stamps-default"
INSTALLED_ROOT: Final = Path("/")
_STAMPS: Final = PurePosixPath("usr/share/tuxpaint/stamps")
_COPYRIGHT: Final = PurePosixPath("usr/share/doc") / PACKAGE / "copyright"
_FETCH_SECONDS: Final = 600
"""The package has 161 MB; a slower connection is better served by installing it once."""
_FILLED = 0.86
_BACKGROUND = 200


@dataclass(frozen=True)
class Stamp:
    """One photo of the package and the label of what it shows."""

    name: str
    path: PurePosixPath
    shows: str


STAMPS: Final = tuple(
    Stamp(name, _STAMPS / path, shows)
    for name, path, shows in (
        ("photo-fire-engine", "vehicles/emergency/firetruck.png", "fire engine"),
        ("photo-garbage-truck", "vehicles/garbagetruck.png", "garbage truck"),
        ("photo-bus", "vehicles/masstransit/green_korean_bus.png", "minibus"),
        ("photo-pickup", "vehicles/auto/truck.png", "pickup"),
        ("photo-racing-car", "vehicles/race/indycar.png", "racer"),
        ("photo-convertible", "vehicles/auto/sportscar2.png", "convertible"),
        ("photo-airliner", "vehicles/flight/planes/747.png", NOT_A_VEHICLE),
        ("photo-bear", "animals/mammals/bears/european-bear.png", NOT_A_VEHICLE),
    )
)
"""Chosen because their label is beyond doubt. For a city bus ImageNet has no class nearer than minibus; for
the package's sedan and beetle it has none at all, so they are left out."""
_WANTED: Final = (_COPYRIGHT, *(stamp.path for stamp in STAMPS))


def default_cache() -> Path:
    """Where fetched photos are kept when nobody says otherwise."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "car-models" / PACKAGE


def find_stamps(cache: Path) -> Path | None:
    """The root below which the photos are: the system's, or that of an earlier fetch; None when nowhere."""
    return next((root for root in (INSTALLED_ROOT, cache) if _is_complete(root)), None)


def _is_complete(root: Path) -> bool:
    return all((root / path).is_file() for path in _WANTED)


def fetch_stamps(cache: Path) -> Path:
    """Fetch the package with `apt-get download`, which needs no root, and keep the photos in `cache`.

    Raises FatalError where there is no apt or dpkg, RetryableError when the download fails.
    """
    by_hand = f"install it by hand (apt-get install {PACKAGE}) or do without photos"
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise FatalError(
            f"the photos come from Debian's package {PACKAGE}, and this system has no apt; {by_hand}"
        )
    cache.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache.parent, prefix=".stamps-") as folder:
        # fetched as the user apt drops to when it is root, which may not write into our folder
        command = ["apt-get", "-q", "-o", "APT::Sandbox::User=", "download", PACKAGE]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_FETCH_SECONDS)
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
            raise RetryableError(f"apt-get cannot fetch {PACKAGE} ({said[-1][:200]}); {by_hand}") from error
        except subprocess.TimeoutExpired as error:
            raise RetryableError(f"{PACKAGE} did not arrive in {_FETCH_SECONDS} s; {by_hand}") from error
        (archive,) = Path(folder).glob("*.deb")
        _unpack(archive, Path(folder, "root"))
        if not _is_complete(Path(folder, "root")):
            raise FatalError(f"{archive.name} does not hold all the photos that are known of it; {by_hand}")
        shutil.rmtree(cache, ignore_errors=True)
        Path(folder, "root").rename(cache)
    return cache


def _unpack(archive: Path, root: Path) -> None:
    wanted = {str(path) for path in _WANTED}
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as dpkg:
        try:
            with tarfile.open(fileobj=dpkg.stdout, mode="r|") as files:
                for member in files:
                    if str(PurePosixPath(member.name)) in wanted and member.isfile():
                        files.extract(member, root, filter="data")
        except tarfile.TarError as error:
            raise RetryableError(f"the fetched {archive.name} is damaged ({error}); try again") from error


def licence_of_stamps(root: Path) -> str:
    """The licence that the package's copyright file names for all files, such as `GPL-2`."""
    for line in (root / _COPYRIGHT).read_text("utf-8").splitlines():
        if line.startswith("License:"):
            return line.removeprefix("License:").strip()
    raise FatalError(f"{root / _COPYRIGHT} names no licence; do not use the photos")


def composed(root: Path, stamp: Stamp) -> Picture:
    """The photo on a plain grey background of 640 x 480 pixels."""
    cutout = cv2.imread(str(root / stamp.path), cv2.IMREAD_UNCHANGED)
    if cutout is None or cutout.ndim != 3 or cutout.shape[2] != 4:  # noqa: PLR2004 - height, width, BGRA
        raise FatalError(f"{root / stamp.path} is not a picture with transparency; reinstall {PACKAGE}")
    height, width = cutout.shape[:2]
    factor = min(WIDTH / width, HEIGHT / height) * _FILLED
    kernel = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    pixels = cutout.astype(np.float32)
    pixels[..., :3] *= pixels[..., 3:] / 255  # premultiplied: hidden colours do not bleed into the edge
    scaled = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=kernel)
    scene = np.full((HEIGHT, WIDTH, 3), _BACKGROUND, np.float32)
    top, left = (HEIGHT - scaled.shape[0]) // 2, (WIDTH - scaled.shape[1]) // 2
    area = scene[top : top + scaled.shape[0], left : left + scaled.shape[1]]
    area[:] = area * (1 - scaled[..., 3:] / 255) + scaled[..., :3]
    return np.clip(scene.round(), 0, 255).astype(np.uint8)
