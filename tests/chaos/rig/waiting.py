"""Waiting for something to be so, with a deadline."""

import threading
import time

from .spans import DEADLINE


def until(what, look, seconds=DEADLINE, pause=0.02):
    """Looks again and again until it sees something true, and returns that.

    Args:
        what: what is waited for, for the error.
        look: returns what it sees.
        seconds: how long.
        pause: between two looks.
    """
    deadline = time.monotonic() + seconds
    while True:
        if seen := look():
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        rest(pause)


def rest(seconds):
    """Lets a fault last for a time."""
    threading.Event().wait(seconds)
