"""Print "PASSED FAILED", then the name of each flaky test: it failed, and passed when it was run again.

Arguments: the JUnit report of a run, and that of the second run of what failed, which may not be there.
A skipped test counts as failed, because none may be; so does a report without tests.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def outcomes(report: Path) -> dict[str, bool]:
    """Whether each test passed, setting it up and taking it down included."""
    passed: dict[str, bool] = {}
    if not report.exists():
        return passed
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own pytest wrote it
        name = f"{case.get('classname')}.{case.get('name')}"
        good = not {child.tag for child in case} & {"failure", "error", "skipped"}
        passed[name] = good and passed.get(name, True)
    return passed


def main(first_report: str, second_report: str) -> None:
    """Exit with 1 when the first run left no report."""
    if not Path(first_report).exists():
        sys.exit(f"{first_report} is not there")
    first, again = outcomes(Path(first_report)), outcomes(Path(second_report))
    failed = [name for name, good in first.items() if not good]
    flaky = [name for name in failed if again.get(name)]
    bad = len(failed) - len(flaky) if first else 1
    print(len(first) - bad if first else 0, bad)  # noqa: T201 - the answer
    for name in flaky:
        print(name)  # noqa: T201 - as above


if __name__ == "__main__":
    main(*sys.argv[1:])
