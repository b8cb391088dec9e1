import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from car_models.samples.stamps import (
    PACKAGE,
    STAMPS,
    Stamp,
    composed,
    fetch_stamps,
    find_stamps,
    licence_of_stamps,
)
from edge_common.errors import FatalError, RetryableError

COPYRIGHT = "usr/share/doc/tuxpaint-stamps-default/copyright"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small Debian package with files where the real one has its photos, and one that nobody wants."""
    root = tmp_path / "root"
    cutout = np.zeros((20, 40, 4), np.uint8)
    cutout[5:15, 10:30] = (0, 0, 255, 255)
    for stamp in STAMPS:
        (root / stamp.path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / stamp.path), cutout)
    (root / COPYRIGHT).parent.mkdir(parents=True)
    (root / COPYRIGHT).write_text("Files: *\nLicense: GPL-2\n")
    (root / "usr/share/unwanted").write_text("large")
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(
        f"Package: {PACKAGE}\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\n"
        "Description: photos\n"
    )
    archive = tmp_path / f"{PACKAGE}_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", "-Zgzip", root, archive], check=True, capture_output=True)
    return archive


def put_apt_get_first(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    folder.mkdir()
    (folder / "apt-get").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_fetched_package_leaves_the_photos_and_their_licence_and_nothing_else(
    tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_apt_get_first(monkeypatch, tmp_path / "bin", f"cp {package} .")
    cache = tmp_path / "cache" / "photos"
    assert fetch_stamps(cache) == cache
    kept = {str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file()}
    assert kept == {COPYRIGHT, *(str(stamp.path) for stamp in STAMPS)}
    assert [path.name for path in cache.parent.iterdir()] == ["photos"]
    assert licence_of_stamps(cache) == "GPL-2"


def test_a_failed_download_can_be_retried_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_apt_get_first(monkeypatch, tmp_path / "bin", "echo 'E: Unable to locate package' >&2; exit 100")
    with pytest.raises(RetryableError, match=r"Unable to locate package.*apt-get install tuxpaint"):
        fetch_stamps(tmp_path / "cache" / "photos")
    assert not list((tmp_path / "cache").iterdir())


def test_a_damaged_package_can_be_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_apt_get_first(monkeypatch, tmp_path / "bin", "echo junk > photos.deb")
    with pytest.raises(RetryableError, match="try again"):
        fetch_stamps(tmp_path / "cache" / "photos")


def test_a_package_of_another_release_that_lacks_a_photo_is_not_taken(
    tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (root / STAMPS[-1].path).unlink()
    subprocess.run(["dpkg-deb", "--build", "-Zgzip", root, package], check=True, capture_output=True)
    put_apt_get_first(monkeypatch, tmp_path / "bin", f"cp {package} .")
    with pytest.raises(FatalError, match="does not hold all the photos"):
        fetch_stamps(tmp_path / "cache" / "photos")


def test_a_system_without_apt_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FatalError, match=r"no apt; install it by hand"):
        fetch_stamps(tmp_path / "cache")


def test_the_real_package_names_its_licence(stamps_root: Path) -> None:
    assert licence_of_stamps(stamps_root) == "GPL-2"


def test_photos_are_found_only_when_all_are_there(stamps_root: Path, tmp_path: Path) -> None:
    for path in (COPYRIGHT, *(str(stamp.path) for stamp in STAMPS)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(stamps_root / path, tmp_path / path)
    assert find_stamps(tmp_path) is not None
    (tmp_path / STAMPS[0].path).unlink()
    assert find_stamps(tmp_path) != tmp_path


@pytest.mark.parametrize("stamp", STAMPS, ids=lambda stamp: stamp.name)
def test_a_photo_stands_whole_on_a_plain_background(stamps_root: Path, stamp: Stamp) -> None:
    picture = composed(stamps_root, stamp)
    assert picture.shape == (480, 640, 3)
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert (border == 200).all()
    assert picture.std() > 10
