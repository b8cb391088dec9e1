import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from edge_common.errors import RejectedError
from edge_common.served_state import VersionState
from edge_stack.report.facts import (
    DemoReport,
    LoadFact,
    PictureAnswer,
    PictureFact,
    Prediction,
    RequestFact,
    StepFact,
    TransitionFact,
    UploadFact,
)
from edge_stack.report.page import picture_as_data_uri, render_page, write_report

ReportMaker = Callable[..., DemoReport]
LoadMaker = Callable[..., LoadFact]
EVIL = "<script>alert('x')</script> & \"quotes\""
PIXEL = bytes.fromhex("89504e470d0a1a0a")


@pytest.fixture
def full_report(report_of: ReportMaker, load_of: LoadMaker) -> DemoReport:
    return report_of(
        store=EVIL,
        steps=(
            StepFact(claim=EVIL, result=EVIL, held=False, seconds=1.0),
            StepFact(claim="v2 replaces v1", result="0 of 10", held=True, seconds=2.0),
        ),
        uploads=(
            UploadFact(model=EVIL, version=1, size=2**20, found_by="events", seconds=0.9, limit=2),
            UploadFact(model="car", version=2, size=10, found_by="polling", seconds=9.9, limit=5),
        ),
        pictures=(
            PictureFact(
                file=EVIL,
                expected="school bus",
                source=EVIL,
                licence="CC0",
                data_uri="data:image/png;base64,AAAA",
                answers=(
                    PictureAnswer(
                        model=EVIL,
                        version=2,
                        latency_ms=12.4,
                        top=(
                            Prediction(label=EVIL, probability=0.931),
                            Prediction(label="cab", probability=0.05),
                        ),
                        agrees=True,
                    ),
                ),
            ),
        ),
        transitions=(TransitionFact(at=0.0, model=EVIL, version=1, state=VersionState.AVAILABLE),),
        load=load_of(
            [
                RequestFact(at=0.0, milliseconds=3.0, version=1),
                RequestFact(at=1.0, milliseconds=300.0, version=None),
                RequestFact(at=2.0, milliseconds=4.0, version=2),
            ],
            first_error=EVIL,
        ),
    )


def parsed(page: str) -> ET.Element:
    """The page as XML: fails on any unclosed element or unescaped character."""
    return ET.fromstring(page.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - our own output


def test_the_page_is_well_formed_and_escapes_every_name(full_report: DemoReport) -> None:
    page = render_page(full_report)
    root = parsed(page)
    assert "<script>" not in page
    assert root.findall(".//script") == []
    assert any(cell.text == EVIL for cell in root.iter("td"))


def test_the_page_needs_nothing_from_outside(full_report: DemoReport) -> None:
    page = render_page(full_report)
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", page)
    assert "@import" not in page
    assert "url(" not in page


def test_the_page_shows_verdicts_pictures_uploads_and_the_exchange(full_report: DemoReport) -> None:
    root = parsed(render_page(full_report))
    text = " ".join("".join(root.itertext()).split())
    assert "Not every claim held." in text
    assert "93.1 %" in text
    assert "3 requests, 1 failed" in text
    assert "under 5 s" in text
    assert [image.get("src") for image in root.iter("img")] == ["data:image/png;base64,AAAA"]
    circles = [circle.get("class") for circle in root.iter("circle")]
    assert circles == ["dot c1", "failure", "dot c2"]


def test_dark_and_light_are_both_provided(report_of: ReportMaker) -> None:
    assert "prefers-color-scheme: dark" in render_page(report_of())


def test_a_page_of_a_run_that_ended_early_is_well_formed_too(report_of: ReportMaker) -> None:
    root = parsed(render_page(report_of()))
    assert list(root.iter("svg")) == []
    assert "Every claim held." in "".join(root.itertext())


def test_both_files_are_written_and_the_json_holds_the_facts_without_pixels(
    full_report: DemoReport, tmp_path: Path
) -> None:
    page = write_report(full_report, tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "demo-report.json").read_text())
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert facts["schema"] == 1
    assert facts["load"]["requests"] == 3
    assert "data_uri" not in facts["pictures"][0]


def test_pictures_become_data_uris_and_others_are_refused(tmp_path: Path) -> None:
    picture = tmp_path / "car.PNG"
    picture.write_bytes(PIXEL)
    assert picture_as_data_uri(picture) == "data:image/png;base64,iVBORw0KGgo="
    drawing = tmp_path / "car.svg"
    drawing.write_bytes(b"<svg/>")
    with pytest.raises(RejectedError, match="neither JPEG nor PNG"):
        picture_as_data_uri(drawing)
    picture.write_bytes(bytes(5 * 2**20))
    with pytest.raises(RejectedError, match=r"has 5\.0 MiB"):
        picture_as_data_uri(picture)
