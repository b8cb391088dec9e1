"""Cut from shared libraries what no program loads: symbols for debuggers, and the table of sections.

Usage: unloaded_parts.py FOLDER. The work of `strip`, where no binutils are installed. What is loaded is told
by the program headers alone; what lies behind the last of it, mostly debuggers' symbols, goes.
"""

import struct
import sys
from pathlib import Path

_ELF64_LITTLE = b"\x7fELF\x02\x01"
_OFFSET = struct.Struct("<Q")
"""e_phoff, at 32, and e_shoff, at 40."""
_COUNTS = struct.Struct("<HHHHH")
"""e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx, at 54."""
_PART = struct.Struct("<IIQQQQ")
"""The begin of a program header: type, flags, offset, address twice, size in the file."""


def loaded_bytes(content: bytes) -> int | None:
    """How many bytes from the begin are loaded, or headers; None: no whole ELF file of 64 bits."""
    if not content.startswith(_ELF64_LITTLE):
        return None
    try:
        (first,) = _OFFSET.unpack_from(content, 32)  # e_phoff
        size, count, *_ = _COUNTS.unpack_from(content, 54)
        ends: list[int] = [first + size * count]
        for number in range(count):
            _, _, offset, _, _, length = _PART.unpack_from(content, first + number * size)
            ends.append(offset + length)
    except struct.error:  # the headers lie outside
        return None
    return max(ends)


def without_the_rest(content: bytes) -> bytes:
    """The library without what is not loaded; as it was when it is none, or damaged."""
    end = loaded_bytes(content)
    if end is None or end > len(content):
        return content
    kept = bytearray(content[:end])
    _OFFSET.pack_into(kept, 40, 0)
    size, count, *_ = _COUNTS.unpack_from(kept, 54)
    _COUNTS.pack_into(kept, 54, size, count, 0, 0, 0)
    return bytes(kept)


if __name__ == "__main__":
    for path in Path(sys.argv[1]).rglob("*.so*"):
        if path.is_file() and not path.is_symlink():
            before = path.read_bytes()
            after = without_the_rest(before)
            if len(after) < len(before):
                path.write_bytes(after)
