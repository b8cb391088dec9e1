import json
import subprocess
import sys

from car_client.library_lines import LibraryLines
from collected_logs import LogLines

PROGRAM = """
import os, sys, warnings
from car_client.library_lines import logged_library_lines
from edge_common.logs import LogFormat, configure_logging
with logged_library_lines():
    configure_logging(LogFormat.JSON)
    os.write(2, b"[mjpeg @ 0x1] broken\\nrtsp://u:secret@cam/ is away")
    warnings.warn("odd EXIF")
    sys.stderr.write("our own\\n")
os.write(2, b"afterwards\\n")
"""


def test_what_native_code_and_warnings_say_are_lines_of_the_log() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    lines = ended.stderr.splitlines()
    own = [line for line in lines if not line.startswith("{")]
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    assert own == ["our own", "afterwards"]
    assert [line["text"] for line in logged if line["event"] == "library_line"] == [
        "[mjpeg @ 0x1] broken",
        "rtsp://***@cam/ is away",
    ]
    assert [line["event"] for line in logged if line["event"] != "library_line"] == ["UserWarning: odd EXIF"]


def test_a_flood_of_lines_is_counted_instead(logged: LogLines) -> None:
    now = [0.0]
    lines = LibraryLines(lambda: now[0])
    for number in range(100):
        lines.take(f"line {number}".encode())
    now[0] += 10
    lines.take(b"later")
    assert len(logged.of("library_line")) == 21
    assert [line["count"] for line in logged.of("library_lines_left_out")] == [80]
