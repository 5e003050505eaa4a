"""`aerq jobs`: the stored jobs, newest first."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .environment import STORED_JOBS
from .failures import one_line
from .run import stdout_is_a_terminal
from .summaries import JobSummary, clock, style
from .times import TIME

if TYPE_CHECKING:
    from rich.text import Text

_STATUSES = ("QUEUED", "RUNNING", "DONE", "ERROR", "CANCELLED")


@click.command(
    epilog="""\b
JSON: a list of objects with job_id, status, tags, tasks, queued, running,
  done, failed, cancelled, and submitted, started, finished in seconds since
  the epoch by the store's clock.

"""
    + STORED_JOBS
)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="At most N jobs.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(_STATUSES, case_sensitive=False),
    metavar="STATUS",
    help=f"Only jobs of this status, or of one of several: {', '.join(_STATUSES)}.",
)
@click.option("--after", type=TIME, metavar="TIME", help="Only jobs submitted at this time or later.")
@click.option("--before", type=TIME, metavar="TIME", help="Only jobs submitted at this time or before.")
@click.option("--skip", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out the first N of them.")
@click.option("--oldest-first", is_flag=True, help="Begin with the oldest.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only jobs with this tag, or with all of several.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the default where the output is no terminal.")
def jobs(
    limit: int,
    statuses: tuple[str, ...],
    after: datetime.datetime | None,
    before: datetime.datetime | None,
    skip: int,
    oldest_first: bool,
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the stored jobs, newest first.

    A TIME is 2026-11-21, 2026-11-21T18:30 or 2026-11-21T18:30:00 on this machine's clock, today, or an age such as
    90s, 30m, 12h or 7d.
    """
    from .cluster import connect

    provider = connect()
    found = provider.jobs(
        limit=limit,
        skip=skip,
        status=list(statuses) or None,
        job_tags=tags,
        created_after=after,
        created_before=before,
        descending=not oldest_first,
    )
    records = provider.get_backend().celery_executor.records
    counts = records.counts([job.job_id() for job in found]) if found else []
    summaries = [
        JobSummary.of_counts(job.job_id(), job.job_tags, count)
        for job, count in zip(found, counts, strict=True)
        if count is not None  # deleted since
    ]
    if as_json or not stdout_is_a_terminal():
        click.echo(json.dumps([summary.to_dict() for summary in summaries], indent=2, ensure_ascii=False))
        return
    _show(summaries)


def _show(summaries: Sequence[JobSummary]) -> None:
    """Prints the table for people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not summaries:
        click.echo("no jobs")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Job", overflow="fold", min_width=36)
    table.add_column("Status", no_wrap=True)
    table.add_column("Tasks", justify="right", no_wrap=True)
    table.add_column("Submitted", no_wrap=True)
    for summary in summaries:
        table.add_row(
            _with_tags(summary),
            Text(summary.status, style=style(summary.status)),
            f"{summary.ended}/{summary.tasks}",
            clock(summary.submitted)[: len("2026-11-21 18:30")],
        )
    Console().print(table)


def _with_tags(summary: JobSummary) -> Text:
    """The id, which is to be copied, and the tags below it: beside 36 letters there is no room on a terminal of 80."""
    from rich.text import Text

    text = Text(one_line(summary.job_id))
    if summary.tags:
        text.append("\n  " + one_line(", ".join(summary.tags)), style="dim")
    return text
