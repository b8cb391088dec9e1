"""Print "PASSED FAILED" of a JUnit report; a skipped test counts as failed, because none may be."""

import sys
import xml.etree.ElementTree as ET

suite = ET.parse(sys.argv[1]).getroot().find("testsuite")  # noqa: S314 - our own pytest wrote it
if suite is None:
    sys.exit(f"{sys.argv[1]} holds no test suite")
bad = sum(int(suite.get(kind, 0)) for kind in ("failures", "errors", "skipped"))
total = int(suite.get("tests", 0))
print(max(0, total - bad), bad if total else 1)  # noqa: T201 - the answer
