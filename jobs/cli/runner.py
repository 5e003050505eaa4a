"""One run from files to reports: everything is read and checked before anything is started."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from ...config.errors import AerqError, UnavailableError
from .backends import BackendChoice
from .failures import InputError, InterruptedRunError, RunError, RunTimeoutError
from .files import FileCircuit, read_files
from .interrupts import deferred_interrupts, terminate_as_interrupt
from .reports import RunReport, circuit_report
from .waiting import progress_bar, wait_for_result


@dataclass(frozen=True)
class Run:
    """What the user asked for.

    Attributes:
        files: the circuit files.
        shots: shots of every circuit.
        seed: seed of transpiler and simulator.
        backend: what to run on.
        timeout: seconds from submitting until all results must be there, or None.
    """

    files: Sequence[Path]
    shots: int
    seed: int
    backend: BackendChoice
    timeout: float | None = None

    def execute(self, console: Console) -> RunReport:
        """Runs all circuits as one job.

        Args:
            console: where to show progress.

        Raises:
            InputError: if something cannot run; nothing was started.
            RunError: if the job failed as a whole, was cancelled, or was lost sight of.
            RunTimeoutError: if it was not done in time; it was cancelled.
            InterruptedRunError: if the user interrupted it; it was cancelled.
        """
        try:
            return self._execute(console)
        except KeyboardInterrupt:  # before there was a job
            raise InterruptedRunError("interrupted") from None

    def _execute(self, console: Console) -> RunReport:
        with terminate_as_interrupt(), progress_bar(console) as bar, self.ready(bar) as (items, circuits, backend):
            return self._run(items, circuits, backend, bar)

    @contextlib.contextmanager
    def ready(self, bar: Progress) -> Iterator[tuple[list[FileCircuit], list[Any], Any]]:
        """Reads, checks and transpiles everything.

        Args:
            bar: where to show what happens.

        Yields:
            The circuits as they were read, the same transpiled, and the backend.

        Raises:
            InputError: if something cannot run; nothing was started.
        """
        items = read_files(self.files)
        if self.backend.device_qubits is None:
            self._check_widths(items, self.backend.widest())
        else:
            self._check_device(items, self.backend.device_qubits)
        target = self.backend.target(max(item.circuit.num_qubits for item in items))
        circuits = self._transpile(items, target, bar)
        with self.backend.connect(target) as backend:
            if self.backend.device_qubits is None:
                self._check_widths(items, self.backend.holds(backend))
            yield items, circuits, backend

    def _check_device(self, items: Sequence[FileCircuit], device: int) -> None:
        """Refuses circuits with more qubits than the device has."""
        for item in items:
            if item.circuit.num_qubits > device:
                raise InputError(
                    f"{_described(item)} has {item.circuit.num_qubits} qubits, "
                    f"the device of --noise-from-device {device} has {device}"
                )

    def _check_widths(self, items: Sequence[FileCircuit], widest: int) -> None:
        """Refuses circuits with more qubits than any slot can hold."""
        for item in items:
            if item.circuit.num_qubits > widest:
                raise InputError(
                    f"{_described(item)} has {item.circuit.num_qubits} qubits, and with the method "
                    f"{self.backend.method or 'automatic'} no worker slot can hold more than {widest}; "
                    "try --method matrix_product_state (for Clifford circuits also stabilizer), or a worker with more "
                    "memory"
                )

    def _transpile(self, items: Sequence[FileCircuit], target: Any, bar: Progress) -> list[Any]:
        """The circuits as the backend takes them."""
        from qiskit.exceptions import QiskitError

        task = bar.add_task("transpiling", total=None)
        circuits = [item.circuit for item in items]
        try:
            return self._transpiled(circuits, target)
        except QiskitError:
            for item in items:  # which one was it?
                try:
                    self._transpiled([item.circuit], target)
                except QiskitError as error:
                    said = str(error.message).rstrip(".")
                    raise InputError(f"{_described(item)} cannot run: {said}") from error
            raise
        finally:
            bar.remove_task(task)

    def _transpiled(self, circuits: list[Any], target: Any) -> list[Any]:
        """Transpiles in this process: the processes that Qiskit would start survive an interrupt."""
        from qiskit import transpile

        return list(transpile(circuits, target, seed_transpiler=self.seed, num_processes=1))

    def _run(self, items: Sequence[FileCircuit], circuits: list[Any], backend: Any, bar: Progress) -> RunReport:
        """Submits the job, waits for it, and cancels it if the wait is cut short."""
        job: Any = None
        started = time.monotonic()
        try:
            with deferred_interrupts():
                job = backend.run(circuits, shots=self.shots, seed_simulator=self.seed)
            result = wait_for_result(job, bar, self.timeout)
        except KeyboardInterrupt:
            raise InterruptedRunError(f"interrupted{_cancel(job)}") from None
        except TimeoutError as error:
            if job is None or isinstance(error, UnavailableError):
                raise
            raise RunTimeoutError(f"job {job.job_id()} was not done after {self.timeout:g} s{_cancel(job)}") from error
        except AerqError as error:
            if job is None:  # refused, or nobody was there to take it
                raise
            raise RunError(f"job {job.job_id()}: {error}") from error
        seconds = time.monotonic() - started
        reports = [circuit_report(item, result, index, self.shots) for index, item in enumerate(items)]
        failed = any(report.status != "DONE" for report in reports)
        return RunReport(str(job.job_id()), "ERROR" if failed else "DONE", self.seed, seconds, reports)


def _described(item: FileCircuit) -> str:
    """How a sentence names a circuit."""
    return f"{item.file}: the circuit {item.name!r}"


def _cancel(job: Any) -> str:
    """Cancels a job, if there is one, and says for the end of a sentence whether that worked."""
    if job is None:
        return ""
    with contextlib.suppress(AerqError):
        job.cancel()
        return f"; job {job.job_id()} is cancelled"
    return f"; job {job.job_id()} could not be cancelled, because its store does not answer"
