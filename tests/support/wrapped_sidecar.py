"""model-sync started inside another Python program of these tests, in a stack."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from edge_stack.components import sidecar_command
from edge_stack.processes.running import RunningProcess
from edge_stack.processes.waiting import http_answers, wait_until
from edge_stack.stack import Stack

SUPPORT = Path(__file__).parent
"""The folder of these modules, for programs that are started with one of them."""
_READY_WITHIN = 40.0


def start_wrapped_sidecar(
    stack: Stack, module: str, *arguments: str | Path, **settings: str
) -> RunningProcess:
    """`python -m module arguments... -- run` in place of `model-sync run`; waits for /startupz."""
    process = _begin(stack, module, *arguments, **settings)
    process.wait_ready(http_answers(f"{stack.ports.sidecar_url}/startupz"), within=_READY_WITHIN)
    return process


def _begin(stack: Stack, module: str, *arguments: str | Path, **settings: str) -> RunningProcess:
    plain = sidecar_command(stack.folder, stack.ports, stack.sidecar_environment(**settings))
    argv = [sys.executable, "-m", module, *arguments, "--", "run"]
    path = os.pathsep.join(filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH")]))
    return stack.processes.start(replace(plain, argv=argv, env={**plain.env, "PYTHONPATH": path}))


class FatefulSidecar:
    """model-sync under orders of `killed_at_effect`."""

    def __init__(self, stack: Stack) -> None:
        """Start nothing yet; the order and the trace lie beside the stack's logs."""
        self._stack = stack
        self._order = stack.folder.root / "order"
        self._trace = stack.folder.root / "trace"

    def start(self, **settings: str) -> RunningProcess:
        """Start it without an order, and wait until it has listed the bucket."""
        self.obey(None)
        arguments = (self._order, self._trace)
        return start_wrapped_sidecar(self._stack, "killed_at_effect", *arguments, **settings)

    def start_under(self, order: str, **settings: str) -> RunningProcess | None:
        """Start it under an order that ends with the start; None when it was killed by then.

        A start answers /startupz before its last changes: an order may still strike between that answer and
        its end, so the answer alone does not say that the process lives.
        """
        self.obey(order)
        process = _begin(self._stack, "killed_at_effect", self._order, self._trace, **settings)
        started = http_answers(f"{self._stack.ports.sidecar_url}/startupz")

        def look() -> str | None:
            return None if process.exit_code is not None else started()

        wait_until("the start or the death of the sidecar", look, within=_READY_WITHIN)
        self._order.unlink()
        wait_until("an answer or the death of the sidecar", look, within=_READY_WITHIN)
        return process if process.exit_code is None else None

    def obey(self, order: str | None) -> None:
        """Give a new order (`kill 3`, `refuse 3`), or none."""
        self._trace.write_bytes(b"")
        if order is None:
            self._order.unlink(missing_ok=True)
            return
        aside = self._order.with_suffix(".new")
        aside.write_text(order)
        aside.replace(self._order)

    @property
    def hits(self) -> list[str]:
        """The changes at which the current order struck."""
        return self._trace.read_text().splitlines()
