"""The sentence for what a volume did not take: what, where, and what to do about it."""

import errno
import os

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM})


def refusal(error: OSError) -> str:
    """What happened, to which path, and what to do; begins with "cannot write to the volume"."""
    where = error.filename2 or error.filename
    what = f"cannot write to the volume: {error.strerror or error}" + (f" ({where})" if where else "")
    if error.errno in _NO_ROOM:
        return f"{what}; make room or mend it, then it goes on"
    if error.errno in _NOT_OURS:
        return f"{what}; give that to user {os.geteuid()} or take it away, then it goes on"
    return f"{what}; mend that or take it away, then it goes on"
