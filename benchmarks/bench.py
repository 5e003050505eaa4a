"""aerq beside local Aer on the same circuits, in one run on this machine: `make bench`.

Prints a table, and writes the figures as JSON with `--json FILE`. Read the ratios, not the seconds: they depend on the
machine and on what else it does. Every run compares the counts with local Aer's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qiskit import transpile
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import quantum_volume
from qiskit.result import Result
from qiskit_aer import AerSimulator
from rich.console import Console
from rich.table import Table

from aerq.config import LocalCluster
from aerq.jobs import AerqSimulator

SEED = 7
SHOTS = 1024


def circuits(count: int, qubits: int) -> list[QuantumCircuit]:
    """Measured quantum-volume circuits."""
    found = []
    for seed in range(count):
        circuit = quantum_volume(qubits, qubits, seed=seed)
        circuit.measure_all()
        found.append(circuit)
    return transpile(found, AerSimulator(), num_processes=1)


def median(run: Callable[[], Result], repeat: int) -> tuple[float, Result]:
    """The median of the seconds that `run` takes, and its last result."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def measure(name: str, work: Sequence[QuantumCircuit], backend: AerqSimulator, repeat: int) -> dict[str, Any]:
    """One workload: local Aer with one thread, aerq with a task for each circuit, aerq with tasks of equal cost."""
    local = AerSimulator(max_parallel_threads=1)
    options = {"shots": SHOTS, "seed_simulator": SEED}
    local_seconds, expected = median(lambda: local.run(work, **options).result(), repeat)
    each, result_each = median(lambda: backend.run(work, **options).result(), repeat)
    auto, result_auto = median(lambda: backend.run(work, max_job_size="auto", **options).result(), repeat)
    start = time.perf_counter()
    job = backend.run(work, **options)
    submit = time.perf_counter() - start
    job.result()
    same = all(
        expected.get_counts(i) == result_each.get_counts(i) == result_auto.get_counts(i) for i in range(len(work))
    )
    return {
        "workload": name,
        "local_one_thread_seconds": local_seconds,
        "aerq_one_task_each_seconds": each,
        "aerq_auto_seconds": auto,
        "run_returns_seconds": submit,
        "local_to_each": local_seconds / each,
        "local_to_auto": local_seconds / auto,
        "counts_identical": same,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 1, help="worker slots (default: cores)")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions; the median is shown (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    arguments = parser.parse_args()
    workloads = {"tiny: 1000 x 5 qubits": circuits(1000, 5), "heavy: 8 x 20 qubits": circuits(8, 20)}
    with LocalCluster(workers=arguments.slots) as cluster:
        backend = AerqSimulator(settings=cluster.settings)
        rows = [measure(name, work, backend, arguments.repeat) for name, work in workloads.items()]
    report = {"slots": arguments.slots, "cores": os.cpu_count(), "machine": platform.platform(), "rows": rows}
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2))
    table = Table(
        title=f"{arguments.slots} slots on {os.cpu_count()} cores, {platform.platform()}", title_justify="left"
    )
    headings = (
        "workload",
        "local, 1 thread",
        "aerq, 1 per task",
        "ratio",
        "aerq, auto",
        "ratio",
        "run() returns",
        "same counts",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row["workload"],
            f"{row['local_one_thread_seconds']:.2f} s",
            f"{row['aerq_one_task_each_seconds']:.2f} s",
            f"{row['local_to_each']:.2f}",
            f"{row['aerq_auto_seconds']:.2f} s",
            f"{row['local_to_auto']:.2f}",
            f"{row['run_returns_seconds']:.2f} s",
            "yes" if row["counts_identical"] else "NO",
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
