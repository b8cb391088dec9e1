"""Write what an end-to-end run measured (`make e2e`) as tables, also into a document.

measured_cluster.py FACTS [--write DOCUMENT]; FACTS is the JSON file of tests/e2e/facts.py.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
from document_section import write_section

MEGABYTE = 1_000_000


def lines(facts: dict[str, Any], measured: datetime) -> Iterator[str]:
    """The tables in Markdown."""
    yield f"Measured on {measured:%Y-%m-%d}, {facts['cluster']}, one node with {cpu_count()} cores."
    yield from ("", "| from … until | seconds |", "| --- | ---: |")
    yield from (f"| {what} | {seconds:.1f} |" for what, seconds in facts["seconds"].items())
    yield from ("", "| while requests ran through the Service | requests | failed |", "| --- | ---: | ---: |")
    yield from (f"| {event} | {asked} | {failed} |" for event, (asked, failed) in facts["traffic"].items())
    yield from ("", "| idle container | memory, MiB | cores |", "| --- | ---: | ---: |")
    yield from (f"| {name} | {memory:.0f} | {cores:.3f} |" for name, (memory, cores) in facts["idle"].items())
    memory, cores = (sum(column) for column in zip(*facts["idle"].values(), strict=True))
    yield f"| **all** | {memory:.0f} | {cores:.3f} |"
    yield from ("", "| image | MB, as the node holds it |", "| --- | ---: |")
    yield from (f"| {name} | {size / MEGABYTE:.0f} |" for name, size in facts["image_bytes"].items())


def main() -> None:
    """Print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("facts", type=Path)
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    options = parser.parse_args()
    measured = datetime.fromtimestamp(options.facts.stat().st_mtime, UTC)
    text = "\n".join(lines(json.loads(options.facts.read_text()), measured))
    print(text)
    if options.write:
        write_section(options.write, "cluster", text)


if __name__ == "__main__":
    main()
