"""`aerq result`: the counts of a stored job."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from .environment import STORED_JOBS
from .failures import InterruptedRunError, RunError, RunTimeoutError
from .jobids import JOB_ID
from .reports import RunReport
from .run import fail_if_failed, finite, stdout_is_a_terminal
from .summaries import JobSummary


@click.command(
    epilog="""\b
JSON: an object with job_id, status, seed, seconds (from the submit to the
  last end), and circuits: a list of name, qubits, shots, seed, method (null
  where a circuit has no counts),
  counts   {"bit string": count}, as Result.get_counts gives it, or null
  status   DONE, ERROR or CANCELLED
  error    why it failed, or null

\b
Exit codes: 0 done, 1 failed or cancelled (of several circuits, those that
have counts are shown), 2 refused (no such job),
3 it has not ended (yet, or within --timeout); it runs on.

"""
    + STORED_JOBS
)
@click.argument("job_id", type=JOB_ID, metavar="JOB_ID")
@click.option("--wait", is_flag=True, help="Wait until the job has ended.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    callback=finite,
    metavar="SECONDS",
    help="Wait at most this long. The job is not cancelled.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the default where the output is no terminal.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.png", help="Draw histograms of the counts."
)
def result(job_id: str, wait: bool, timeout: float | None, as_json: bool, plot: Path | None) -> None:
    """Show the counts of the job JOB_ID.

    JOB_ID is what `aerq submit` has printed, or JOB_ID.NUMBER for one task of it.
    """
    from .plots import check_plot_path, write_plot

    if plot is not None:
        check_plot_path(plot)
    from .cluster import find_job

    job = find_job(job_id)
    if not wait and timeout is None:
        _refuse_unfinished(job)
    try:
        report = _collected(job, timeout)
    except KeyboardInterrupt:
        raise InterruptedRunError(f"interrupted; job {job_id} runs on") from None
    if as_json or not stdout_is_a_terminal():
        document = asdict(report)
        for circuit in document["circuits"]:
            del circuit["file"]  # a stored job does not know it
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        from rich.console import Console

        from .tables import print_report

        print_report(report, Console())
    if plot is not None:
        write_plot(report, plot)
        click.echo(f"wrote {plot}", err=True)
    fail_if_failed(report)


def _refuse_unfinished(job: Any) -> None:
    """Ends the command if the job has not ended.

    Raises:
        RunTimeoutError: then.
    """
    from ..workers import missing_workers

    summary = JobSummary.of_metrics(job.job_id(), job.metrics(), job.job_tags)
    if summary.ended < summary.tasks:
        missing = missing_workers(job.executor(), _stored_id(job))
        tasks = "task has" if summary.tasks == 1 else "tasks have"
        raise RunTimeoutError(
            f"job {job.job_id()} has not ended: it is {summary.status}, {summary.ended} of {summary.tasks} {tasks} "
            f"ended; --wait waits for it{missing and f' ({missing})'}"
        )


def _stored_id(job: Any) -> str:
    """The id under which a job is stored; that of one task alone is JOB_ID.NUMBER."""
    from ...tasks.message import parse_task_id

    job_id: str = job.job_id()
    place = parse_task_id(job_id)
    stored = job.executor().records.counts([job_id])[0] is not None
    return job_id if stored or place is None else place[0]


def _collected(job: Any, timeout: float | None) -> RunReport:
    """What a job gave, also where some of its tasks have no result."""
    from ..errors import JobError
    from .collecting import Collection

    collection = Collection.of(job)
    try:
        return collection.report(_waited(job, timeout))
    except JobError:
        report = collection.partial_report()
        if report is None:
            raise
        return report


def _waited(job: Any, timeout: float | None) -> Any:
    """The result of a job, with a bar on stderr until it is there."""
    from rich.console import Console

    from ...config.errors import UnavailableError
    from ..workers import outlook
    from .interrupts import terminate_as_interrupt
    from .waiting import progress_bar, wait_for_result

    try:
        with terminate_as_interrupt(), progress_bar(Console(stderr=True)) as bar:
            return wait_for_result(job, bar, timeout)
    except UnavailableError as error:
        raise RunError(f"job {job.job_id()} was lost sight of: {error}") from error
    except TimeoutError as error:
        raise RunTimeoutError(
            f"job {job.job_id()} has not ended within {0 if timeout is None else timeout:g} s; "
            f"{outlook(job.executor(), _stored_id(job))}"
        ) from error
