"""Ctrl-C at the right moment: not while a job is being submitted, and SIGTERM like Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Makes SIGTERM raise `KeyboardInterrupt` inside the block, as Ctrl-C does."""
    with _handler((signal.SIGTERM,), signal.default_int_handler):
        yield


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Holds an interrupt back until the block has ended, so that no job is sent without a handle to cancel it.

    A second one is not held back.

    Raises:
        KeyboardInterrupt: at the end, if there was one.
    """
    heard: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)

    with _handler(_SIGNALS, note):
        yield
    if heard:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _handler(numbers: tuple[signal.Signals, ...], handler: Any) -> Iterator[None]:
    """Handles signals inside the block; only a main thread may, elsewhere this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, old in zip(numbers, before, strict=True):
            signal.signal(number, old)
