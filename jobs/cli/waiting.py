"""The live progress bar of a job, on stderr and only on a terminal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextlib.contextmanager
def progress_bar(console: Console) -> Iterator[Progress]:
    """A bar that is gone when the block ends; where stderr is no terminal it shows nothing."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        yield bar


def wait_for_result(job: Any, bar: Progress, timeout: float | None) -> Any:
    """Waits for a job and shows how many of its circuits are done.

    Args:
        job: an `AerJob` or an `AerJobSet`, one circuit a task.
        bar: where to show it.
        timeout: seconds to wait, or None to wait as long as it takes.

    Returns:
        The `Result`.

    Raises:
        JobTimeoutError: if the job is not done in time.
    """
    started = time.monotonic()
    jobs = job.worker_job() if hasattr(job, "worker_job") else [job]
    task = bar.add_task("running", total=len(jobs))
    if not bar.disable and hasattr(job, "as_completed"):
        for _ in job.as_completed(timeout):
            bar.advance(task)
    left = None if timeout is None else max(0.0, started + timeout - time.monotonic())
    return job.result(timeout=left)
