"""A part of a document that a program writes between two marks, so that it is never stale."""


def replace_section(document: str, begin: str, end: str, content: str) -> str:
    """`document` with what stands between the lines `begin` and `end` replaced by `content`.

    Raises ValueError when the marks are not there.
    """
    before, found_begin, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"the document has no {begin!r} ... {end!r}")
    return f"{before}{begin}\n{content}\n{end}{after}"
