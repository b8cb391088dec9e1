"""What is published, held against its signatures: after a start, when the keys change, and every hour.

No file is read but model.sig: the digests that were recorded when the version was published are compared. So
a version whose record was changed together with its files is found, too. What serves goes on serving.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from edge_common.errors import RejectedError
from edge_common.logs import get_logger

from model_sync.bucket.keys import SIGNATURE_NAME
from model_sync.planning.evidence import Evidence, Signature
from model_sync.planning.state import RejectedAt, StoredFile, StoredVersion
from model_sync.trust.trusted_keys import Keyring
from model_sync.trust.verify import AlteredError, SignatureCheck, UntrustedError
from model_sync.volume.digests import Altered, Key
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.volume import Volume

_log = get_logger()

_AGAIN_AFTER = 3600
"""Seconds; certificates expire meanwhile."""


@dataclass
class SignatureWatch:
    """Keeps the signatures among the evidence up to date. Used by the loop's thread."""

    check: SignatureCheck
    volume: Volume
    records: RecordedState
    prefixes: tuple[str, ...] = ("",)
    """Of the bucket, under any of which a model may lie."""
    _checked: dict[Key, tuple[StoredFile, ...]] = field(default_factory=dict)
    _by: tuple[Keyring, int] | None = None

    def go_on(self, stored: Iterable[tuple[Key, StoredVersion]]) -> list[Altered]:
        """Check what was not checked yet with these keys; returns versions that are not what was signed."""
        keyring = self.check.keys.read()
        by = keyring, int(self.check.now() // _AGAIN_AFTER)
        if by != self._by:
            if self._by is None or keyring != self._by[0]:
                _tell(keyring)
            if self._by is not None and keyring != self._by[0]:
                self._try_rejected_again()
            self._checked, self._by = {}, by
        altered = []
        for key, version in stored:
            if version.harmed or self._checked.get(key) == version.files:
                continue
            self._checked[key] = version.files
            try:
                path = self._look_at(key, version)
            except OSError:
                continue  # whether it is there and may be read, the drift watch finds out
            if path is not None:
                altered.append(Altered(key, version, {path: ""}))
        return altered

    def _try_rejected_again(self) -> None:
        """What was rejected may have been signed by a key that is trusted now."""
        for name, model in self.records.current.models.items():
            changed = {
                version: replace(rejection, retry_at=self.check.now())
                for version, rejection in model.rejections.items()
                if rejection.stage == RejectedAt.CHECK
            }
            if changed:
                self.records.change(name, replace(model, rejections={**model.rejections, **changed}))

    def _look_at(self, key: Key, version: StoredVersion) -> str | None:
        """Record what the signature of `version` is worth; the path that differs from what was signed."""
        name, local_version = key
        folder = self.volume.version_folder(name, local_version)
        listed = any(file.path == SIGNATURE_NAME for file in version.files)
        if not listed or not (folder / SIGNATURE_NAME).is_file():  # a pipe would hold the loop for ever
            return None
        known, places = version.evidence.signature, [f"{prefix}{name}" for prefix in self.prefixes]
        try:
            found = self.check.of_files(places, version.files, folder)
        except UntrustedError as error:
            found = replace(known, problem=str(error)) if known is not None else None
        except AlteredError as error:
            return error.path
        except RejectedError as error:
            _log.warning("signature_unusable", model=name, version=local_version, reason=str(error))
            return SIGNATURE_NAME if known is not None else None
        if found != known:
            self._record(name, version, found)
        return None

    def _record(self, name: str, version: StoredVersion, signature: Signature | None) -> None:
        evidence: Evidence = replace(version.evidence, signature=signature)
        model = self.records.current.model(name)
        self.records.change(name, model.with_stored(replace(version, evidence=evidence)))
        facts = {"model": name, "version": version.local_version}
        if signature is not None and signature.problem:
            _log.warning("signature_no_longer_trusted", **facts, reason=signature.problem)
        else:
            _log.info("signature_found_good", **facts, signer=signature.signer if signature else None)


def _tell(keyring: Keyring) -> None:
    _log.info("trusted_keys_read", keys=[f"{key.name} {key.fingerprint}" for key in keyring.keys])
    for problem in keyring.problems:
        _log.warning("trusted_key_unusable", reason=problem)
