"""`aerq demo`: a quantum-volume experiment with device-like noise, on queue workers and compared with local Aer."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.result import Result
from qiskit_aer import AerSimulator
from rich.console import Console
from rich.table import Table

from ...config.local.cluster import LocalCluster
from ..aerjob import AerJob
from ..aerjobset import AerJobSet
from ..simulator import AerqSimulator
from .demo_plot import save_plot
from .quantum_volume import WidthResult, evaluate, heavy_fraction, heavy_outputs, model_circuits
from .waiting import progress_bar, wait_for_result

#: One seed for circuits, device and shots: the demo shows the same numbers everywhere.
SEED = 2026
#: The errors of the made-up device: large enough to see them grow with the width.
DEVICE_QUBITS = 6


@dataclass(frozen=True)
class DemoReport:
    """What the demo found.

    Attributes:
        widths: the result of each width.
        experiments: how many circuits ran.
        shots: shots of each.
        slots: worker slots.
        seconds: from `run()` to the merged result.
        local_seconds: the same of one local Aer.
        identical: whether all counts are equal to local Aer's.
        picture: where the plot is.
    """

    widths: tuple[WidthResult, ...]
    experiments: int
    shots: int
    slots: int
    seconds: float
    local_seconds: float
    identical: bool
    picture: str


@click.command()
@click.option("--min-width", type=click.IntRange(2, DEVICE_QUBITS), default=2, show_default=True)
@click.option("--max-width", type=click.IntRange(2, DEVICE_QUBITS), default=DEVICE_QUBITS, show_default=True)
@click.option("--circuits", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Circuits per width.")
@click.option("--shots", type=click.IntRange(1, 1_000_000), default=1024, show_default=True, help="Shots per circuit.")
@click.option("--slots", type=click.IntRange(1, 1024), help="Worker slots; by default the number of cores.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=Path("aerq-demo.png"),
    show_default=True,
    help="Where to save the picture.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the default where the output is no terminal.")
def demo(
    min_width: int, max_width: int, circuits: int, shots: int, slots: int | None, plot: Path, as_json: bool
) -> None:
    """Watch a quantum-volume experiment run on queue workers.

    Starts a cluster on this machine, runs random circuits of each width with the noise of a made-up device, in
    Celery tasks of about equal cost, and compares the counts with one local Aer. Takes well under a minute.
    """
    if min_width > max_width:
        raise click.BadParameter(f"{min_width} is more than --max-width {max_width}", param_hint="--min-width")
    if not plot.resolve().parent.is_dir():
        raise click.BadParameter(f"the folder of {plot} does not exist", param_hint="--plot")
    errors = Console(stderr=True)
    report = run_demo(range(min_width, max_width + 1), circuits, shots, slots or os.cpu_count() or 1, plot, errors)
    if as_json or not sys.stdout.isatty():
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        show(report, Console())
    if not report.identical:
        raise SystemExit(1)


def run_demo(widths: Sequence[int], circuits: int, shots: int, slots: int, plot: Path, progress: Console) -> DemoReport:
    """Runs the experiment.

    Args:
        widths: the widths to measure.
        circuits: circuits of each width.
        shots: shots of each circuit.
        slots: worker slots.
        plot: where to save the picture.
        progress: where to draw the progress bar.
    """
    device = GenericBackendV2(DEVICE_QUBITS, seed=SEED)
    ideal = [circuit for width in widths for circuit in model_circuits(width, circuits, SEED)]
    progress.print(f"{len(ideal)} quantum-volume circuits of {widths[0]} to {widths[-1]} qubits, {shots} shots each")
    with LocalCluster(workers=slots) as cluster:
        backend = AerqSimulator.from_backend(device, settings=cluster.settings)
        measured = _measured(ideal, backend)
        start = time.perf_counter()
        job = backend.run(measured, shots=shots, seed_simulator=SEED, max_job_size="auto")
        result = _watched(job, progress)
        seconds = time.perf_counter() - start
    progress.print("the same circuits on one local Aer, to compare ...")
    start = time.perf_counter()
    local = AerSimulator.from_backend(device).run(measured, shots=shots, seed_simulator=SEED).result()
    local_seconds = time.perf_counter() - start
    found = _evaluate(ideal, result, widths, circuits)
    save_plot(found, plot)
    return DemoReport(
        widths=tuple(found),
        experiments=len(ideal),
        shots=shots,
        slots=slots,
        seconds=seconds,
        local_seconds=local_seconds,
        identical=all(result.get_counts(i) == local.get_counts(i) for i in range(len(ideal))),
        picture=str(plot),
    )


def _watched(job: AerJob | AerJobSet, console: Console) -> Result:
    """The result, with a progress bar until it is there; Ctrl-C cancels the job."""
    try:
        with progress_bar(console) as bar:
            return wait_for_result(job, bar, None)
    except KeyboardInterrupt:
        job.cancel()
        raise


def _measured(circuits: Sequence[QuantumCircuit], backend: AerqSimulator) -> list[QuantumCircuit]:
    """The circuits with measurements, in the device's gates and on its qubits 0, 1, ..."""
    measured: list[QuantumCircuit] = []
    for circuit in circuits:
        copy = circuit.copy()
        copy.measure_all()
        layout = list(range(circuit.num_qubits))
        measured.append(
            transpile(copy, backend, initial_layout=layout, optimization_level=1, seed_transpiler=SEED, num_processes=1)
        )
    return measured


def _evaluate(
    ideal: Sequence[QuantumCircuit], result: Result, widths: Sequence[int], circuits: int
) -> list[WidthResult]:
    fractions = [heavy_fraction(result.get_counts(i), heavy_outputs(circuit)) for i, circuit in enumerate(ideal)]
    return [evaluate(width, fractions[n * circuits : (n + 1) * circuits]) for n, width in enumerate(widths)]


def show(report: DemoReport, console: Console) -> None:
    """Shows the report to a person."""
    table = Table(title="Heavy-output probability", title_justify="left")
    for heading in ("width", "probability", "two-sigma interval", "all of it above 2/3"):
        table.add_column(heading, justify="right")
    for row in report.widths:
        verdict = "[green]yes[/]" if row.passed else "[red]no[/]"
        low, high = row.interval
        table.add_row(str(row.width), f"{row.probability:.3f}", f"{low:.3f} - {high:.3f}", verdict)
    console.print(table)
    passed = [row.width for row in report.widths if row.passed]
    if passed:
        console.print(f"quantum volume of the made-up device: at least {2 ** max(passed)}")
    console.print(f"aerq, {report.slots} slots: {report.seconds:.1f} s    local Aer: {report.local_seconds:.1f} s")
    same = "[green]identical[/]" if report.identical else "[red]DIFFERENT[/]"
    console.print(f"counts of all {report.experiments} experiments: {same} to local Aer's")
    console.print(f"picture: {report.picture}    (--circuits with a larger number narrows the intervals)")
