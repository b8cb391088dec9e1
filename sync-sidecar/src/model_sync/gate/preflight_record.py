"""What is written down while a version is in preflight, for the case that this ends the sidecar itself.

The kubelet kills the whole container when its memory is used up. The record that is then left in the staging
folder tells the next start which version that was.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge_common.errors import RejectedError
from edge_common.quantities import format_size

_NOTICEABLY_MORE = 1.25
_MOST_ENDS = 2
"""One may have been somebody else's doing; after so many it is only tried again with more memory."""


@dataclass(frozen=True)
class _Record:
    upload_id: str
    allowance: int
    ends: int = 0
    """How often the sidecar has ended since this upload was first in preflight; the present one counts."""
    told: int = 0
    """How many of them led to a rejection."""


class PreflightRecord:
    """The record in one staging folder."""

    def __init__(self, folder: Path, upload_id: str, allowance: int) -> None:
        """For the upload `upload_id`, whose preflight may take `allowance` bytes this time."""
        self._path = folder / "in-preflight.json"
        found = self._read()
        self._record = _Record(upload_id, allowance)
        if (
            found is not None
            and found.upload_id == upload_id
            and allowance < found.allowance * _NOTICEABLY_MORE
        ):
            self._record = found

    def raise_for_earlier_end(self) -> None:
        """Raise RejectedError when an earlier preflight with as little memory never returned."""
        record = self._record
        if record.ends == record.told and record.ends < _MOST_ENDS:
            return
        self._write(replace(record, told=record.ends))
        raise RejectedError(
            f"its preflight ended the sidecar; it needs more than {format_size(record.allowance)} of memory; "
            "make the model smaller, or the container's memory limit larger"
        )

    def begin(self) -> None:
        """Write down that this upload may be what ends the sidecar. Raises OSError."""
        self._write(replace(self._record, ends=self._record.ends + 1))

    def clear(self) -> None:
        """Preflight has returned, however it ended. Raises OSError."""
        self._path.unlink(missing_ok=True)

    def _write(self, record: _Record) -> None:
        aside = self._path.with_suffix(".new")
        aside.write_text(
            json.dumps(asdict(record))
        )  # no fsync: it is for the end of processes, not of machines
        aside.replace(self._path)

    def _read(self) -> _Record | None:
        try:
            return _Record(**json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return None
