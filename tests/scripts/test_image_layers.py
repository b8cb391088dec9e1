"""What the images install, layer by layer, and what is cut from shared libraries."""

import ctypes
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locked_layer import PROGRAMS, layer
from unloaded_parts import loaded_bytes, without_the_rest

_ROOT = Path(__file__).parents[2]
_LOCKS = _ROOT / "locks"
_ELF = b"\x7fELF\x02\x01"


def _layers() -> list[set[str]]:
    text = (_ROOT / "Dockerfile").read_text()
    return [set(re.findall(r"[a-z-]+", line)) for line in re.findall(r"image_layer\.sh ([a-z -]+)", text)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_layers_of_an_image_install_what_its_program_locks_each_once(program: str) -> None:
    installed = "".join(layer(programs, _LOCKS) for programs in _layers() if program in programs)
    asked = [
        line for line in (_LOCKS / f"{program}.txt").read_text().splitlines() if not line.startswith("#")
    ]
    assert sorted(installed.splitlines()) == sorted(asked)


def test_an_image_takes_the_layers_of_its_program_and_no_other() -> None:
    text = (_ROOT / "Dockerfile").read_text()
    found = re.findall(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL)
    stages = {name: set(re.findall(r"--from=(of-[a-z-]+)", body)) | {base} for base, name, body in found}

    def layers(name: str) -> set[str]:
        return {one for one in stages[name] if one.startswith("of-")}.union(
            *(layers(one) for one in stages[name] if one in stages and not one.startswith("of-"))
        )

    everything = {name for name in stages if name.startswith("of-")}
    for image in ("sidecar", "lite", "client"):
        theirs = {name for name in everything if name == "of-all" or image in name.split("-")}
        assert layers(image) == theirs


def test_a_library_without_what_is_not_loaded_is_smaller_and_is_loaded(tmp_path: Path) -> None:
    import ml_dtypes  # noqa: PLC0415 - for its library, nine tenths of which are symbols

    (library,) = Path(ml_dtypes.__file__).parent.glob("_ml_dtypes_ext*.so")
    content = library.read_bytes()
    cut = without_the_rest(content)
    assert len(cut) < len(content)
    assert without_the_rest(cut) == cut
    (tmp_path / "cut.so").write_bytes(cut)
    assert ctypes.PyDLL(str(tmp_path / "cut.so")).PyInit__ml_dtypes_ext


@given(st.binary(max_size=300).map(lambda tail: _ELF + tail) | st.binary(max_size=80))
def test_whatever_is_no_library_stays_as_it_is(content: bytes) -> None:
    end = loaded_bytes(content)
    if end is None or end > len(content):
        assert without_the_rest(content) == content
