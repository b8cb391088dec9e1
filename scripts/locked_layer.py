"""Print what exactly the named programs lock in common: the requirements, with hashes, of a layer of images.

Usage: locked_layer.py PROGRAM..., in the folder that holds locks/. The layers of all groups that a program is
in hold each of its requirements once.
"""

import sys
from pathlib import Path

PROGRAMS = ("model-sync", "ovms-lite", "car-client")


def locked(program: str, folder: Path) -> set[str]:
    """The requirements of a program, each with its lines of hashes."""
    lines = (folder / f"{program}.txt").read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#"))
    return set(text.replace("\\\n ", "\0").splitlines())


def layer(programs: set[str], folder: Path) -> str:
    """The lines of a requirements file with what is locked by all of `programs`, and by no other."""
    common = set.intersection(*(locked(program, folder) for program in programs))
    others = [locked(program, folder) for program in PROGRAMS if program not in programs]
    return "".join(f"{line}\n".replace("\0", "\\\n ") for line in sorted(common.difference(*others)))


if __name__ == "__main__":
    if not (asked := set(sys.argv[1:])) or not asked <= set(PROGRAMS):
        sys.exit(f"name some of {', '.join(PROGRAMS)}")
    sys.stdout.write(layer(asked, Path("locks")))
