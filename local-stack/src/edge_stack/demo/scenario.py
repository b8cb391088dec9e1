"""The demonstration from beginning to end: its claims in their order, and the report on them."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from edge_stack.demo import classifying, own_model, serving, starting
from edge_stack.demo.own_model import OwnModel
from edge_stack.demo.starting import LOADED_MODEL, OTHER_MODEL
from edge_stack.demo.steps import Findings, Step, in_words, measured_slowness, run_steps
from edge_stack.measuring.load import Load
from edge_stack.measuring.served_timeline import ServedTimeline
from edge_stack.report.facts import DemoReport
from edge_stack.report.page import write_report
from edge_stack.report.screen import Screen
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind

_MODELS = 2
_DELETE_GRACE = "2s"
"""How long a removal must last in the demonstration; a real site keeps the default of a minute."""

_DOWNLOADS = "161 MB of photos are fetched once, unless Debian's tuxpaint-stamps-default is installed"


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What may be chosen about a demonstration."""

    store: StoreKind
    out: Path
    """Folder for demo-report.html and demo-report.json."""
    keep: Path | None
    """State folder to leave behind, with all logs; None: a temporary one."""
    own: OwnModel | None = None
    """A model that is uploaded and classified with as well."""
    patience: float = 1.0
    """At least so many times longer may everything take; more where the machine is measured to be slower."""


def run_demo(options: DemoOptions, console: Console) -> tuple[DemoReport, Path]:
    """Run every step, end everything, write the report; returns it and the page's path.

    Never raises for a claim that fails: that is a verdict in the report.
    """
    screen = Screen(console)
    patience = max(options.patience, measured_slowness())
    screen.say(f"{_DOWNLOADS}{in_words(patience)}")
    with ExitStack() as context:
        root = options.keep or Path(context.enter_context(tempfile.TemporaryDirectory(prefix="edge-stack-")))
        sidecar = {"DELETE_GRACE": _DELETE_GRACE}
        stack = context.enter_context(
            Stack(StackOptions(root=root / "stack", store=options.store, sidecar_settings=sidecar))
        )
        findings = Findings(
            stack=stack,
            timeline=context.enter_context(ServedTimeline(stack.ports.server_url)),
            models=root / "models",
            pictures_from=root / "pictures",
            patience=patience,
        )
        load = Load(stack.ports.server_url, LOADED_MODEL, threads=serving.LOAD_THREADS)
        steps = _steps(findings, load, context.enter_context(ExitStack()), options.own)
        report = findings.report(run_steps(steps, screen))
    page = write_report(report, options.out)
    screen.close(report)
    return report, page


def _steps(findings: Findings, load: Load, loading: ExitStack, own: OwnModel | None) -> list[Step]:
    """The claims in order; `loading` holds the load open between the steps that begin and end it."""

    def needed(claim: str, check: Callable[[Findings], str]) -> Step:
        return Step(claim, partial(check, findings), needed_by_all=True)

    def step(claim: str, check: Callable[..., str], *arguments: object) -> Step:
        return Step(claim, partial(check, findings, *arguments))

    models = _MODELS
    brought, served, alike = [], [], []
    if own is not None:
        models += 1
        is_ready = partial(own_model.bring, findings, own)
        brought = [Step("your own model would be served", is_ready, needed_by_all=True)]
        served = [
            step("your own model is served beside them", serving.upload_own, own.name, own_model.VERSION)
        ]
        alike = [step("your own model answers as it does outside", own_model.answers_alike, own)]
    return [
        needed("sample models are built from published weights", starting.build_models),
        *brought,
        needed("pictures with known content are at hand", starting.make_pictures),
        needed("the store answers S3 requests", starting.start_store),
        needed("the sidecar lists the bucket and writes config.json", starting.start_sidecar),
        needed("the model server is ready", starting.start_server),
        needed("the client watches for pictures", starting.start_client),
        step("a first model is served soon after its upload", serving.upload, LOADED_MODEL, 1),
        step("a second model is served beside it", serving.upload, OTHER_MODEL, 1),
        *served,
        step("the models recognise what is in the pictures", classifying.classify_pictures, models),
        *alike,
        step("the running client uses every model by itself", classifying.client_uses_every_model, models),
        step("requests that name no version are answered", serving.begin_load, load, loading),
        step("v2 replaces v1 under load, no request fails", serving.exchange_under_load, LOADED_MODEL, load),
        step("a broken v3 is rejected while v2 serves", serving.refuse_broken, LOADED_MODEL, load),
        step("a sidecar restart disturbs nobody", serving.restart_sidecar_without_events, load),
        step("over the whole load no request failed", serving.end_load, LOADED_MODEL, load, loading),
        step("a rollback answers with v1 again, no request fails", serving.step_back, LOADED_MODEL),
        step("without events a poll notices an upload", serving.upload, OTHER_MODEL, 2),
        step("a model removed from the bucket is retired", serving.retire_removed, OTHER_MODEL, LOADED_MODEL),
        step("everything ends cleanly, nothing is left", starting.end_everything),
    ]
