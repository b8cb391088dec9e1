"""A canvas with a road, on which simple shapes become something that a network takes for a photo."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""H x W x 3, blue, green, red, as OpenCV decodes pictures."""
Color = tuple[int, int, int]
"""Blue, green, red in 0...255."""
Point = tuple[float, float]

WIDTH, HEIGHT = 640, 480
BLACK: Color = (22, 20, 20)
GLASS: Color = (70, 58, 48)
CHROME: Color = (190, 190, 190)
_OVERSAMPLING = 2
_JPEG_QUALITY = 92


def as_jpeg(picture: Picture) -> bytes:
    """The picture as a JPEG file; the same bytes for the same release of OpenCV."""
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1])


class Canvas:
    """Draws shaded, antialiased shapes in the coordinates of the finished picture."""

    def __init__(self) -> None:
        """Begin with a road under a hazy sky and a hedge between them; the same one each time."""
        self._random = np.random.default_rng(7)
        down = np.linspace(0, 1, HEIGHT * _OVERSAMPLING)[:, None]
        sky = (1 - down) * np.array([235, 205, 170]) + down * np.array([240, 232, 222])
        self._pixels = np.repeat(sky[:, None, :], WIDTH * _OVERSAMPLING, axis=1).astype(np.float32)
        self._texture(170, 330, (60, 90, 70), spread=46, grain=14)
        self._texture(318, 346, (150, 155, 160), spread=16, grain=3)
        self._texture(340, HEIGHT, (112, 110, 110), spread=22, grain=2)

    def _texture(self, top: int, bottom: int, color: Color, *, spread: float, grain: int) -> None:
        """Fill the rows `top`...`bottom` with `color`, varied in patches of `grain` pixels."""
        shape = ((bottom - top) // grain + 2, WIDTH // grain + 2)
        patches = self._random.normal(0, spread, shape).astype(np.float32)
        size = (WIDTH * _OVERSAMPLING, (bottom - top) * _OVERSAMPLING)
        coarse = cv2.resize(patches, size, interpolation=cv2.INTER_CUBIC)
        fine = self._random.normal(0, spread / 3, coarse.shape)
        rows = slice(top * _OVERSAMPLING, bottom * _OVERSAMPLING)
        self._pixels[rows] = np.array(color) + (coarse + fine)[..., None]

    def polygon(self, points: Sequence[Point], color: Color, *, shade: float = 0.25) -> None:
        """Fill a polygon, lit from above: `shade` is how much darker its lower edge is."""
        corners = (np.array(points, np.float64) * _OVERSAMPLING).round().astype(np.int32)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0) + 1
        area = self._pixels[top:bottom, left:right]
        inside = np.zeros(area.shape[:2], np.uint8)
        cv2.fillPoly(inside, [corners - (left, top)], 1)
        light = np.linspace(1 + shade / 2, 1 - shade / 2, bottom - top, dtype=np.float32)
        lit = light[:, None, None] * np.array(color, np.float32)
        np.copyto(area, np.broadcast_to(lit, area.shape), where=inside[..., None] > 0)

    def box(
        self, left_top: Point, right_bottom: Point, color: Color, *, radius: float = 0, shade: float = 0.25
    ) -> None:
        """Fill a rectangle whose corners are rounded by `radius` pixels."""
        (x0, y0), (x1, y1), r = left_top, right_bottom, radius
        corners = [(x1 - r, y0 + r, 270), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180)]
        points = [
            (x + r * np.cos(angle), y + r * np.sin(angle))
            for x, y, start in corners
            for angle in np.radians(np.arange(start, start + 91, 15))
        ]
        self.polygon(points, color, shade=shade)

    def disc(self, center: Point, radius: float, color: Color, *, shade: float = 0.25) -> None:
        """Fill a circle."""
        angles = np.radians(np.arange(0, 360, 5))
        points = [(center[0] + radius * np.cos(a), center[1] + radius * np.sin(a)) for a in angles]
        self.polygon(points, color, shade=shade)

    def shadow(self, x0: float, x1: float, y: float) -> None:
        """Darken the road under a vehicle that reaches from `x0` to `x1`."""
        shade = np.zeros(self._pixels.shape[:2], np.float32)
        center = (round((x0 + x1) / 2 * _OVERSAMPLING), round(y * _OVERSAMPLING))
        axes = (round((x1 - x0) / 2 * _OVERSAMPLING), 14 * _OVERSAMPLING)
        cv2.ellipse(shade, center, axes, 0, 0, 360, 1, -1)
        self._pixels *= 1 - 0.75 * cv2.GaussianBlur(shade, (0, 0), 6 * _OVERSAMPLING)[..., None]

    def wheel(self, center: Point, radius: float, rim: Color = CHROME) -> None:
        """Draw a tyre with rim, hub and bolts."""
        dim = (int(rim[0] * 0.75), int(rim[1] * 0.75), int(rim[2] * 0.75))
        self.disc(center, radius * 1.12, (15, 15, 15))
        self.disc(center, radius, (38, 36, 36), shade=0.6)
        self.disc(center, radius * 0.62, rim, shade=0.5)
        self.disc(center, radius * 0.5, dim, shade=-0.4)
        self.disc(center, radius * 0.2, rim)
        for angle in np.radians(np.arange(0, 360, 60)):
            x, y = center[0] + radius * 0.36 * np.cos(angle), center[1] + radius * 0.36 * np.sin(angle)
            self.disc((x, y), radius * 0.07, BLACK)

    def finish(self) -> Picture:
        """The picture as a camera would give it: slightly soft, slightly noisy."""
        small = cv2.resize(self._pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        seen = cv2.GaussianBlur(small, (0, 0), 0.6) + self._random.normal(0, 2.5, small.shape)
        return np.asarray(np.clip(seen, 0, 255), np.uint8)
