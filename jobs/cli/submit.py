"""`aerq submit`: circuit files in, a job id out; the job runs on without this process."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import click

from .circuit_options import DRAWN_SEEDS, circuit_options
from .failures import InterruptedRunError
from .interrupts import deferred_interrupts, terminate_as_interrupt

_EPILOG = """\b
JSON: an object with job_id, seed, shots, circuits (their names) and tags.

\b
Then: aerq status JOB_ID, aerq result JOB_ID --wait, aerq cancel JOB_ID,
or from Python: AerqProvider().job(JOB_ID).result()

\b
Exit codes: 0 submitted, 2 refused (nothing was sent), 130 interrupted.

\b
Environment:
  AERQ_BROKER_URL               the broker, e.g. redis://:PASSWORD@HOST:6379/0
  AERQ_STORE_URL                the store, where it is another server
  AERQ_RESULT_TTL_SECONDS       for how long a job and its results are kept
Without AERQ_BROKER_URL a running `aerq up` is used; without that it is refused.
"""


@click.command(epilog=_EPILOG)
@circuit_options
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag to find the job by; may be given repeatedly.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the bare job id.")
def submit(
    files: tuple[Path, ...],
    shots: int,
    seed: int | None,
    method: str | None,
    noise_from_device: int | None,
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """Submit the circuits in FILES as one job and print its id.

    FILES are those of `aerq run`. The command does not wait: the job is kept with the broker, and runs as soon as a
    worker is free.
    """
    from .cluster import running_settings

    running_settings()  # a refusal before anything is read
    from rich.console import Console

    from .backends import BackendChoice
    from .runner import Run
    from .waiting import progress_bar

    drawn = seed is None
    seed = secrets.randbelow(DRAWN_SEEDS) if seed is None else seed
    run = Run(files, shots, seed, BackendChoice(method, noise_from_device))
    job = None
    try:
        with (
            terminate_as_interrupt(),
            progress_bar(Console(stderr=True)) as bar,
            run.ready(bar) as (items, circuits, backend),
            deferred_interrupts(),
        ):
            job = backend.run(circuits, shots=shots, seed_simulator=seed, job_tags=list(tags))
    except KeyboardInterrupt:
        said = "" if job is None else f"; job {job.job_id()} is submitted and runs on"
        raise InterruptedRunError(f"interrupted{said}") from None
    if not as_json:
        if drawn:
            click.echo(f"seed {seed}", err=True)
        click.echo(job.job_id())
        return
    names = [item.name for item in items]
    document = {"job_id": job.job_id(), "seed": seed, "shots": shots, "circuits": names, "tags": list(tags)}
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
