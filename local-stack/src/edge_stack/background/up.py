"""A stack that keeps running after the command that started it: up, and down again."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_common.errors import FatalError

from edge_stack.background.record import ProcessRecord, StackRecord, end_recorded, read_record
from edge_stack.components import StackFolder, client_environment
from edge_stack.stack import Stack, StackOptions

COMPONENTS = ("store", "sidecar", "server", "client")
_SERVED_WITHIN_SECONDS = 60.0


def bring_up(options: StackOptions, models: Path | None = None) -> tuple[StackRecord, bool]:
    """Have all components run in the background; returns the record and whether they were started now.

    A complete stack is left as it is; the rest of an incomplete one is ended first. One that is started now
    gets the versions in `models` that its bucket lacks, and serves them when this returns. When starting
    fails, nothing is left running.
    """
    folder = StackFolder(options.root.absolute())
    with _one_at_a_time(folder.root):
        known = read_record(folder.record)
        if known is not None and len(known.running()) == len(COMPONENTS):
            return known, False
        _end(folder, known)
        with Stack(options) as stack:
            stack.start_all()
            if models is not None:
                upload_models(stack, models)
            record = _record_of(stack)
            record.write(folder.record)
            stack.leave_running()
        return record, True


def take_down(root: Path) -> Sequence[str]:
    """End the background stack of a state folder; returns the components that still ran. May be repeated."""
    folder = StackFolder(root.absolute())
    if not folder.record.exists():
        return []
    with _one_at_a_time(folder.root):
        return _end(folder, read_record(folder.record))


def upload_models(stack: Stack, folder: Path) -> Sequence[str]:
    """Upload each `NAME/VERSION/` of `folder` that the bucket lacks, and wait until all are served.

    Returns `NAME/VERSION` of all of them. Raises FatalError when there is none, RejectedError when an upload
    fails, and RetryableError when a model is not served in time.
    """
    found = list(_versions(folder))
    if not found:
        raise FatalError(f"there is no model in {folder}, as NAME/VERSION/; build some: make models")
    for model, version in found:
        source = folder / model / str(version)
        if not stack.store.has_all(source, f"{model}/{version}/"):
            stack.push(source, model=model, version=version)
    stack.ask_for_sync()
    for model, version in found:
        stack.wait_version(model, version, "serving", within=_SERVED_WITHIN_SECONDS)
    return [f"{model}/{version}" for model, version in found]


def _versions(folder: Path) -> Iterator[tuple[str, int]]:
    for version in sorted(folder.glob("*/*/")):
        if version.is_dir() and version.name.isdecimal():
            yield version.parent.name, int(version.name)


def _end(folder: StackFolder, record: StackRecord | None) -> Sequence[str]:
    ended = end_recorded(record) if record else []
    folder.record.unlink(missing_ok=True)
    return ended


def _record_of(stack: Stack) -> StackRecord:
    addresses = {
        "server": stack.ports.server_url,
        "sidecar": stack.ports.sidecar_url,
        "page": stack.ports.page_url,
        "store": stack.store.endpoint,
    }
    if stack.store.console:
        addresses["console"] = stack.store.console
    return StackRecord(
        store=stack.store.description,
        addresses=addresses,
        environment=stack.sidecar_environment() | client_environment(stack.ports),
        processes=tuple(ProcessRecord.of(process) for process in stack.processes.running),
    )


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
