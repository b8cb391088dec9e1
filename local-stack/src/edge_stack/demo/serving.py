"""The steps around models: uploads, an exchange under load, a broken version, a removal."""

import time
from contextlib import ExitStack

from edge_common.served_state import VersionState, available_versions

from edge_stack.components import program
from edge_stack.demo.starting import POLL_ALONE_SECONDS
from edge_stack.demo.steps import Findings, NotHeldError
from edge_stack.measuring.load import Load, LoadSummary, summarize
from edge_stack.processes.waiting import wait_until
from edge_stack.report.facts import UploadFact, load_fact

_ALLOWANCE_SECONDS = 2.0
"""What is promised on top of noticing an upload."""
_WITHIN_SECONDS = 60.0
LOAD_THREADS = 3
_STEADY_SECONDS = 1.5
"""Load before and after a change, to compare."""


def upload(findings: Findings, model: str, version: int) -> str:
    """Upload a version, SHA256SUMS last; AVAILABLE must follow within what is promised."""
    fact = _upload(findings, model, version, promised=True)
    if not fact.held:
        raise NotHeldError(f"{_words(fact)}; promised: {fact.promise}")
    return _words(fact)


def upload_own(findings: Findings, model: str, version: int) -> str:
    """Upload a model of unknown size; AVAILABLE must follow, within a time that is not promised."""
    return _words(_upload(findings, model, version, promised=False))


def begin_load(findings: Findings, load: Load, loading: ExitStack) -> str:
    """Start the threads that ask on and on."""
    findings.note("the load begins")
    loading.enter_context(load)
    time.sleep(_STEADY_SECONDS)
    return f"{_undisturbed(summarize(load.answers()))}, {LOAD_THREADS} threads"


def end_load(findings: Findings, model: str, load: Load, loading: ExitStack) -> str:
    """Stop the threads and keep what they saw; none of their requests may have failed."""
    loading.close()
    answers = load.answers()
    summary = summarize(answers)
    findings.load = load_fact(model, LOAD_THREADS, answers, summary, findings.begun)
    latency = f"median {summary.p50 * 1000:.1f} ms, 99 % within {summary.p99 * 1000:.1f} ms"
    return f"{_undisturbed(summary)}; {latency}"


def exchange_under_load(findings: Findings, model: str, load: Load) -> str:
    """Version 2 replaces version 1 while threads ask; afterwards 1 is retired."""
    fact = _upload(findings, model, 2, promised=False)
    findings.stack.wait_version(model, 2, "serving", within=_WITHIN_SECONDS * findings.patience)
    _wait_only_available(findings, model, 2)
    time.sleep(_STEADY_SECONDS)
    summary = summarize(load.answers())
    if summary.versions != (1, 2):
        raise NotHeldError(f"the load was answered by the versions {summary.versions}, not by 1 and then 2")
    return f"{_undisturbed(summary)}; {_words(fact)}"


def refuse_broken(findings: Findings, model: str, load: Load) -> str:
    """A version that cannot be loaded is rejected with a reason; version 2 keeps serving."""
    before = len(load.answers())
    findings.note("upload of a broken v3 begins")
    findings.stack.push(findings.models / model / "3", model=model, version=3)
    entry = findings.stack.wait_version(model, 3, "rejected", within=_WITHIN_SECONDS * findings.patience)
    time.sleep(_STEADY_SECONDS)
    if not entry["reason"]:
        raise NotHeldError("version 3 was rejected without a reason")
    if available_versions(findings.stack.served(), model) != [2]:
        raise NotHeldError(f"version 2 does not serve alone: {findings.stack.served().get(model)}")
    words = _undisturbed(summarize(load.answers()[before:]))
    return f"rejected: {entry['reason']}; {words}, all by version 2"


def restart_sidecar_without_events(findings: Findings, load: Load) -> str:
    """The sidecar is stopped and started with polling only; nobody who asks the server notices."""
    before = len(load.answers())
    findings.note("the sidecar is stopped")
    stack = findings.stack
    stack.processes.stop(stack.component("sidecar"))
    stack.disconnect_events()
    stack.start_sidecar(EVENTS="off", POLL_INTERVAL=f"{POLL_ALONE_SECONDS:g}s")
    findings.events = False
    findings.note("the sidecar is back")
    time.sleep(_STEADY_SECONDS)
    return _undisturbed(summarize(load.answers()[before:]))


def step_back(findings: Findings, model: str) -> str:
    """Version 2 is rolled back and comes again, while threads ask; both answer, and no request fails."""
    stack = findings.stack
    asked = ("--status-url", stack.ports.sidecar_url, "--by", "the demonstration", "--json")
    with Load(stack.ports.server_url, model, threads=LOAD_THREADS) as load:
        time.sleep(_STEADY_SECONDS)
        findings.note(f"{model} is rolled back to v1")
        begun = time.time()
        back = [program("model-sync"), "rollback", model, "--reason", "a drill", *asked]
        stack.run_for_json("rollback", back, stack.sidecar_environment())
        _wait_only_available(findings, model, 1)
        time.sleep(_STEADY_SECONDS)
        stack.run_for_json(
            "unpin", [program("model-sync"), "unpin", model, *asked], stack.sidecar_environment()
        )
        _wait_only_available(findings, model, 2)
    answers = load.answers()
    summary = summarize(answers)
    if summary.failures or summary.versions != (1, 2):
        raise NotHeldError(
            f"{summary.failures} of {summary.requests} requests failed, answered by the versions "
            f"{summary.versions}; first: {summary.first_error}"
        )
    first = min(answer.at + answer.seconds for answer in answers if answer.version == 1)
    return f"0 of {summary.requests} requests failed; v1 answered {first - begun:.1f} s after the command"


def retire_removed(findings: Findings, model: str, other: str) -> str:
    """The model's objects are removed from the bucket: END, files gone; the other model serves on."""
    stack = findings.stack
    findings.note(f"{model} is removed from the bucket")
    begun, folder = time.time(), stack.folder.volume / model
    removed = stack.store.remove_model(model)

    def look() -> str | None:
        if versions := available_versions(stack.served(), model):
            return f"the server still serves {versions}"
        left = sum(file.is_file() for file in folder.rglob("*"))
        return f"{left} files are still on the volume" if left else None

    wait_until(f"{model} retired", look, within=_WITHIN_SECONDS * findings.patience)
    seconds = time.time() - begun
    if not available_versions(stack.served(), other):
        raise NotHeldError(f"{other} does not serve any more either")
    return f"{removed} objects removed; retired after {seconds:.1f} s, {other} serves on"


def _undisturbed(summary: LoadSummary) -> str:
    words = f"{summary.failures} of {summary.requests} requests failed"
    if summary.failures or summary.backward_steps or not summary.requests:
        first = f", first: {summary.first_error}" if summary.failures else ""
        raise NotHeldError(f"{words}{first}; {summary.backward_steps} steps back to an older version")
    return words


def _wait_only_available(findings: Findings, model: str, version: int) -> None:
    def look() -> str | None:
        versions = available_versions(findings.stack.served(), model)
        return None if versions == [version] else f"the server has {versions} available"

    wait_until(f"{model} version {version} alone", look, within=_WITHIN_SECONDS * findings.patience)


def _upload(findings: Findings, model: str, version: int, *, promised: bool) -> UploadFact:
    stack = findings.stack
    folder = findings.models / model / str(version)
    findings.note(f"upload of {model} v{version} begins")
    complete = float(stack.push(folder, model=model, version=version)["uploaded_at"])

    def look() -> str | None:
        seen = findings.timeline.last(model, version, VersionState.AVAILABLE)
        return None if seen is not None else f"the server says {dict(stack.served().get(model, {}))}"

    wait_until(f"{model} version {version} served", look, within=_WITHIN_SECONDS * findings.patience)
    served = findings.timeline.last(model, version, VersionState.AVAILABLE) or complete
    limit = _ALLOWANCE_SECONDS + (0.0 if findings.events else POLL_ALONE_SECONDS)
    fact = UploadFact(
        model=model,
        version=version,
        size=sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
        found_by="events" if findings.events else "polling",
        seconds=round(served - complete, 3),
        limit=limit if promised else None,
        patience=findings.patience,
    )
    findings.uploads.append(fact)
    return fact


def _words(fact: UploadFact) -> str:
    return f"{fact.seconds:.2f} s from the last byte to AVAILABLE, found by {fact.found_by}"
