"""demo-report.html and demo-report.json: one file each, without any outside resource."""

import base64
from pathlib import Path

from edge_common.atomic_files import replace_file
from edge_common.errors import RejectedError
from edge_common.quantities import format_duration, format_size
from jinja2 import Environment, PackageLoader, StrictUndefined

from edge_stack.report.charts import swap_chart
from edge_stack.report.facts import DemoReport

MAX_PICTURE_BYTES = 4 * 1024 * 1024
_IMAGE_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


def picture_as_data_uri(path: Path) -> str:
    """The picture as text for an `src`; raises RejectedError for other types and above 4 MiB."""
    kind = _IMAGE_TYPES.get(path.suffix.lower())
    if kind is None:
        raise RejectedError(f"{path} is neither JPEG nor PNG; the report shows no other pictures")
    size = path.stat().st_size
    if size > MAX_PICTURE_BYTES:
        raise RejectedError(f"{path} has {format_size(size)}; the report takes pictures up to 4 MiB")
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def render_page(report: DemoReport) -> str:
    """The page as HTML that is also well-formed XML; every name from outside is escaped."""
    environment = Environment(
        loader=PackageLoader("edge_stack.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": format_size, "duration": format_duration}
    return environment.get_template("page.html.j2").render(report=report, chart=swap_chart(report))


def write_report(report: DemoReport, folder: Path) -> Path:
    """Write both files into `folder`; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "demo-report.html"
    replace_file(page, render_page(report).encode())
    replace_file(folder / "demo-report.json", report.model_dump_json(indent=2).encode())
    return page
