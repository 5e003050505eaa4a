"""What a supervisor waits for: its owner's end, signals, signs of readiness and ended children, in one thread."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal


class Events:
    """Waits without missing anything; the owner's end and signals to end set `ending`.

    Args:
        owner: the pid of the process whose end is the end of everything.
        lifeline: the reading end of a pipe whose writing end only the owner has.
    """

    def __init__(self, owner: int, lifeline: int) -> None:
        self.ending = False
        #: Descriptors given to `watch` that a byte came from.
        self.seen: set[int] = set()
        self._lifeline = lifeline
        self._selector = selectors.DefaultSelector()
        self._selector.register(lifeline, selectors.EVENT_READ)
        self._owner_ended = self._watch_owner(owner)
        self._woken = self._catch_signals()

    def watch(self, descriptor: int) -> None:
        """Also waits for a byte there, once."""
        self._selector.register(descriptor, selectors.EVENT_READ)

    def wait(self, seconds: float | None) -> None:
        """Returns when something happened, or after so many seconds."""
        for key, _ in self._selector.select(seconds):
            if key.fd == self._woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
                continue
            self._selector.unregister(key.fd)
            if key.fd in (self._lifeline, self._owner_ended):
                self.ending = True
            elif os.read(key.fd, 1):  # nothing to read is the end of the pipe: whoever should have written died
                self.seen.add(key.fd)

    def _watch_owner(self, owner: int) -> int | None:
        """On Linux the owner itself is watched too: a forked child of it may hold its end of the pipe open."""
        descriptor = None
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # an old kernel, or a sandbox that forbids it
                descriptor = os.pidfd_open(owner)
                self._selector.register(descriptor, selectors.EVENT_READ)
        if os.getppid() != owner:  # it ended before we looked
            self.ending = True
        return descriptor

    def _catch_signals(self) -> int:
        """Makes signals readable, so that none gets lost between a look and a wait."""
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        self._selector.register(woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "ending", True))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # the owner's thread may have blocked some, and a block is inherited
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return woken
