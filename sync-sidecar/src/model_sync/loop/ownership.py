"""Becoming the volume's one writer, staying it, and following the one that is."""

import errno
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from edge_common.errors import FatalError, RetryableError
from edge_common.logs import get_logger

from model_sync.loop.reconcile import Reconciler
from model_sync.loop.wakeup import Wakeup
from model_sync.volume.lock import LockLostError, VolumeLock
from model_sync.volume.probe import probe_volume
from model_sync.volume.recovery import recover_state
from model_sync.volume.volume import Volume

_log = get_logger()

_RETRY = 1.0
"""Seconds between two tries to become the writer."""


@dataclass
class Ownership:
    """The right to write to `volume`. Used by the loop's thread."""

    volume: Volume
    lock: VolumeLock
    reconciler: Reconciler
    wakeup: Wakeup
    follow: Callable[[], None]
    """One look at what the writer makes of the volume; called again and again while another one writes."""
    pass_on: Callable[[], None] = lambda: None
    """Tell the writer that somebody asked this pod for a listing; may raise OSError."""
    writes: bool = True
    _token: int = 0
    """Fencing token that this sidecar recorded when it took the volume over."""

    def take_over(self) -> None:
        """Take over what is on the volume, and make config.json say so, before anybody else is asked.

        Raises FatalError when the volume cannot be used, RetryableError while another sidecar writes to it.
        """
        root = self.volume.root
        try:
            self.volume.prepare()
            if not self.lock.try_acquire(in_use=self.volume.is_in_use):
                raise RetryableError(f"another model-sync writes to {root}; this one waits for it")
            for lack in probe_volume(root, self.volume.own / "probe", self.wakeup.pause):
                if lack.fatal:
                    raise FatalError(lack.sentence)
                _log.warning("volume_lacks", what=lack.what, reason=lack.sentence)
            state = recover_state(self.volume)
            # also higher than any before it where state.json was lost
            self._token = max(state.writer + 1, int(self.reconciler.observer.clock.now()))
            state = replace(state, writer=self._token)
            self.volume.save_state(state)
            self.reconciler.adopt(state)
            self.reconciler.applier.write_config()
            self.volume.claim()
        except OSError as error:
            raise FatalError(f"the volume {root} cannot be used: {error}") from error

    def wait(self, *, patient: bool = False) -> bool:
        """Follow the pod that writes until this one may; False when the program ends before.

        Raises FatalError for a volume that cannot be used, unless it is `patient` with that, too.
        """
        told = ""
        while not self.wakeup.stopped:
            self.writes = False
            try:
                self.take_over()
            except RetryableError as error:
                if not told:
                    _log.info("volume_followed", reason=str(error))
                told = str(error)
            except FatalError as error:
                if not patient:
                    raise
                if told != str(error):
                    _log.error("volume_refuses", reason=str(error), path=str(self.volume.root))
                told = str(error)
            else:
                if told:
                    _log.info("volume_taken_over", volume=str(self.volume.root))
                self.writes = True
                return True
            self.follow()
            if self.wakeup.wait(_RETRY):
                with suppress(OSError):  # the writer's next poll finds what there is
                    self.pass_on()
        return False

    def keep(self) -> bool:
        """Go on as the writer, or follow whoever has become it; False when the program ends before.

        A lock file that is another is locked again; another file system in the volume's place, and a volume
        that another sidecar has written to meanwhile, are taken over as at a start.
        """
        with suppress(OSError, FatalError):
            if self._successor() is not None:
                _log.warning("lock_lost", reason=f"another model-sync has taken over {self.volume.root}")
                self.lock.release()
            elif self.lock.is_held:
                return True
            else:
                self.volume.make_folders()
                if not self.volume.is_another and self.lock.try_acquire(in_use=True):
                    self.reconciler.drift.tell_lock()
                    return True
        if self.lock.is_held:  # who has written last could not be read
            return True
        self.reconciler.applier.under_way.abandon()
        return self.wait(patient=True)

    def check(self) -> None:
        """Raise LockLostError unless this sidecar may write: it holds the lock, and nobody recorded after it.

        A network file system may give the lock to another while its holder is cut off from it, and tell the
        holder nothing. Raises another OSError when it cannot be read who recorded last.
        """
        self.lock.check()
        if self._successor() is not None:
            what = "another model-sync has taken over"
            raise LockLostError(errno.ENOLCK, what, str(self.volume.state_path))

    def _successor(self) -> int | None:
        """The token of a sidecar that took the volume over after this one; None when none did."""
        recorded = self.volume.recorded_writer()
        return recorded if recorded is not None and recorded > self._token else None
