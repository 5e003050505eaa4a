"""`aerq result`: the counts of a stored job."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from .failures import InterruptedRunError, RunError, RunTimeoutError
from .reports import CircuitReport, RunReport, counts_of
from .run import fail_if_failed, finite, stdout_is_a_terminal
from .summaries import JobSummary


@click.command(
    epilog="""\b
JSON: an object with job_id, status, seed, seconds (from the submit to the
  last end), and circuits: a list of name, qubits, shots, seed, method,
  counts   {"bit string": count}, as Result.get_counts gives it, or null
  status   DONE or ERROR
  error    why it failed, or null

\b
Exit codes: 0 done, 1 failed or cancelled, 2 refused (no such job),
3 it has not ended (yet, or within --timeout); it runs on.

Without AERQ_BROKER_URL a running `aerq up` is used; without that it is refused."""
)
@click.argument("job_id", metavar="JOB_ID")
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
        found = _waited(job, timeout)
    except KeyboardInterrupt:
        raise InterruptedRunError(f"interrupted; job {job_id} runs on") from None
    report = _report(job, found)
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
    fail_if_failed(report)


def _refuse_unfinished(job: Any) -> None:
    """Ends the command if the job has not ended.

    Raises:
        RunTimeoutError: then.
    """
    summary = JobSummary.of_metrics(job.metrics(), job.job_tags)
    if summary.ended < summary.tasks:
        tasks = "task has" if summary.tasks == 1 else "tasks have"
        raise RunTimeoutError(
            f"job {job.job_id()} has not ended: it is {summary.status}, {summary.ended} of {summary.tasks} {tasks} "
            "ended; --wait waits for it"
        )


def _waited(job: Any, timeout: float | None) -> Any:
    """The result of a job, with a bar on stderr until it is there."""
    from rich.console import Console

    from ...config.errors import UnavailableError
    from .interrupts import terminate_as_interrupt
    from .waiting import progress_bar, wait_for_result

    try:
        with terminate_as_interrupt(), progress_bar(Console(stderr=True)) as bar:
            return wait_for_result(job, bar, timeout)
    except UnavailableError as error:
        raise RunError(f"job {job.job_id()} was lost sight of: {error}") from error
    except TimeoutError as error:
        raise RunTimeoutError(
            f"job {job.job_id()} has not ended within {0 if timeout is None else timeout:g} s; it runs on"
        ) from error


def _report(job: Any, found: Any) -> RunReport:
    """What a finished job gave."""
    metrics = job.metrics()
    circuits = [_circuit(found, index) for index in range(len(found.results))]
    failed = any(circuit.counts is None for circuit in circuits)
    seconds = max(0.0, (metrics["finished"] or metrics["submitted"]) - metrics["submitted"])
    seed = int(getattr(found.results[0], "seed_simulator", 0) or 0)
    return RunReport(metrics["job_id"], "ERROR" if failed else "DONE", seed, seconds, circuits)


def _circuit(found: Any, index: int) -> CircuitReport:
    """What one circuit gave."""
    ran = found.results[index]
    header = ran.header if isinstance(ran.header, dict) else vars(ran.header)
    counts, error = counts_of(found, index)
    return CircuitReport(
        name=str(header.get("name", f"experiment {index}")),
        file="",
        qubits=int(header.get("n_qubits", 0)),
        shots=int(ran.shots),
        seed=None if counts is None else int(ran.seed_simulator),
        method=None if counts is None else str(ran.metadata.get("method")),
        counts=counts,
        status="ERROR" if counts is None else "DONE",
        error=error,
    )
