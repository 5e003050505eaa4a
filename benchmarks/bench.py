"""aerq beside local Aer, a process pool, Dask and plain Celery on the same circuits, in one run: `make bench`.

Prints tables, and with `--json FILE` and `--png FILE` writes the figures. Read the ratios, not the seconds: they
depend on the machine and on what else it does. The contestants take turns, so that a change in the machine's speed
meets all of them; of each the median is shown. Whatever they return is compared with local Aer's counts.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import gc
import importlib.util
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import contestants
import numpy as np
import plot
import psutil
import workloads
from contestants import Contestant, Dask
from processes import cluster_processes, peak_mb
from rich.console import Console
from rich.table import Table
from workloads import SEED, Workload

from aerq.config import LocalCluster, Settings
from aerq.jobs import AerqSimulator

LOCAL = "local, 1 thread"
#: What several contestants run.
WORKLOADS = ("tiny", "sweep", "medium", "heavy", "split")
#: All that is measured.
PARTS = (*WORKLOADS, "round_trip_seconds", "statevector", "submit", "sizes")
#: Turns at least of what lasts about a second.
_SHORT_TURNS = 7


def seconds_of(run: Callable[..., Any], *args: Any, **options: Any) -> tuple[float, Any]:
    """How long a call takes, and what it returns."""
    gc.collect()
    start = time.perf_counter()
    found = run(*args, **options)
    return time.perf_counter() - start, found


def compare(work: Workload, field: Mapping[str, Contestant | Dask], repeat: int) -> dict[str, Any]:
    """The contestants take turns on one workload.

    Raises:
        SystemExit: if counts are not those of local Aer with one thread, who must be in the field.
    """
    seconds: dict[str, list[float]] = {name: [] for name in field}
    expected: Any = None
    for _ in range(repeat):
        for name, contestant in field.items():
            took, counts = contestant.turn(work) if isinstance(contestant, Dask) else seconds_of(contestant, work)
            seconds[name].append(took)
            expected = counts if expected is None else expected
            if counts != expected:
                raise SystemExit(f"{name} gave other counts than {LOCAL} for {work.name}")
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    return {"workload": work.name, "seconds": medians, "turns": seconds}


def round_trips(backend: AerqSimulator, count: int) -> dict[str, Any]:
    """One tiny circuit at a time, beside a plain Celery task that does nothing."""
    circuit = workloads.circuits(1, 5)[0]
    ours, theirs = [], []
    for _ in range(count):
        ours.append(seconds_of(lambda: backend.run(circuit, shots=10, seed_simulator=SEED).result())[0])
        theirs.append(seconds_of(contestants.nothing, 1)[0])
    found = {}
    for name, values in (("aerq", ours), ("plain Celery, nothing", theirs)):
        found[name] = {"p50": float(np.percentile(values, 50)), "p99": float(np.percentile(values, 99))}
    return found


def statevector_out(backend: AerqSimulator, qubits: int, repeat: int) -> dict[str, Any]:
    """A large array as a result."""
    circuit = workloads.statevector(qubits)
    runs: dict[str, Callable[[], Any]] = {
        LOCAL: lambda: contestants.AerSimulator(max_parallel_threads=1).run(circuit, seed_simulator=SEED).result(),
        "aerq": lambda: backend.run(circuit, seed_simulator=SEED).result(),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeat):
        arrays = []
        for name, run in runs.items():
            took, result = seconds_of(run)
            seconds[name].append(took)
            arrays.append(np.asarray(result.get_statevector()))
        if not np.array_equal(arrays[0], arrays[1]):
            raise SystemExit("the statevector is not that of local Aer")
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    return {"qubits": qubits, "seconds": medians, "difference": medians["aerq"] - medians[LOCAL]}


def submits(backend: AerqSimulator, count: int, repeat: int) -> dict[str, Any]:
    """How long `run()` takes to return."""
    work = workloads.tiny(count)
    found = {}
    for size in (1, "auto"):
        seconds = []
        for _ in range(repeat):
            took, job = seconds_of(backend.run, work.circuits, max_job_size=size, **work.options)
            job.result()
            seconds.append(took)
        found[str(size)] = statistics.median(seconds)
    return {"experiments": count, "seconds": found}


def sizes(settings: Settings, starter: int, most: int) -> list[dict[str, Any]]:
    """Cost against the number of experiments, with the memory of all; each size once, the small ones thrice.

    Args:
        settings: the cluster's.
        starter: the process that started it.
        most: the largest number of experiments.
    """
    backend = AerqSimulator(settings=settings)
    rows = []
    first = 0
    for count in (10, 100, 1000, 10_000, 100_000):
        if count > most:
            break
        for size in (1, "auto"):
            seconds, returned = [], []
            for _ in range(3 if count <= 1000 else 1):
                # Circuits that no slot has seen, or a small job would be cheaper than a large one for that alone.
                first += count
                work = workloads.tiny(count, first)
                took, job = seconds_of(backend.run, work.circuits, max_job_size=size, **work.options)
                rest, result = seconds_of(job.result)
                seconds.append(took + rest)
                returned.append(took)
                if len(result.results) != count or not result.success:
                    raise SystemExit(f"{count} experiments, max_job_size={size}: not all came back")
                del job, result
            rows.append(
                {
                    "experiments": count,
                    "max_job_size": size,
                    "seconds": statistics.median(seconds),
                    "run_returns_seconds": statistics.median(returned),
                    "client_peak_mb": peak_mb([psutil.Process()]),
                    "peak_mb": {name: peak_mb(found) for name, found in cluster_processes(starter).items()},
                }
            )
    return rows


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Everything, in one run."""
    slots, quick, repeat = given.slots, given.quick, given.repeat
    # What lasts a second is at the mercy of whatever else the machine does in that second.
    short = repeat if quick else max(repeat, _SHORT_TURNS)
    report: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": " ".join(["benchmarks/bench.py", *sys.argv[1:]]),
        "machine": platform.platform(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "slots": slots,
        "repeat": repeat,
    }
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(LocalCluster(workers=slots))
        url = str(cluster.settings.broker_url)
        stack.enter_context(contestants.celery_worker(f"{url.rpartition('/')[0]}/1", slots))
        everybody: dict[str, Contestant] = {
            LOCAL: contestants.local(max_parallel_threads=1),
            "local, all threads": contestants.local(max_parallel_experiments=0),
            "process pool": stack.enter_context(contestants.process_pool(slots)),
        }
        everybody["plain Celery"] = contestants.plain
        ours = {
            "aerq, 1 per task": contestants.aerq(cluster),
            "aerq, auto": contestants.aerq(cluster, max_job_size="auto"),
        }
        backend = AerqSimulator(settings=cluster.settings)
        warm = workloads.tiny(20)
        for contestant in (*everybody.values(), *ours.values()):
            contestant(warm)
        others: dict[str, Dask] = {}
        if importlib.util.find_spec("distributed"):
            others["Dask"] = Dask(slots, warm)
        else:
            print("no Dask: pip install distributed", file=sys.stderr)

        count = 200 if quick else 1000
        field: dict[str, Contestant | Dask] = {**everybody, **ours, **others}
        shots = 10_000 if quick else 100_000
        pieces = {"aerq, shots split": contestants.aerq(cluster, max_shot_size=shots // (4 * slots))}
        alone = {name: everybody[name] for name in (LOCAL, "local, all threads")}

        def tiny() -> dict[str, Any]:
            found = compare(workloads.tiny(count), field, short)
            floors = [seconds_of(contestants.nothing, count)[0] for _ in range(short)]
            found["seconds"]["plain Celery, nothing"] = statistics.median(floors)
            return found

        def many() -> list[dict[str, Any]]:
            # A client of its own: this process holds the memory of all contestants.
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as client:
                most = 1000 if quick else given.most
                return client.submit(sizes, cluster.settings, os.getpid(), most).result()

        parts: dict[str, Callable[[], Any]] = {
            "tiny": tiny,
            "sweep": lambda: compare(workloads.sweep(count), field, short),
            "medium": lambda: compare(workloads.medium(20 if quick else 200), field, repeat),
            "heavy": lambda: compare(workloads.heavy(2 if quick else 8), field, repeat),
            "split": lambda: compare(workloads.split(shots), {**alone, **pieces}, repeat),
            "round_trip_seconds": lambda: round_trips(backend, 30 if quick else 200),
            "statevector": lambda: statevector_out(backend, 18 if quick else 22, repeat),
            "submit": lambda: submits(backend, count, short),
            "sizes": many,
        }
        wanted = given.only or parts
        for number, name in enumerate(wanted, 1):
            print(f"{number} of {len(wanted)}: {name}", file=sys.stderr)
            report[name] = parts[name]()
    report["ratios"] = ratios(report)
    return report


def ratios(report: Mapping[str, Any]) -> dict[str, float]:
    """The figures by which aerq is judged, as far as they were measured."""
    each, auto = "aerq, 1 per task", "aerq, auto"
    celery, nothing = "plain Celery", "plain Celery, nothing"
    found: dict[str, float] = {}
    for part, words, theirs, mine in (
        ("heavy", "heavy: local 1 thread / aerq", LOCAL, each),
        ("tiny", "tiny, auto: local 1 thread / aerq", LOCAL, auto),
        ("tiny", "tiny, 1 per task: plain Celery / aerq", celery, each),
        ("tiny", "tiny, 1 per task: plain Celery doing nothing / aerq", nothing, each),
        ("tiny", "tiny, 1 per task: Dask / aerq", "Dask", each),
        ("medium", "medium, 1 per task: local 1 thread / aerq", LOCAL, each),
        ("medium", "medium, auto: local 1 thread / aerq", LOCAL, auto),
        ("split", "split: local 1 thread / aerq", LOCAL, "aerq, shots split"),
        ("sweep", "sweep, auto: local 1 thread / aerq", LOCAL, auto),
    ):
        seconds = report.get(part, {}).get("seconds", {})
        if theirs in seconds:
            found[words] = seconds[theirs] / seconds[mine]
    if "submit" in report:
        found["run() returns, seconds"] = report["submit"]["seconds"]["1"]
    if trips := report.get("round_trip_seconds"):
        for which in ("p50", "p99"):
            found[f"round trip {which}, milliseconds"] = 1000 * trips["aerq"][which]
        found["round trip p50: aerq / plain Celery doing nothing"] = trips["aerq"]["p50"] / trips[nothing]["p50"]
    if "statevector" in report:
        found["statevector: aerq - local, seconds"] = report["statevector"]["difference"]
    if rows := report.get("sizes"):
        by_size = {(row["experiments"], row["max_job_size"]): row["seconds"] / row["experiments"] for row in rows}
        most = max(count for count, _ in by_size)
        for size in (1, "auto"):
            found[f"cost per experiment, {most} / 1000, {size}"] = by_size[most, size] / by_size[min(most, 1000), size]
        found[f"client's memory at {most} experiments, MiB"] = max(row["client_peak_mb"] for row in rows)
    return found


def processor() -> str:
    """The processor's name, where the system tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def show(report: dict[str, Any]) -> None:
    """Prints the report."""
    console = Console(width=120)
    console.print(f"{report['date']}  {report['processor']}, {report['cores']} cores, {report['slots']} slots")
    for row in (report[name] for name in WORKLOADS if name in report):
        table = Table(title=row["workload"], title_justify="left")
        for heading in ("", "seconds", "local, 1 thread / this"):
            table.add_column(heading, justify="right" if heading else "left")
        for name, took in row["seconds"].items():
            table.add_row(name, f"{took:.2f}", f"{row['seconds'][LOCAL] / took:.2f}")
        console.print(table)
    if "sizes" in report:
        table = Table(title="cost against the number of experiments", title_justify="left")
        headings = ("experiments", "max_job_size", "seconds", "ms each", "run() returns", "client MiB", "store MiB")
        for heading in headings:
            table.add_column(heading, justify="right")
        for row in report["sizes"]:
            seconds = row["seconds"], 1000 * row["seconds"] / row["experiments"], row["run_returns_seconds"]
            memory = row["client_peak_mb"], row["peak_mb"]["store"]
            values = (row["experiments"], row["max_job_size"], *(f"{value:.2f}" for value in seconds), *memory)
            table.add_row(*map(str, values))
        console.print(table)
    table = Table(title="ratios and figures", title_justify="left")
    table.add_column("")
    table.add_column("measured", justify="right")
    for name, value in report["ratios"].items():
        table.add_row(name, f"{value:.2f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 1, help="worker slots (default: cores)")
    parser.add_argument(
        "--repeat", type=int, default=3, help="turns; the median is shown (default: 3, and 7 of what lasts a second)"
    )
    parser.add_argument("--quick", action="store_true", help="small workloads, a minute or two")
    parser.add_argument("--most", type=int, default=100_000, help="largest number of experiments (default: 100000)")
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        choices=PARTS,
        metavar="PART",
        help=f"measure this alone: {', '.join(PARTS)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw them into FILE")
    given = parser.parse_args()
    report = measure(given)
    if given.json:
        given.json.write_text(json.dumps(report, indent=2) + "\n")
    if given.png:
        plot.draw(report, WORKLOADS, given.png)
    show(report)


if __name__ == "__main__":
    main()
