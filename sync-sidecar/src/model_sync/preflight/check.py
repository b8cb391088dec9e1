"""Preflight: a version is loaded and run once in a child process before the server ever sees it.

A model file is data until proven otherwise. What it does to OpenVINO (an exception, a crash, a hang, all the
memory) it does to the child, and becomes a sentence for the uploader.
"""

import json
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_common.card_file import card_as_mapping
from edge_common.classifiers import TensorSpec
from edge_common.errors import RejectedError, RetryableError
from edge_common.logs import get_logger
from edge_common.quantities import format_size
from pydantic import TypeAdapter, ValidationError

from model_sync.bucket.completeness import IncompleteError
from model_sync.bucket.evidence_files import ExpectedLabel
from model_sync.cards.cards import EffectiveCard
from model_sync.model_server.config import serving_settings
from model_sync.planning.evidence import AcceptanceRun
from model_sync.preflight.child_process import CHILD, ChildProcess, Supervision, too_little_memory
from model_sync.preflight.memory import free_memory

_log = get_logger()

_PER_PICTURE = 1.0
"""Seconds beyond those for loading that each acceptance picture may take."""


@dataclass(frozen=True)
class SamplePicture:
    """A picture file, not looked into yet, and the card that says what is to be seen in it."""

    path: Path
    card: EffectiveCard

    def as_request(self) -> dict[str, Any]:
        """For the child that decodes it."""
        return {"picture": str(self.path), **_card_request(self.card)}


@dataclass(frozen=True)
class VersionInService:
    """What the server answers with now: the bucket's name of it, its folder on the volume, its card."""

    bucket_version: str
    folder: Path
    card: EffectiveCard

    def as_request(self) -> dict[str, Any]:
        """For the child that asks it the same."""
        settings = serving_settings(self.card.card.serving)
        return {"folder": str(self.folder), "settings": settings, **_card_request(self.card)}


@dataclass(frozen=True)
class AcceptancePictures:
    """The pictures in `folder` with the labels they are to get, and whom to compare with, None: nobody."""

    folder: Path
    expected: tuple[ExpectedLabel, ...]
    card: EffectiveCard
    served: VersionInService | None = None

    def as_request(self) -> dict[str, Any]:
        """For the child that decodes them."""
        return {
            "folder": str(self.folder),
            "pictures": [(line.file, line.label) for line in self.expected],
            "served": self.served.as_request() if self.served is not None else None,
            **_card_request(self.card),
        }

    def timeout(self, loading: float) -> float:
        """Seconds for everything, where `loading` are those for loading one version."""
        return (loading if self.served is None else 2 * loading) + _PER_PICTURE * len(self.expected)


@dataclass(frozen=True)
class ModelFacts:
    """What the child found: shapes of inputs by name, -1 for a dynamic dimension, and all of the outputs."""

    inputs: Mapping[str, tuple[int, ...]]
    outputs: tuple[TensorSpec, ...]
    absent_device: str = ""
    """The card's device, where this container does not have it; the model was checked on the CPU."""
    acceptance: AcceptanceRun | None = None
    """What it said of the acceptance pictures; None: it brought none."""


_FACTS = TypeAdapter(ModelFacts)


class Preflight(ChildProcess):
    """One child, started early so that it imports OpenVINO while the files are still on their way."""

    def __init__(
        self, *, timeout: float, memory: int, shares: int = 1, command: Sequence[str] = CHILD
    ) -> None:
        """`timeout` in seconds for the check itself, `memory` in bytes for what the child may take.

        `shares` children at most divide what is free of the container's memory.
        """
        super().__init__(command)
        self._timeout, self._memory, self._shares = timeout, memory, shares

    @property
    def allowance(self) -> int:
        """Bytes that the child may take now, beyond what it has while it waits."""
        free = free_memory()
        return self._memory if free is None else min(self._memory, free // self._shares)

    def check(
        self,
        tree: Path,
        settings: Mapping[str, Any],
        *,
        watched: Supervision | None = None,
        sample: SamplePicture | None = None,
        acceptance: AcceptancePictures | None = None,
    ) -> ModelFacts:
        """Load the version in `tree` with the serving `settings`, and run it on the `sample` or on zeros.

        Then on the `acceptance` pictures, in turn with the version in service.

        Raises:
            IncompleteError: a file that the model names is not there.
            RejectedError: it cannot be loaded or run; the sentence says why.
            RetryableError: the child could not be used, or gives way to others.
            CancelledError: `watched` was cancelled.
        """
        watched, allowance = watched or Supervision(), self.allowance
        timeout = acceptance.timeout(self._timeout) if acceptance is not None else self._timeout
        request = {
            "folder": str(tree),
            "settings": dict(settings),
            "memory": self._memory,
            "allowance": allowance,
            "cpu_seconds": int(timeout * 4) + 1,
            "sample": sample.as_request() if sample is not None else None,
            "acceptance": acceptance.as_request() if acceptance is not None else None,
        }
        line = json.dumps(request).encode() + b"\n"
        pictures = len(acceptance.expected) if acceptance is not None else 0
        received = self.exchange(line, timeout=timeout, memory=allowance, watched=watched, pictures=pictures)
        answer = self._answer(received)
        if answer is None:
            raise RejectedError(_cause_of_death(self.exit_code(), allowance))
        if "missing" in answer:
            raise IncompleteError(str(answer["missing"]))
        if "rejection" in answer:
            raise RejectedError(str(answer["rejection"]))
        if "short_of_memory" in answer:
            raise RejectedError(too_little_memory(allowance))
        facts = _facts(answer, acceptance)
        if facts.absent_device:
            effect = "checked on the CPU; the server tries the device"
            _log.info("device_not_here", device=facts.absent_device, effect=effect)
        return facts

    def _answer(self, received: bytes) -> dict[str, Any] | None:
        """The child's answer; None when it ended without one."""
        _, found, line = received.partition(b"\n")
        if not found:
            code = self.exit_code()
            ending = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise RetryableError(
                f"the preflight child ended ({ending}) before it read the request, "
                "so the model is not at fault; it is tried again. Does this container have memory for it?"
            )
        try:
            answer = json.loads(line)
        except ValueError:
            return None
        if not isinstance(answer, dict):
            raise RetryableError("the preflight child did not answer as expected; it is tried again")
        return answer


def _facts(answer: Mapping[str, Any], asked: AcceptancePictures | None) -> ModelFacts:
    """What the child says; a model that has taken it over may say anything, and is rejected for that."""
    with suppress(ValidationError):
        facts = _FACTS.validate_python(answer)
        told = facts.acceptance.answers if facts.acceptance is not None else ()
        wanted = asked.expected if asked is not None else ()
        if [one.file for one in told] == [line.file for line in wanted]:
            return facts
    raise RejectedError("its preflight ended with an answer that cannot be; export the model again")


def _card_request(card: EffectiveCard) -> dict[str, Any]:
    labels = list(card.labels) if card.labels is not None else None
    return {"card": card_as_mapping(card.card), "labels": labels}


def _cause_of_death(code: int, allowance: int) -> str:
    if code == -signal.SIGKILL:
        return (
            "loading it needed more memory than this machine could give (the child was killed); "
            "make the model smaller or the memory limit larger"
        )
    if code == -signal.SIGXCPU:
        return "loading it used more processor time than preflight allows; it would block the server"
    if code < 0:
        return (
            f"it crashes OpenVINO while loading ({signal.Signals(-code).name}); "
            "it would have taken the server down. Export the model again"
        )
    return (
        f"it could not be loaded within {format_size(allowance)} of memory (exit code {code}); "
        "make the model smaller, or raise MODEL_SYNC_PREFLIGHT_MEMORY"
    )
