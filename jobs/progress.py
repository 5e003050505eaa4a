"""The bar of `progress()`: drawn on a terminal and in a notebook, nothing elsewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_CELLS = 40


def draw_progress(name: str, count: int, ended: Iterable[Any], console: Console | None = None) -> None:
    """Draws a bar until all jobs have ended.

    Args:
        name: what to write before the bar.
        count: how many jobs there are.
        ended: the jobs as they end.
        console: where to draw; by default the standard output.
    """
    console = console or Console()
    if console.is_jupyter and importlib.util.find_spec("ipywidgets") is None:
        _draw_as_text(name, count, ended)  # Rich's own needs the widgets
        return
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not (console.is_jupyter or console.is_terminal),
    ) as bar:
        task = bar.add_task(name, total=count)
        for _ in ended:
            bar.advance(task)


def _draw_as_text(name: str, count: int, ended: Iterable[Any]) -> None:
    """A line in a notebook that is written anew at each end, by IPython's own means."""
    from IPython.display import display

    start = time.monotonic()
    shown = display({"text/plain": _line(name, 0, count, 0.0)}, raw=True, display_id=True)
    for number, _ in enumerate(ended, start=1):
        with contextlib.suppress(AttributeError):  # without a notebook there is nothing to write anew
            shown.update({"text/plain": _line(name, number, count, time.monotonic() - start)}, raw=True)


def _line(name: str, number: int, count: int, seconds: float) -> str:
    full = _CELLS * number // count
    minutes, rest = divmod(int(seconds), 60)
    return f"{name} {'━' * full}{' ' * (_CELLS - full)} {number}/{count} {minutes}:{rest:02}"
