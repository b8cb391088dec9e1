"""Generated parts of documents."""

import pytest
from edge_common.generated_section import replace_section


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    assert replace_section("a\n<b>\nold\n<e>\nz", "<b>", "<e>", "new") == "a\n<b>\nnew\n<e>\nz"


@pytest.mark.parametrize("document", ["", "<b>", "<e>", "<e> <b>"])
def test_a_document_without_the_marks_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match=r"no '<b>' \.\.\. '<e>'"):
        replace_section(document, "<b>", "<e>", "new")
