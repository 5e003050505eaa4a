"""`BasicAerJob`: a job of Qiskit's own simulator (seed page BasicAerJob)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .aerjob import AerJob


class BasicAerJob(AerJob):
    """A job of one task on Qiskit's `BasicSimulator`.

    Args:
        backend: the backend used to run the job.
        job_id: a unique id in the context of the backend.
        fn: a callable `(qobj, job_id) -> Result` that the executor runs.
        qobj: what to execute.
        executor: anything with `submit(fn, *args)`; by default `CeleryExecutor()`.
        **metadata: any further values to keep in `metadata`.
    """

    def __init__(
        self, backend: Any, job_id: str, fn: Callable[..., Any], qobj: Any, executor: Any = None, **metadata: Any
    ) -> None:
        super().__init__(backend, job_id, fn, qobj, executor=executor, **metadata)
