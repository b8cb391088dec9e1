"""Running `car-models` as a process of the demonstration."""

from pathlib import Path
from typing import Any

from edge_stack.command import Command
from edge_stack.components import program
from edge_stack.demo.findings import Findings


def car_models(findings: Findings, *arguments: str | Path, within: float) -> None:
    """Run one command to its end; raises RejectedError with the end of its log, RetryableError when late."""
    log = findings.stack.folder.log("car-models")
    command = Command(name="car-models", argv=[program("car-models"), *arguments], log=log)
    findings.stack.processes.run(command, within=within)


def car_models_json(findings: Findings, *arguments: str | Path, within: float) -> dict[str, Any]:
    """The JSON document that one command prints; raises as `car_models` does."""
    argv = [program("car-models"), *arguments, "--json"]
    return findings.stack.run_for_json("car-models", argv, {}, within=within)
