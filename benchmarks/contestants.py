"""Everybody who runs the same circuits: each takes a workload and gives the counts of its experiments, in order."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import plain_celery
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from workloads import Workload

from aerq.config import LocalCluster
from aerq.jobs import AerqSimulator

Counts = list[dict[str, int]]
Contestant = Callable[[Workload], Counts]


def counts_of(result: Any) -> Counts:
    """The counts of all experiments of a result."""
    return [result.get_counts(index) for index in range(len(result.results))]


def local(**options: Any) -> Contestant:
    """Aer in this process."""
    backend = AerSimulator(**options)
    return lambda work: counts_of(backend.run(work.circuits, work.binds, **work.options).result())


@cache
def _simulator() -> AerSimulator:
    return AerSimulator(max_parallel_threads=1)


def run_one(circuit: QuantumCircuit, options: dict[str, Any]) -> dict[str, int]:
    """One experiment in a process of a pool."""
    counts: dict[str, int] = _simulator().run(circuit, **options).result().get_counts()
    return counts


@contextlib.contextmanager
def process_pool(slots: int) -> Iterator[Contestant]:
    """Python's own pool of processes, one circuit a call."""
    with ProcessPoolExecutor(slots, mp_context=multiprocessing.get_context("spawn")) as pool:

        def run(work: Workload) -> Counts:
            futures = [pool.submit(run_one, *each) for each in work.one_by_one()]
            return [future.result() for future in futures]

        yield run


@dataclass(frozen=True)
class Dask:
    """A Dask cluster on this machine, one circuit a task: in a process of its own, and only for its turns.

    Idle it takes a twelfth of a core, which only those who use all cores would miss, and its threads in this process
    would be in everybody's way.

    Attributes:
        slots: its workers.
        warm: what it runs before its turn counts.
    """

    slots: int
    warm: Workload

    def turn(self, work: Workload) -> tuple[float, Counts]:
        """The seconds that it needs, and what it finds."""
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            return pool.submit(_dask_turn, self.slots, self.warm, work).result()


def _dask_turn(slots: int, warm: Workload, work: Workload) -> tuple[float, Counts]:
    from distributed import Client
    from distributed import LocalCluster as DaskCluster

    with (
        DaskCluster(n_workers=slots, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as client,
    ):

        def run(given: Workload) -> Counts:
            return client.gather([client.submit(run_one, *each, pure=False) for each in given.one_by_one()])

        run(warm)
        start = time.perf_counter()
        counts = run(work)
        return time.perf_counter() - start, counts


@contextlib.contextmanager
def celery_worker(url: str, slots: int) -> Iterator[None]:
    """A worker of the plain program."""
    environment = {**os.environ, plain_celery.URL_VARIABLE: url, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-m", "celery", "-A", "plain_celery", "worker", f"--concurrency={slots}"]
    command += ["--loglevel=ERROR", "--without-gossip", "--without-mingle"]
    worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    plain_celery.app.conf.update(broker_url=url, result_backend=url)
    try:
        plain_celery.nothing.delay().get(timeout=60)
        yield
    finally:
        worker.terminate()
        worker.wait(30)


def plain(work: Workload) -> Counts:
    """The plain program: `delay` for each circuit, `get` for each result."""
    results = [
        plain_celery.simulate.delay(plain_celery.packed(each), plain_celery.plain_options(given))
        for each, given in work.one_by_one()
    ]
    return [result.get(timeout=600) for result in results]


def nothing(count: int) -> None:
    """As many Celery tasks that do nothing."""
    for result in [plain_celery.nothing.delay() for _ in range(count)]:
        result.get(timeout=600)


def aerq(cluster: LocalCluster, **options: Any) -> Contestant:
    """aerq on its own cluster."""
    backend = AerqSimulator(settings=cluster.settings)
    return lambda work: counts_of(backend.run(work.circuits, work.binds, **work.options, **options).result())
