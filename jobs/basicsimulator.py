"""`AerqBasicSimulator`: Qiskit's `BasicSimulator`, of which every `run()` happens on a Celery worker."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.options import Options

from ..config.settings import Settings
from ..tasks.basickernel import run_basic_qobj
from ..tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader
from .basicaerjob import BasicAerJob
from .basicoptions import OWN_OPTIONS, resolve_basic_options, validate_basic_circuits
from .executor import CeleryExecutor
from .option_values import refuse_time_limit
from .split import snapshot_of
from .submission import Submission
from .validate import circuits_of


class AerqBasicSimulator(BasicSimulator):  # type: ignore[misc]
    """Qiskit's `BasicSimulator` on Celery workers: the backend `basic_simulator` of `AerqProvider`.

    A true subclass, so transpiling, target and options work as with Qiskit's.

    Args:
        provider: as `BasicSimulator`'s.
        target: as `BasicSimulator`'s.
        settings: broker and store; without them as `AerqSimulator` finds them.
        **fields: `BasicSimulator`'s options, and those of ours: `executor`, `job_tags`, `time_limit_seconds`.
    """

    def __init__(
        self, provider: Any = None, target: Any = None, *, settings: Settings | None = None, **fields: Any
    ) -> None:
        self._celery_executor = CeleryExecutor(settings)
        super().__init__(provider=provider, target=target, **fields)

    @classmethod
    def _default_options(cls) -> Options:
        options = super()._default_options()
        options.update_options(**dict.fromkeys(OWN_OPTIONS))
        return options

    @property
    def settings(self) -> Settings:
        """The settings in force; the first look may start a local cluster."""
        return self._celery_executor.settings

    @property
    def celery_executor(self) -> CeleryExecutor:
        """The executor that sends this backend's jobs to Celery workers."""
        return self._celery_executor

    def run(self, run_input: QuantumCircuit | Iterable[QuantumCircuit], **run_options: Any) -> BasicAerJob:
        """Runs circuits on a worker and returns at once.

        Args:
            run_input: one circuit, or several; together they are one task.
            **run_options: options for this run; they win over the backend's and do not change them.

        Returns:
            The job.

        Raises:
            QobjValidationError: if something in it cannot run as it would locally; nothing was sent.
            UnavailableError: if broker or store do not answer.
        """
        circuits = circuits_of(run_input)
        options = resolve_basic_options(self.options, run_options)
        validate_basic_circuits(circuits, options)
        executor = options.executor if options.executor is not None else self._celery_executor
        if not isinstance(executor, CeleryExecutor):
            refuse_time_limit(options.time_limit_seconds)
            # One in this process would see later changes of the circuits.
            copies = {id(circuit): snapshot_of(circuit) for circuit in circuits}
            circuits = [copies[id(circuit)] for circuit in circuits]
        job_id = str(uuid.uuid4())
        qobj = Qobj(
            job_id,
            QobjHeader(backend_name=self.name, backend_version=self.backend_version),
            QobjConfig(options.shots, options.seed_simulator, options.kernel),
            tuple(QobjExperiment(circuit, circuit_index=index) for index, circuit in enumerate(circuits)),
        )
        submission = Submission(tags=options.job_tags, kind="basic", time_limit_seconds=options.time_limit_seconds)
        job = BasicAerJob(self, job_id, run_basic_qobj, qobj, executor=executor, submission=submission)
        job.submit()
        return job
