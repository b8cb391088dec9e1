"""What must never happen, whatever fails: checked on the simulated world after every change and every step.

The numbers are those of the platform's design: 1 nothing half-written or changing under the server, 2 nothing
that serves goes before its replacement answers, 3 nothing is deleted because of an error or an empty answer,
4 no model harms another, 5 nobody has to guess why a version is not served.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_common.served_state import VersionState
from fake_ovms import MODEL_FILE
from model_sync.model_server.config import configured_versions
from model_sync.planning.rollout import tried_model
from model_sync.planning.uploads import Phase
from model_sync.status.version_reports import report_model

if TYPE_CHECKING:
    from simulated_world import World

STEADY = "steady"
"""A model that is uploaded once and never touched; whatever is done to the others must not concern it."""
_NEEDS_REASON = frozenset({Phase.WAITING, Phase.REJECTED, Phase.HELD})
_NEVER = float("-inf")
"""A number that was adopted after a loss as if it were a source in the bucket."""
_LONGEST_SILENCE = 900.0
"""Simulated seconds after which a version that is not served needs a reason in whatever state it is."""


@dataclass
class Promises:
    """The checks; each raises AssertionError that begins with the number of what was broken."""

    world: "World"
    listed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """What config.json listed at the last look."""
    _answered: dict[tuple[str, int], str] = field(default_factory=dict)
    """Folders that are on the volume and were served -> their source."""
    _steady_inode: int | None = None
    _silent_since: dict[tuple[str, str], float] = field(default_factory=dict)

    def after_change(self, what: str) -> None:
        """After each change on the volume; `what` names it."""
        content = self.world.volume.load_config() or b'{"model_config_list": []}'
        if not self.world.config_is_ours:
            self.world.config_is_ours = what == "after config"
            return
        assert "model_config_list" in json.loads(content), f"1: {what}: config.json is half-written"
        listed = configured_versions(content)
        self._check_whole(listed, what)
        for name, before in self.listed.items():
            serving = set(before) & self.answering().get(name, set())
            # what was damaged after the server read it may answer for others, but nobody owes that it stays
            answering = {n for n in serving if not self.world.is_harmed(name, n)}
            if answering and not serving & set(listed.get(name, ())):
                self._check_removal(name, answering, f"2: {what}")
            for local_version in set(before) - set(listed.get(name, ())):
                if self._is_gone(
                    name, local_version
                ):  # its folder may go, even if a new upload has its name by then
                    self._answered.pop((name, local_version), None)
        self.listed = listed
        self._check_deletions(what)

    def after_step(self) -> None:
        """After each step of the sidecar's loop."""
        self._check_served_content()
        self._check_steady()
        self._check_reasons()

    def after_poll(self, before: Mapping[str, set[int]]) -> None:
        """After the server has read config.json again; `before` is what answered until then."""
        for name, local_versions in before.items():
            answering = self.answering().get(name, set())
            lost = local_versions & set(self.listed.get(name, ())) - answering
            lost = {local_version for local_version in lost if not self.world.is_harmed(name, local_version)}
            # compiled anew for other settings, while a higher number has them and answers
            compiled = self.world.reconciler.applier.state.model(name).rollout is not None
            compiled = compiled and bool(lost) and max(answering, default=0) > max(lost)
            assert compiled or not lost, f"2: the server retired {name} {lost}, which config.json lists"

    def half_read(self, what: str) -> None:
        """The server met a folder without a whole model."""
        name, _, local_version = what.partition("/")
        harmed = self.world.is_harmed(tried_model(name) or name, int(local_version))
        assert harmed, f"1: the server read {what}, which is not whole"

    def answering(self) -> dict[str, set[int]]:
        """Model -> numbers that the server has AVAILABLE."""
        return {
            name: {
                local_version for local_version, state in versions.items() if state is VersionState.AVAILABLE
            }
            for name, versions in self.world.ovms.states.items()
            if tried_model(name) is None
        }

    def _check_whole(self, listed: Mapping[str, tuple[int, ...]], what: str) -> None:
        for name, local_versions in listed.items():
            for local_version in local_versions:
                if self.world.is_harmed(name, local_version):
                    continue
                file = self.world.volume.version_folder(name, local_version) / MODEL_FILE
                assert file.is_file(), f"1: {what}: {name}/{local_version} is listed and not there"
                assert file.read_bytes() in self.world.uploaded, (
                    f"1: {what}: {name}/{local_version} is not whole"
                )

    def _check_removal(self, name: str, local_versions: set[int], what: str) -> None:
        world = self.world
        assert not any(model == name for model, _ in world.present), f"{what}: {name} unlisted in the bucket"
        for local_version in local_versions:
            bucket_version = world.reconciler.applier.state.model(name).stored[local_version].bucket_version
            absent = world.clock.monotonic() - world.seen_last.get((name, bucket_version), _NEVER)
            assert absent >= world.grace, (
                f"{what}: {name} {bucket_version} unlisted {absent} s after its removal"
            )

    def _check_deletions(self, what: str) -> None:
        for key in [key for key in self._answered if not self.world.volume.version_folder(*key).exists()]:
            name = key[0]
            if self.world.is_harmed(*key):
                self._answered.pop(key)
                continue
            answering = self.answering().get(name, set())  # also from memory, whatever became of the files
            allowed = self._is_gone(*key) or any(
                local_version in answering or (name, local_version) in self._answered
                for local_version in self.listed.get(name, ())
                if local_version != key[1]
            )
            assert allowed, f"3: {what}: {name}/{key[1]} was deleted, and nothing has replaced it"
            self._answered.pop(key)

    def _is_gone(self, name: str, local_version: int) -> bool:
        """Whether what was served as `number` has been missing in the bucket for long enough."""
        bucket_version = self._answered.get((name, local_version))
        if bucket_version is None or (name, bucket_version) in self.world.present:
            return False
        return (
            self.world.clock.monotonic() - self.world.seen_last.get((name, bucket_version), _NEVER)
            >= self.world.grace
        )

    def _check_served_content(self) -> None:
        state = self.world.reconciler.applier.state
        for name, versions in self.world.ovms.states.items():
            tried = tried_model(name)
            for local_version, held in versions.items():
                if tried is not None and held is VersionState.AVAILABLE:
                    if self.world.is_harmed(tried, local_version):
                        continue
                    file = self.world.volume.version_folder(tried, local_version) / MODEL_FILE
                    assert file.is_file(), f"1: {name}/{local_version} is tried, and its folder is gone"
        for name, local_versions in self.answering().items():
            for local_version in local_versions:
                if self.world.is_harmed(name, local_version):
                    continue
                loaded = self.world.ovms.loaded[name, local_version]
                file = self.world.volume.version_folder(name, local_version) / MODEL_FILE
                assert file.is_file(), f"1: {name}/{local_version} answers, and its folder is gone"
                assert file.read_bytes() == loaded, f"1: {name}/{local_version} changed under the server"
                version = state.model(name).stored.get(local_version)
                if version is not None:
                    recorded = {entry.path: entry.sha256 for entry in version.files}[MODEL_FILE]
                    assert recorded == hashlib.sha256(loaded).hexdigest(), (
                        f"1: {name}/{local_version} is another"
                    )
                    if local_version in self.listed.get(name, ()):
                        self._answered[name, local_version] = version.bucket_version

    def _check_steady(self) -> None:
        world = self.world
        file = world.volume.version_folder(STEADY, 1) / MODEL_FILE
        if self._steady_inode is None:
            answers = 1 in self.answering().get(STEADY, set())
            self._steady_inode = file.stat().st_ino if answers else None
            return
        assert self.listed.get(STEADY) == (1,), f"4: {STEADY} is listed as {self.listed.get(STEADY)}"
        assert file.stat().st_ino == self._steady_inode, f"4: the folder of {STEADY} was replaced"
        rejected = world.reconciler.applier.state.model(STEADY).rejections
        assert not rejected, f"4: {STEADY} was rejected: {rejected}"

    def _check_reasons(self) -> None:
        now, silent = self.world.clock.monotonic(), {}
        reconciler = self.world.reconciler
        for name, plan in reconciler.plans.items():
            rows = report_model(plan)
            listed = plan.model.listed.versions if plan.model.listed else {}
            missing = set(listed) - {row.bucket_version for row in rows}
            assert not missing, f"5: nothing is said about {name} {missing}"
            for row in rows:
                told = row.reason or row.phase not in _NEEDS_REASON
                assert told, f"5: {name} {row.bucket_version} is {row.phase} without a reason"
                if not row.reason and row.phase is not Phase.SERVING:
                    key = (name, row.bucket_version)
                    silent[key] = self._silent_since.get(key, now)
                    passed = now - silent[key]
                    assert passed < _LONGEST_SILENCE, f"5: {key} {row.phase} for {passed} s without a reason"
        self._silent_since = silent
