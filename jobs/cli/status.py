"""`aerq status`: where a job stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from .environment import STORED_JOBS
from .failures import one_line
from .jobids import JOB_ID
from .run import stdout_is_a_terminal
from .summaries import JobSummary, clock, style


@click.command(
    epilog="""\b
JSON: an object with job_id, status, tags, tasks, queued, running, done,
  failed, cancelled, submitted, started, finished (seconds since the epoch by
  the store's clock), seconds_kernel, workers, and errors: a list of objects
  with task and reason. With --log: log, a list of lines.

\b
Exit codes: 0 the status is shown, whatever it is; 2 refused (no such job).

"""
    + STORED_JOBS
)
@click.argument("job_id", type=JOB_ID, metavar="JOB_ID")
@click.option("--log", is_flag=True, help="Show what workers did with each task too, in lines.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the default where the output is no terminal.")
def status(job_id: str, log: bool, as_json: bool) -> None:
    """Show where the job JOB_ID stands.

    JOB_ID is what `aerq submit` has printed, or JOB_ID.NUMBER for one task of it.
    """
    from .cluster import find_job

    job = find_job(job_id)
    metrics = job.metrics()
    counts = job.executor().records.counts([job.job_id()])[0]  # none of a task alone
    if counts is None:
        summary = JobSummary.of_metrics(job.job_id(), metrics, job.job_tags)
    else:
        summary = JobSummary.of_counts(job.job_id(), job.job_tags, counts)
    tasks = metrics.get("tasks", [metrics])
    document = {
        **summary.to_dict(),
        "seconds_kernel": sum(task["seconds_kernel"] or 0.0 for task in tasks),
        "workers": sorted({task["worker"] for task in tasks if task["worker"]}),
        "errors": [{"task": task, "reason": reason} for task, reason in job.error_messages().items()],
    }
    if log:
        document["log"] = job.logs()
    if as_json or not stdout_is_a_terminal():
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _show(summary, document)


def _show(summary: JobSummary, document: Mapping[str, Any]) -> None:
    """Prints the status for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    parts = [f"{getattr(summary, name)} {name}" for name in ("queued", "running", "done", "failed", "cancelled")]
    rows = {
        "job": summary.job_id,
        "status": summary.status,
        "tasks": f"{summary.tasks}: " + ", ".join(part for part in parts if not part.startswith("0 ")),
        "submitted": clock(summary.submitted),
        "started": clock(summary.started),
        "finished": clock(summary.finished),
        "kernel": f"{document['seconds_kernel']:.2f} s",
        "workers": ", ".join(document["workers"]),
        "tags": ", ".join(summary.tags),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(one_line(value), style=style(summary.status) if name == "status" else ""))
    for error in document["errors"]:
        table.add_row(f"task {error['task']}", Text(one_line(error["reason"]), style="red"))
    console = Console()
    console.print(table)
    for line in document.get("log", ()):
        console.print(Text(one_line(line)), soft_wrap=True)
