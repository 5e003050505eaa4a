"""What a client pays for many experiments, without workers: `benchmarks/client.py 1000 100000`.

The tasks go to a queue that nobody reads; their ends are written into the store with one task's result for all of the
same size. So what is measured is the client alone: CPU time of submit and of collect, and its memory.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import time
from pathlib import Path
from typing import Any

import workloads
from processes import cluster_processes, peak_mb
from rich.console import Console
from rich.table import Table

from aerq.config import LocalCluster
from aerq.jobs import AerqSimulator
from aerq.tasks.kernel import AerKernel
from aerq.tasks.records.states import TaskState, new_run
from aerq.tasks.wire.payload import QobjDecoder
from aerq.tasks.wire.results import encode_output


def measure(backend: AerqSimulator, count: int, size: int | str) -> dict[str, Any]:
    """Submits and collects one job."""
    work = workloads.tiny(count)
    gc.collect()
    cpu = time.process_time()
    job = backend.run(work.circuits, max_job_size=size, **work.options)
    submit = time.process_time() - cpu
    feed(backend, job.job_id())
    gc.collect()
    cpu = time.process_time()
    result = job.result()
    collect = time.process_time() - cpu
    if len(result.results) != count or not result.success:
        raise SystemExit(f"{count} experiments, max_job_size={size}: not all came back")
    return {
        "experiments": count,
        "max_job_size": size,
        "submit_ms": 1000 * submit / count,
        "collect_ms": 1000 * collect / count,
        "client_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "store_peak_mb": peak_mb(cluster_processes()["store"]),
    }


def feed(backend: AerqSimulator, job_id: str) -> None:
    """Ends all tasks of a job, those of one size with the result of the first."""
    records = backend.celery_executor.records
    record = records.record(job_id)
    if record is None:
        raise SystemExit("the job is not in the store")
    decoder, kernel = QobjDecoder(2**30, records.payloads), AerKernel()
    results: dict[int, bytes] = {}
    for message in record.messages:
        if message.count not in results:
            results[message.count] = encode_output(kernel.run(decoder.decode(message)))
        run = new_run()
        records.start(job_id, message.index, "benchmark", run)
        records.finish(job_id, message.index, run, TaskState.DONE, seconds=0.001, parts=[results[message.count]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=int, nargs="*", default=[1000, 10_000], help="numbers of experiments, rising")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    given = parser.parse_args()
    with LocalCluster(workers=1) as cluster:
        backend = AerqSimulator(settings=cluster.settings.evolve(queue="nobody"))
        measure(backend, 100, 1)
        rows = [measure(backend, count, size) for count in given.counts for size in ("auto", 1)]
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")
    table = Table()
    for heading in rows[0]:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
