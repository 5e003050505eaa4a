"""`BasicAerJob`: a job of Qiskit's own simulator (seed page BasicAerJob)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qiskit.result import Result

from .aerjob import AerJob
from .executor import CeleryExecutor
from .layout import Layout
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
        layout: which circuits it runs; by default those of `qobj`.
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
        layout: Layout | None = None,
        **metadata: Any,
    ) -> None:
        super().__init__(
            backend,
            job_id,
            fn,
            qobj,
            executor=executor,
            submission=submission,
            layout=layout,
            **metadata,
        )

    def _to_result(self, value: Any) -> Any:
        """A `Result` from the kernel's plain data; what a user's own function gave stays as it is."""
        if CeleryExecutor.kind_of(self._fn) != "basic" or not isinstance(value, dict):
            return super()._to_result(value)
        results = [
            {**result, "header": {**result["header"], "metadata": {} if metadata is None else metadata}}
            for result, metadata in zip(value["results"], self._layout.metadata, strict=True)
        ]
        return Result.from_dict({**value, "job_id": self.job_id(), "results": results})
