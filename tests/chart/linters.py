"""Holds the chart against checkov and kube-score: docs/security.md answers each finding, and nothing else.

python tests/chart/linters.py CHECKOV KUBE_SCORE
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm-chart" / "edge-ai-car-classification"
HEADING = "## What linters of the chart say"
RENDERED = {"first": "ci/default-values.yaml", "kept": "examples/values-prod.yaml"}
"""Release -> values: what somebody installs at first, and what somebody keeps."""
_BEST_GRADE = 10


def rendered() -> str:
    """Manifests of both."""
    helm = [str(ROOT / ".local" / "bin" / "helm"), "template", "--namespace", "edge"]
    return "---\n".join(
        _output([*helm, "--values", str(CHART / values), release, str(CHART)])
        for release, values in RENDERED.items()
    )


def findings_of_checkov(program: str, manifests: Path) -> set[str]:
    """Names of its checks that fail."""
    options = ["--framework", "kubernetes", "--skip-download", "--compact", "--quiet", "--output", "json"]
    found = json.loads(_output([program, "--file", str(manifests), *options]))
    return {check["check_id"] for check in found["results"]["failed_checks"]}


def findings_of_kube_score(program: str, manifests: Path) -> set[str]:
    """Names of its checks with less than the best grade."""
    objects = json.loads(_output([program, "score", "--output-format", "json", str(manifests)]))
    checks = (check for each in objects for check in each["checks"])
    return {c["check"]["id"] for c in checks if not c["skipped"] and c["grade"] < _BEST_GRADE}


def answered() -> set[str]:
    """Names in the first column of the table in docs/security.md."""
    text = (ROOT / "docs" / "security.md").read_text().partition(HEADING)[2].partition("\n## ")[0]
    rows = (line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # they fail when they find
    if not done.stdout:
        sys.exit(f"{command[0]} says nothing but: {done.stderr}")
    return done.stdout


def main() -> None:
    """Exit code 1 with the names that differ."""
    with tempfile.TemporaryDirectory() as folder:
        manifests = Path(folder) / "manifests.yaml"
        manifests.write_text(rendered())
        found = findings_of_checkov(sys.argv[1], manifests) | findings_of_kube_score(sys.argv[2], manifests)
    unanswered, gone = sorted(found - answered()), sorted(answered() - found)
    for name in unanswered:
        sys.stdout.write(f"{name} is found and not answered in docs/security.md\n")
    for name in gone:
        sys.stdout.write(f"{name} is answered in docs/security.md and no longer found\n")
    sys.stdout.write(f"{len(found)} findings, {len(unanswered)} without an answer\n")
    sys.exit(1 if unanswered or gone else 0)


if __name__ == "__main__":
    main()
