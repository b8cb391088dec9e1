"""What is generated is what its sources give."""

import shutil
from pathlib import Path

from .charts import CHART, run, tool


def test_the_readme_is_up_to_date(tmp_path: Path) -> None:
    copy = tmp_path / CHART.name
    shutil.copytree(CHART, copy, ignore=shutil.ignore_patterns("charts"))

    done = run([tool("helm-docs"), "--chart-search-root", tmp_path, "--template-files", "README.md.gotmpl"])

    assert done.returncode == 0, done.stderr
    assert (copy / "README.md").read_text() == (CHART / "README.md").read_text(), "run `make chart-readme`"


def test_no_package_of_the_subchart_is_committed() -> None:
    tracked = run(["git", "ls-files", CHART.parent], GIT_OPTIONAL_LOCKS="0").stdout

    assert ".tgz" not in tracked
