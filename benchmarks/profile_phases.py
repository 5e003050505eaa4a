"""Where the time of a job goes, phase by phase, from a real run: `make profile`.

CPU time is what counts on a busy machine; seconds are those of the phase itself, without the phases inside of it.
What is left of a process's CPU time, its phases taken off, is Celery's, the interpreter's and the kernel's own.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import phases
from processes import cluster_processes, cpu_seconds
from qiskit import QuantumCircuit
from rich.console import Console
from rich.table import Table
from workloads import circuits

from aerq.config import LocalCluster
from aerq.jobs import AerqSimulator


def profile(experiments: int, qubits: int, job_size: int | str, slots: int, repeat: int) -> dict[str, Any]:
    """Runs the same job several times and keeps the one with the least CPU time, the least disturbed."""
    with tempfile.TemporaryDirectory(prefix="phases-") as folder:
        os.environ[phases.FOLDER_VARIABLE] = folder
        os.environ["PYTHONPATH"] = str(Path(__file__).parent)
        return _profile(circuits(experiments, qubits), job_size, slots, repeat)


def _profile(work: list[QuantumCircuit], job_size: int | str, slots: int, repeat: int) -> dict[str, Any]:
    experiments, qubits = len(work), work[0].num_qubits
    client = phases.install(phases.CLIENT)
    best: dict[str, Any] = {}
    with LocalCluster(workers=slots, _app="traced_worker") as cluster:
        backend = AerqSimulator(settings=cluster.settings)
        backend.run(work[:64], shots=1024, max_job_size=job_size).result()
        processes = cluster_processes()
        for _ in range(repeat):
            client.clear()
            before, slots_before = cpu_seconds(processes), phases.slot_rows()
            gc.collect()
            wall, own = time.perf_counter(), time.process_time()
            job = backend.run(work, shots=1024, seed_simulator=7, max_job_size=job_size)
            returned = time.perf_counter() - wall
            job.result()
            wall, own = time.perf_counter() - wall, time.process_time() - own
            after, slots_after = cpu_seconds(processes), phases.slot_rows()
            used = {"client": own, **{name: after[name] - before[name] for name in after}}
            run = {
                "experiments": experiments,
                "qubits": qubits,
                "job_size": job_size,
                "slots": slots,
                "seconds": wall,
                "run_returns_seconds": returned,
                "cpu_seconds": used,
                "client": client.read(),
                "slot": {
                    name: tuple(b - a for a, b in zip(slots_before[name], row, strict=True))
                    for name, row in slots_after.items()
                },
            }
            if not best or sum(used.values()) < sum(best["cpu_seconds"].values()):
                best = run
    return best


def table(run: dict[str, Any]) -> Table:
    """The phases as a table, in milliseconds for each experiment."""
    each = 1000 / run["experiments"]
    shown = Table(
        title=f"{run['experiments']} x {run['qubits']} qubits, max_job_size={run['job_size']}, {run['slots']} slots: "
        f"{run['seconds']:.2f} s, run() returned after {run['run_returns_seconds']:.2f} s",
        title_justify="left",
    )
    for heading in ("process", "phase", "calls", "CPU ms / experiment", "ms / experiment"):
        shown.add_column(heading, justify="right" if "ms" in heading or heading == "calls" else "left")
    for process in ("client", "worker", "slot", "store"):
        total = run["cpu_seconds"][process]
        rows = run.get(process, {})
        for name, (calls, wall, cpu) in rows.items():
            shown.add_row(process, name, str(calls), f"{cpu * each:.3f}", f"{wall * each:.3f}")
        rest = total - sum(row[2] for row in rows.values())
        shown.add_row(process, "everything else" if rows else "everything", "", f"{rest * each:.3f}", "")
        shown.add_row(process, "sum", "", f"{total * each:.3f}", "", style="bold", end_section=True)
    shown.add_row("all", "sum", "", f"{sum(run['cpu_seconds'].values()) * each:.3f}", "", style="bold")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=1000, help="circuits (default: 1000)")
    parser.add_argument("--qubits", type=int, default=5, help="qubits of each (default: 5)")
    parser.add_argument("--job-size", default="1", help="max_job_size: a number or auto (default: 1)")
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 1, help="worker slots (default: cores)")
    parser.add_argument("--repeat", type=int, default=3, help="runs; the least disturbed is shown (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    given = parser.parse_args()
    size = given.job_size if given.job_size == "auto" else int(given.job_size)
    run = profile(given.experiments, given.qubits, size, given.slots, given.repeat)
    if given.json:
        given.json.write_text(json.dumps(run, indent=2))
    Console(width=120).print(table(run))


if __name__ == "__main__":
    main()
