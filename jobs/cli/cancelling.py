"""`aerq cancel`: stops a job, also one that runs."""

from __future__ import annotations

import json

import click

from .environment import STORED_JOBS
from .failures import RunError
from .jobids import JOB_ID
from .run import stdout_is_a_terminal


@click.command(
    epilog="""\b
JSON: an object with job_id, status and cancelled (how many tasks were
  cancelled now).

\b
Exit codes: 0 the job is cancelled, 1 it had ended before (its results stay),
2 refused (no such job).

"""
    + STORED_JOBS
)
@click.argument("job_id", type=JOB_ID, metavar="JOB_ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the default where the output is no terminal.")
def cancel(job_id: str, as_json: bool) -> None:
    """Cancel what has not ended of the job JOB_ID.

    Tasks that wait never start and running kernels are killed. JOB_ID.NUMBER cancels one task.
    """
    from .cluster import find_job

    job = find_job(job_id)
    before = _cancelled(job.metrics())
    job.cancel()
    after = _cancelled(job.metrics())
    status = job.status().name
    machine = as_json or not stdout_is_a_terminal()
    if machine:
        click.echo(json.dumps({"job_id": job_id, "status": status, "cancelled": after - before}, indent=2))
    if not after:
        raise RunError(f"job {job_id} had ended already ({status}); nothing was cancelled")
    if machine:
        return
    tasks = "1 task" if after - before == 1 else f"{after - before} tasks"
    click.echo(f"job {job_id} is cancelled ({tasks} now)")


def _cancelled(metrics: dict[str, object]) -> int:
    """How many tasks are cancelled."""
    tasks = metrics.get("tasks", [metrics])
    return sum(task["state"] == "cancelled" for task in tasks)  # type: ignore[attr-defined]
