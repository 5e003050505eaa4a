"""The bar of `progress()`: drawn on a terminal and in a notebook, nothing elsewhere."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def can_draw(console: Console) -> bool:
    """Whether a bar can move there; in a notebook it takes `ipywidgets`."""
    if console.is_jupyter:
        return importlib.util.find_spec("ipywidgets") is not None
    return console.is_terminal


def draw_progress(name: str, count: int, ended: Iterable[Any], console: Console | None = None) -> None:
    """Draws a bar until all jobs have ended.

    Args:
        name: what to write before the bar.
        count: how many jobs there are.
        ended: the jobs as they end.
        console: where to draw; by default the standard output.
    """
    console = console or Console()
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not can_draw(console),
    ) as bar:
        task = bar.add_task(name, total=count)
        for _ in ended:
            bar.advance(task)
