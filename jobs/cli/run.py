"""`aerq run`: circuit files in, counts out."""

from __future__ import annotations

import math
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .circuit_options import DRAWN_SEEDS, circuit_options
from .failures import RunError

if TYPE_CHECKING:
    from .reports import RunReport

_EPILOG = """\b
JSON: an object with job_id, status, seed, seconds, and circuits: a list of
  name, file, qubits, shots, seed, method,
  counts   {"bit string": count}, as Result.get_counts gives it, or null
  status   DONE or ERROR
  error    why it failed, or null

\b
The same from Python:
  circuit = transpile(circuit, backend, seed_transpiler=SEED)
  backend.run(circuit, shots=SHOTS, seed_simulator=SEED)

\b
Exit codes: 0 done, 1 failed or cancelled, 2 refused (nothing was started),
3 timed out (the job is cancelled), 130 interrupted (the job is cancelled).

\b
Environment:
  AERQ_BROKER_URL               the broker, e.g. redis://:PASSWORD@HOST:6379/0
  AERQ_STORE_URL                the store, where it is another server
  AERQ_CONNECT_TIMEOUT_SECONDS  how long to wait for them (5)
Without AERQ_BROKER_URL a running `aerq up` is used, and without that a
cluster of this machine's cores that ends with the command.
"""


def finite(context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Refuses `nan` and `inf`, which are numbers to Python."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("it must be a finite number of seconds", context, option)
    return value


@click.command(epilog=_EPILOG)
@circuit_options
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.png", help="Draw histograms of the counts."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the default where the output is no terminal.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Start a cluster of N slots on this machine for this run only, whatever broker is set.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    callback=finite,
    metavar="SECONDS",
    help="Cancel the job if it is not done this long after it was submitted.",
)
def run(
    files: tuple[Path, ...],
    shots: int,
    seed: int | None,
    method: str | None,
    noise_from_device: int | None,
    plot: Path | None,
    as_json: bool,
    workers: int | None,
    timeout: float | None,
) -> None:
    """Run the circuits in FILES as one job and show their counts.

    FILES are OpenQASM 2, OpenQASM 3 or QPY, told apart by their content; a QPY file may hold several circuits; - is
    standard input. All are read and checked before anything is started. They may include nothing but qelib1.inc or
    stdgates.inc.
    """
    from rich.console import Console

    from .backends import BackendChoice
    from .plots import check_plot_path, write_plot
    from .runner import Run

    if plot is not None:
        check_plot_path(plot)
    choice = BackendChoice(method, noise_from_device, workers)
    seed = secrets.randbelow(DRAWN_SEEDS) if seed is None else seed
    report = Run(files, shots, seed, choice, timeout).execute(Console(stderr=True))
    _show(report, as_json or not stdout_is_a_terminal())
    if plot is not None:
        write_plot(report, plot)
        click.echo(f"wrote {plot}", err=True)
    fail_if_failed(report)


def stdout_is_a_terminal() -> bool:
    """Whether the output is for people."""
    return sys.stdout.isatty()


def _show(report: RunReport, as_json: bool) -> None:
    """Prints the counts: for people, or for programs."""
    if as_json:
        click.echo(report.to_json())
        return
    from rich.console import Console

    from .tables import print_report

    print_report(report, Console())


def fail_if_failed(report: RunReport) -> None:
    """Ends the command with a sentence if circuits have no counts.

    Raises:
        RunError: if there are any.
    """
    if not report.failed:
        return
    first = report.failed[0]
    if len(report.circuits) == 1:
        how = "failed:" if first.status == "ERROR" else "was"
        raise RunError(f"the circuit {first.name!r} {how} {first.error}")
    how = "failed" if all(circuit.status == "ERROR" for circuit in report.failed) else "failed or were cancelled"
    raise RunError(f"{len(report.failed)} of {len(report.circuits)} circuits {how}; {first.name!r}: {first.error}")
