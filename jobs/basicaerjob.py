"""`BasicAerJob`: a job of Qiskit's own simulator (seed page BasicAerJob)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qiskit.result import Result

from ..tasks.basickernel import run_basic_qobj
from .aerjob import AerJob
from .submission import Submission


class BasicAerJob(AerJob):
    """A job of one task on Qiskit's `BasicSimulator`.

    One task, however many circuits: `BasicSimulator` draws the outcomes of all of them from one stream.

    Args:
        backend: the backend used to run the job.
        job_id: a unique id in the context of the backend.
        fn: a callable `(qobj, job_id) -> Result` that the executor runs; `aerq.tasks.basickernel.run_basic_qobj` is
            what `CeleryExecutor` sends to workers.
        qobj: what to execute.
        executor: anything with `submit(fn, *args)`; by default `CeleryExecutor()`.
        submission: what the job's record keeps beside the circuits.
        metadata_objects: the metadata object of each circuit; by default its own.
        **metadata: any further values to keep in `metadata`.
    """

    def __init__(
        self,
        backend: Any,
        job_id: str,
        fn: Callable[..., Any],
        qobj: Any,
        executor: Any = None,
        *,
        submission: Submission | None = None,
        metadata_objects: Sequence[Any] | None = None,
        **metadata: Any,
    ) -> None:
        super().__init__(
            backend,
            job_id,
            fn,
            qobj,
            executor=executor,
            submission=submission,
            metadata_objects=metadata_objects,
            **metadata,
        )

    def _to_result(self, value: Any) -> Result:
        """A `Result` from whatever `fn` gave: the kernel's plain data from ours, a `Result` from a user's own."""
        if self._fn is not run_basic_qobj or not isinstance(value, dict):
            return super()._to_result(value)
        objects = self._metadata_objects or [{} for _ in value["results"]]
        results = [
            {**result, "header": {**result["header"], "metadata": {} if metadata is None else metadata}}
            for result, metadata in zip(value["results"], objects, strict=True)
        ]
        return Result.from_dict({**value, "job_id": self.job_id(), "results": results})
