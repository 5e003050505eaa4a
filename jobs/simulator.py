"""`AerqSimulator`: Aer's simulator backend, of which every `run()` happens on Celery workers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.providers.options import Options
from qiskit_aer import AerSimulator

from ..config.settings import Settings
from ..tasks.kernel import run_qobj
from ..tasks.records.speeds import read_speeds
from ..tasks.records.workers import WorkerRecord
from .aerjob import AerJob
from .aerjobset import AerJobSet
from .executor import CeleryExecutor
from .memory import qubits_in
from .option_values import refuse_time_limit
from .options import resolve_options
from .split import split_job
from .submission import Submission
from .validate import circuits_of, validate_circuits
from .workers import workers_of

#: What a slot is taken to have while no worker is up to say: 16 GiB, a statevector of 30 qubits.
_UNKNOWN_SLOT_MB = 16 * 1024
#: For how many seconds the list of workers is taken as fresh.
_FRESH_SECONDS = 5.0


@dataclass(frozen=True)
class _Seen:
    """The workers that were there at a point of this process's monotonic clock, and how fast they are."""

    at: float
    workers: tuple[WorkerRecord, ...]
    speeds: Mapping[str, float]


class AerqSimulator(AerSimulator):  # type: ignore[misc]
    """Qiskit Aer's `AerSimulator` on Celery workers.

    A true subclass: transpiling, targets, `from_backend`, options and both families of primitives work as with
    Aer's. Each experiment becomes one Celery task unless `max_job_size` says otherwise.

    Args:
        configuration: as Aer's.
        properties: as Aer's.
        provider: as Aer's.
        target: as Aer's.
        settings: broker and store; without them those of `AERQ_*`, of a running `aerq up`, or of a cluster that is
            started for the life of this process at the first use.
        **backend_options: Aer's options, and those of ours: `max_job_size` (experiments per task: an int, `None` for
            all in one, `"auto"` for tasks of about equal cost; default 1), `max_shot_size`, `job_tags`,
            `time_limit_seconds`, `executor`.
    """

    def __init__(
        self,
        configuration: Any = None,
        properties: Any = None,
        provider: Any = None,
        target: Any = None,
        *,
        settings: Settings | None = None,
        **backend_options: Any,
    ) -> None:
        # Aer's constructor asks for configuration() before it is done.
        self._celery_executor = CeleryExecutor(settings)
        self._seen: _Seen | None = None
        self._constructed = False
        super().__init__(configuration, properties, provider, target, **backend_options)
        self._constructed = True

    @classmethod
    def _default_options(cls) -> Options:
        options = super()._default_options()
        options.update_options(max_job_size=1, job_tags=None, time_limit_seconds=None, independent_streams=False)
        return options

    def set_option(self, key: str, value: Any) -> None:
        """Sets one backend option, as Aer's; `max_job_size=None` means all experiments in one task."""
        if key == "max_job_size" and value is None:
            self._options.update_options(max_job_size=None)  # Aer takes None for "the default", which is 1 here
            return
        super().set_option(key, value)

    @property
    def settings(self) -> Settings:
        """The settings in force; the first look may start a local cluster."""
        return self._celery_executor.settings

    @property
    def celery_executor(self) -> CeleryExecutor:
        """The executor that sends this backend's jobs to Celery workers."""
        return self._celery_executor

    def run(
        self,
        circuits: QuantumCircuit | Iterable[QuantumCircuit],
        parameter_binds: list[dict[Any, Any]] | None = None,
        **run_options: Any,
    ) -> AerJob | AerJobSet:
        """Runs circuits on the workers and returns at once.

        Args:
            circuits: one circuit, or several.
            parameter_binds: for each circuit a dictionary of lists of values by parameter, as Aer takes them.
            **run_options: options for this run; they win over the backend's and do not change them.

        Returns:
            An `AerJob` if it is one task, else an `AerJobSet`.

        Raises:
            QobjValidationError: if something in it cannot run as it would locally; nothing was sent.
            UnavailableError: if broker or store do not answer.
        """
        circuit_list = circuits_of(circuits)
        options = resolve_options(self.options, run_options)
        basis_gates = super().configuration().basis_gates if self._target is not None else None
        validate_circuits(circuit_list, parameter_binds, options, basis_gates=basis_gates)
        executor = options.executor if options.executor is not None else self._celery_executor
        remote = isinstance(executor, CeleryExecutor)
        if not remote:
            refuse_time_limit(options.time_limit_seconds)
        alone = len(circuit_list) == 1 and not parameter_binds and options.max_shot_size is None
        workers = self.workers() if remote and not alone else ()
        slots = sum(worker.slots for worker in workers) or None
        job_id = str(uuid.uuid4())
        qobjs = split_job(
            circuit_list,
            parameter_binds,
            options,
            job_id=job_id,
            backend_name=self.name,
            # Aer's own: the workers are asked for the number of qubits only, and an executor of the user's has none.
            backend_version=super().configuration().backend_version,
            slots=slots,
            speeds=self._look().speeds if remote and options.max_job_size == "auto" else None,
            largest_slot_mb=(lambda fresh: self._largest_slot_mb(executor, fresh=fresh)) if remote else None,
            # The wire is a snapshot already; an executor in this process would see later changes of the circuits.
            snapshot=not remote,
        )
        submission = Submission(
            tags=tuple(options.job_tags),
            as_set=len(qobjs) > 1,
            time_limit_seconds=options.time_limit_seconds,
            slots=slots,
        )
        job: AerJob | AerJobSet
        if len(qobjs) == 1:
            job = AerJob(self, job_id, run_qobj, qobjs[0], executor=executor, submission=submission)
        else:
            job = AerJobSet(self, job_id, run_qobj, qobjs, executor=executor, submission=submission)
        job.submit()
        return job

    def workers(self) -> tuple[WorkerRecord, ...]:
        """The workers that are alive; asked anew every few seconds.

        Raises:
            UnavailableError: if the store does not answer.
        """
        return self._look().workers

    def _look(self) -> _Seen:
        now, seen, executor = time.monotonic(), self._seen, self._celery_executor
        if seen is None or now - seen.at > _FRESH_SECONDS:
            speeds = read_speeds(executor.records, executor.settings)
            seen = self._seen = _Seen(now, workers_of(executor), speeds)
        return seen

    def _largest_slot_mb(self, executor: CeleryExecutor, *, fresh: bool) -> int | None:
        """MiB of the largest slot that an executor's jobs can get, or None while no worker is up to say."""
        if executor is self._celery_executor:
            if fresh:
                self._seen = None
            workers = self.workers()
        else:
            workers = workers_of(executor)
        return max((worker.memory_mb for worker in workers), default=None)

    def slot_memory_mb(self) -> int:
        """MiB that the largest slot's kernel may use; 16 GiB while no worker is up to say."""
        return max((worker.memory_mb for worker in self.workers()), default=_UNKNOWN_SLOT_MB)

    def configuration(self) -> Any:
        """Aer's configuration, with as many qubits as the workers can hold, whatever this machine has."""
        configuration = super().configuration()
        if self._constructed and self._target is None and configuration.coupling_map is None:
            configuration.n_qubits = self._qubits_of_workers(getattr(self.options, "method", "automatic"))
        return configuration

    def _qubits_of_workers(self, method: str | None) -> int:
        """As `AerSimulator._set_method_config`, from the workers' memory."""
        explicit = self._options_configuration.get("n_qubits")
        if method in ("matrix_product_state", "extended_stabilizer", "stabilizer") and explicit is not None:
            return int(explicit)
        qubits = qubits_in(self.slot_memory_mb(), method)
        return qubits_in(self.slot_memory_mb(), None) or 0 if qubits is None else qubits

    def __getstate__(self) -> dict[str, Any]:
        """What was seen of the workers stays behind; a copy asks anew."""
        return {**self.__dict__, "_seen": None}
