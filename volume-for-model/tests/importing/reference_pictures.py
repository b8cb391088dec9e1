"""Pictures with fine detail, and what torchvision's and timm's own transforms make of them.

Run by a Python that has torch, torchvision and timm; writes for each network and picture what it would see,
[size,size,3], and `reference_pictures.json` with a few of the pixels:

    python3 reference_pictures.py FOLDER PROGRAM:NETWORK...
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SHAPES = ((487, 653), (900, 640), (150, 200))
"""Heights and widths: wide, high, and smaller than most models."""


def detailed(height: int, width: int) -> Any:
    """[height,width,3] u8: rings ever finer from the middle, stripes of one pixel, and noise."""
    down, across = np.mgrid[0:height, 0:width].astype(np.int64)
    rings = ((2 * down - height) ** 2 + (2 * across - width) ** 2) // 97 % 256
    stripes = (down + across) % 2 * 200 + (across // 40) % 2 * 55
    noise = (down * 7919 + across * 104729 + down * across * 31) // 13 % 256
    return np.stack([rings, stripes, noise], axis=2).astype(np.uint8)


def transform_of(name: str) -> tuple[Any, Any, Any]:
    """The transform that a program evaluates its network with, and its mean and deviation for 0 to 1."""
    program, network = name.split(":")
    if program == "torchvision":
        import torchvision  # noqa: PLC0415 - only what is asked for has to be there

        prefix = network.lower().replace("_", "")
        classes = vars(torchvision.models)
        weights = next(c for n, c in classes.items() if n.lower().replace("_", "") == f"{prefix}weights")
        transform = weights.IMAGENET1K_V1.transforms()
        return transform, transform.mean, transform.std
    import timm  # noqa: PLC0415 - as above
    from timm.data import create_transform  # noqa: PLC0415 - as above

    facts = timm.create_model(network).pretrained_cfg
    wanted = {key: facts[key] for key in ("input_size", "interpolation", "mean", "std", "crop_pct")}
    return create_transform(**wanted), facts["mean"], facts["std"]


def pixels_of(name: str, picture: Any) -> Any:
    """The picture that the network sees, with normalisation undone."""
    transform, mean, deviation = transform_of(name)
    values = transform(Image.fromarray(picture)).numpy().transpose(1, 2, 0)
    return np.rint((values * np.asarray(deviation) + np.asarray(mean)) * 255).astype(np.uint8)


def some_pixels(pixels: Any) -> list[list[int]]:
    """Sixteen pixels from all over the picture."""
    side = len(pixels)
    return [pixels[(37 * n + 11) % side, (53 * n + 29) % side].tolist() for n in range(16)]


def main() -> None:
    """Write `PROGRAM-NETWORK-N.npy` for each network and picture, and the JSON file."""
    folder, *names = sys.argv[1:]
    known: dict[str, dict[str, Any]] = {}
    for name in names:
        seen = [pixels_of(name, detailed(*shape)) for shape in SHAPES]
        for index, pixels in enumerate(seen):
            np.save(Path(folder, f"{name.replace(':', '-')}-{index}.npy"), pixels)
        known[name] = {"size": len(seen[0]), "pixels": [some_pixels(pixels) for pixels in seen]}
    lines = [f"{json.dumps(name)}: {json.dumps(known[name], separators=(',', ':'))}" for name in names]
    Path(folder, "reference_pictures.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
