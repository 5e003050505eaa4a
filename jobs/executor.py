"""The executor that sends experiments to Celery workers, and its futures.

An executor is anything with `submit(fn, *args)`. Jobs hand theirs the function `run_qobj` and get Aer's raw output
back, be it from a thread, a process, a Dask cluster or, with this executor, from a Celery worker.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from celery import Celery, Task
from celery.canvas import Signature
from celery.result import AsyncResult
from kombu.exceptions import KombuError
from qiskit.providers import JobStatus

from ..config.celery import create_app
from ..config.errors import UnavailableError
from ..config.local.shared import resolve_settings
from ..config.queues import CANCEL_COMMAND, RUN_BASIC, RUN_EXPERIMENTS
from ..config.settings import Settings
from ..config.urls import masked
from ..tasks.kernel import run_qobj
from ..tasks.message import task_id
from ..tasks.qobj import Qobj, QobjExperiment
from ..tasks.records.job import JobRecord
from ..tasks.records.states import TaskState
from ..tasks.records.store import Completion, Records
from ..tasks.versions import versions
from ..tasks.wire.envelope import Kind, seal, unseal
from ..tasks.wire.errors import DecodingError, EncodingError
from ..tasks.wire.payload import QobjDecoder, QobjEncoder, decode_metadata, encode_metadata
from ..tasks.wire.results import decode_output
from .completions import CompletionLog
from .deadline import Deadline
from .errors import JobCancelledError, JobError, JobTimeoutError, NoSuchJobError, QobjValidationError
from .status import TASK_STATUS

logger = logging.getLogger(__name__)

_MEBIBYTE = 1024 * 1024
#: Results fetched in one read: enough to hide the round trip, few enough to bound the memory.
_FETCH = 200
#: Messages sent to the broker in one go.
_BATCH_MESSAGES = 500


class Executor(Protocol):
    """What a job needs of an executor: `concurrent.futures.Executor` and Dask's `Client` have it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:
        """Runs `fn(*args)` somewhere and returns a future."""


@dataclass(frozen=True)
class Submission:
    """What the record of a job keeps beside the Qobjs.

    Attributes:
        tags: the user's tags.
        as_set: whether the user holds an `AerJobSet`.
        kind: which kernel: `aer` or `basic`.
        time_limit_seconds: time limit of each task, or None.
    """

    tags: tuple[str, ...] = ()
    as_set: bool = False
    kind: str = "aer"
    time_limit_seconds: float | None = None


class CeleryExecutor:
    """Sends Qobjs to Celery workers.

    Args:
        settings: broker and store; without them those of the environment, of a running `aerq up`, or of a cluster
            that is started for the life of this process.

    Raises:
        SettingsError: if a setting cannot be used.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._given = settings
        self._resolved: Settings | None = None
        self._opened_app: Celery | None = None
        self._opened_records: Records | None = None
        self._lock = threading.RLock()

    #: The one function that it sends to workers.
    FUNCTION = staticmethod(run_qobj)

    def __getstate__(self) -> dict[str, Any]:
        """Connections stay in their process; a copy opens its own."""
        return {"_given": self._given, "_resolved": self._resolved}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begins without connections."""
        self.__init__(state["_given"])  # type: ignore[misc]
        self._resolved = state["_resolved"]

    def __repr__(self) -> str:
        where = self._resolved or self._given
        return f"CeleryExecutor({masked(where.broker_url or '') if where else ''!r})"

    @property
    def settings(self) -> Settings:
        """The settings in force; the first look may start a local cluster."""
        with self._lock:
            if self._resolved is None:
                self._resolved = resolve_settings(self._given)
            return self._resolved

    @property
    def app(self) -> Celery:
        """The Celery application."""
        with self._lock:
            if self._opened_app is None:
                self._opened_app = create_app(self.settings)
            return self._opened_app

    @property
    def records(self) -> Records:
        """The job records."""
        with self._lock:
            if self._opened_records is None:
                self._opened_records = Records(self.settings)
            return self._opened_records

    def submit(self, fn: Callable[..., Any] | Task | Signature, /, *args: Any) -> Any:
        """Submits one Qobj, or calls a Celery task.

        Args:
            fn: `run_qobj`, with a Qobj and a job id as arguments; or a Celery task or signature of yours.
            *args: its arguments.

        Returns:
            A `CeleryFuture`, or the `AsyncResult` of a Celery task.

        Raises:
            QobjValidationError: if it is another function: code does not travel.
        """
        if isinstance(fn, Signature):
            return fn.apply_async(args)
        if isinstance(fn, Task):
            return fn.apply_async(args)
        if fn is not run_qobj or not args or not isinstance(args[0], Qobj):
            name = getattr(fn, "__qualname__", repr(fn))
            raise QobjValidationError(
                f"CeleryExecutor cannot send the function {name!r}: workers run no code that arrives by message; "
                "submit aerq.tasks.kernel.run_qobj with a Qobj, or a Celery task"
            )
        job_id = str(args[1]) if len(args) > 1 else str(uuid.uuid4())
        return self.submit_job([args[0]], job_id, Submission())[0]

    def submit_job(self, qobjs: Sequence[Qobj], job_id: str, submission: Submission) -> list[CeleryFuture]:
        """Submits all tasks of a job: one transaction in the store, one batch of messages.

        Raises:
            QobjValidationError: if something cannot travel; nothing was sent.
            JobError: if a job of this id was submitted before.
            UnavailableError: if broker or store do not answer.
        """
        limit = self.settings.max_payload_mb * _MEBIBYTE
        encoder = QobjEncoder(limit)
        seconds = self._time_limit(submission.time_limit_seconds)
        try:
            messages = tuple(encoder.encode(qobj, job_id, index) for index, qobj in enumerate(qobjs))
            plain = encode_metadata(experiment_metadata(qobjs))
            metadata = b"" if plain is None else seal(Kind.METADATA, plain, limit=limit).data
        except EncodingError as error:
            raise QobjValidationError(str(error)) from error
        header = qobjs[0].header
        record = JobRecord(
            job_id=job_id,
            backend_name=header.backend_name,
            backend_version=header.backend_version,
            names=tuple(experiment_names(qobjs)),
            circuits=tuple(experiment_circuits(qobjs)),
            tags=submission.tags,
            messages=messages,
            kind=submission.kind,
            as_set=submission.as_set,
            aerq=versions()["aerq"],
            time_limit_seconds=seconds,
        )
        if self.records.create(record, encoder.payloads, metadata) is None:
            raise JobError(f"a job with the id {job_id} was submitted before; job ids are used once")
        try:
            self._publish(record, qobjs)
        except BaseException:
            # A worker that gets one of the messages finds no job and drops it; the caller is told that nothing was
            # submitted, and may submit again under the same id.
            with contextlib.suppress(UnavailableError):
                self.records.delete(record)
            raise
        return self.attach(record)

    def _time_limit(self, asked: float | None) -> float | None:
        """The time limit of a job's tasks in seconds: what was asked for, within the operator's settings.

        Raises:
            QobjValidationError: if more was asked for than the settings allow.
        """
        longest = self.settings.max_time_limit_seconds
        if asked is None:
            return self.settings.default_time_limit_seconds or longest
        if longest is not None and asked > longest:
            raise QobjValidationError(
                f"time_limit_seconds={asked:g} is more than the {longest:g} seconds that AERQ_MAX_TIME_LIMIT_SECONDS "
                "allows"
            )
        return asked

    def _publish(self, record: JobRecord, qobjs: Sequence[Qobj]) -> None:
        name = RUN_EXPERIMENTS if record.kind == "aer" else RUN_BASIC
        limit = record.time_limit_seconds
        try:
            with self.app.producer_or_acquire() as producer, producer.batch(max_size=_BATCH_MESSAGES):
                for message, qobj in zip(record.messages, qobjs, strict=True):
                    self.app.send_task(
                        name,
                        kwargs=message.to_kwargs(),
                        task_id=message.task_id,
                        producer=producer,
                        queue=self.settings.queue,
                        argsrepr="()",
                        kwargsrepr=shown(qobj),
                        time_limit=limit,
                        retry=False,
                        ignore_result=False,
                    )
        except (KombuError, OSError) as error:
            where = masked(self.settings.broker_url or "")
            raise UnavailableError(
                f"the broker at {where} does not answer; check AERQ_BROKER_URL and that the server runs"
            ) from error

    def cancel(self, job_id: str, indexes: Sequence[int] = ()) -> int:
        """Cancels a job's tasks that have not ended; those that run are killed.

        Args:
            job_id: the job.
            indexes: only these tasks, or none for all.

        Returns:
            How many tasks were cancelled now.

        Raises:
            NoSuchJobError: if there is no such job.
            UnavailableError: if the store does not answer; nothing was cancelled then.
        """
        cancelled = self.records.cancel(job_id, indexes)
        if cancelled is None:
            raise NoSuchJobError(f"no such job: {job_id}")
        # Said again even if nothing was left to cancel: the first time it may not have come through.
        arguments = {"job": job_id, "indexes": list(indexes) or None}
        try:
            self.app.control.broadcast(CANCEL_COMMAND, arguments=arguments, reply=False)
        except (KombuError, OSError):
            # The records are cancelled, so nothing starts; workers see it at their next heartbeat.
            logger.warning("job %s is cancelled; the broker could not be told", job_id)
        return cancelled

    def outputs(self, record_or_id: str, completions: Mapping[int, Completion]) -> dict[int, dict[str, Any]]:
        """Fetches and decodes the raw outputs of ended tasks, in bulk.

        Args:
            record_or_id: the job's id.
            completions: the tasks that ended with a result.

        Returns:
            Aer's raw output by task.

        Raises:
            JobError: if a result has expired.
        """
        limit = self.settings.max_result_mb * _MEBIBYTE
        outputs: dict[int, dict[str, Any]] = {}
        indexes = list(completions)
        for first in range(0, len(indexes), _FETCH):
            some = indexes[first : first + _FETCH]
            found = self.records.results(record_or_id, {index: completions[index] for index in some})
            for index in some:
                if index not in found:
                    raise JobError(
                        f"the result of task {index} of job {record_or_id} is no longer in the store; it expired "
                        "(AERQ_RESULT_TTL_SECONDS) or was deleted, so the job has to run again"
                    )
                try:
                    outputs[index] = decode_output(found.pop(index), limit=limit)
                except DecodingError as error:
                    raise JobError(
                        f"the result of task {index} of job {record_or_id} cannot be read: {error}"
                    ) from error
        return outputs

    def qobj(self, job_id: str, index: int) -> Qobj:
        """Reads what a task carries from the store, as a worker does.

        Raises:
            NoSuchJobError: if there is no such job.
            JobError: if its payload is no longer in the store.
        """
        record = self.records.record(job_id)
        if record is None or index >= len(record.messages):
            raise NoSuchJobError(f"no such job: {job_id}")
        decoder = QobjDecoder(self.settings.max_payload_mb * _MEBIBYTE, self.records.payloads)
        try:
            return decoder.decode(record.messages[index])
        except DecodingError as error:
            raise JobError(f"the circuits of job {job_id} cannot be read: {error}") from error

    def attach(self, record: JobRecord) -> list[CeleryFuture]:
        """The futures of a job that this or another process has submitted."""
        log = CompletionLog(self.records, record.job_id)
        return [CeleryFuture(self, record.job_id, index, log) for index in range(len(record.messages))]

    def metadata(self, record: JobRecord) -> list[Any]:
        """The metadata of a job's circuits as plain data."""
        data = self.records.metadata(record.job_id)
        if data is None:
            return [{} for _ in record.names]
        limit = self.settings.max_payload_mb * _MEBIBYTE
        try:
            return decode_metadata(unseal(data, None, Kind.METADATA, limit=limit))
        except DecodingError as error:
            raise JobError(f"the metadata of job {record.job_id} cannot be read: {error}") from error

    def shutdown(self, wait: bool = True) -> None:
        """Closes this executor's connections; jobs run on."""
        if self._opened_records is not None:
            self._opened_records.close()
            self._opened_records = None
        if self._opened_app is not None:
            self._opened_app.close()
            self._opened_app = None


class CeleryFuture:
    """One task, as a future: `concurrent.futures.Future`'s methods on a task's record.

    Args:
        executor: the executor that sent it.
        job_id: the job.
        index: the task's number in the job.
        log: the job's completions.
    """

    def __init__(self, executor: CeleryExecutor, job_id: str, index: int, log: CompletionLog) -> None:
        self._executor = executor
        self._log = log
        #: The job.
        self.job_id = job_id
        #: The task's number in the job.
        self.index = index

    def __repr__(self) -> str:
        return f"<CeleryFuture {self.task_id}>"

    @property
    def executor(self) -> CeleryExecutor:
        """The executor that sent the task."""
        return self._executor

    @property
    def log(self) -> CompletionLog:
        """The job's completions."""
        return self._log

    @property
    def task_id(self) -> str:
        """The Celery task's id."""
        return task_id(self.job_id, self.index)

    def async_result(self) -> AsyncResult:
        """Celery's `AsyncResult` of the task."""
        return AsyncResult(self.task_id, app=self._executor.app)

    def state(self) -> TaskState:
        """Where the task stands.

        Raises:
            NoSuchJobError: if the job was deleted or has expired.
            UnavailableError: if the store does not answer.
        """
        ended = self._log.ended().get(self.index)
        if ended is not None:
            return ended.state
        state = self._executor.records.task(self.job_id, self.index).state
        if state is TaskState.QUEUED and self._executor.records.counts([self.job_id])[0] is None:
            raise NoSuchJobError(f"no such job: {self.job_id}")
        return state

    def job_status(self) -> JobStatus:
        """The task's status in Qiskit's words."""
        return TASK_STATUS[self.state()]

    def running(self) -> bool:
        """Whether a worker runs it."""
        return self.state() is TaskState.RUNNING

    def cancelled(self) -> bool:
        """Whether it was cancelled before it ended."""
        return self.state() is TaskState.CANCELLED

    def done(self) -> bool:
        """Whether it has ended, however."""
        return self.state().final

    def cancel(self) -> bool:
        """Cancels it; returns whether that came before its end."""
        return self._executor.cancel(self.job_id, [self.index]) > 0

    def wait(self, deadline: Deadline) -> bool:
        """Waits for its end; returns whether that came before the deadline."""
        return self._log.wait(lambda ended: self.index in ended, deadline)

    def result(self, timeout: float | None = None) -> dict[str, Any]:
        """Aer's raw output.

        Raises:
            JobTimeoutError: if it has not ended in time.
            JobCancelledError: if it was cancelled.
            JobError: if it failed; the text is the worker's reason.
        """
        if not self.wait(Deadline.after(timeout)):
            raise JobTimeoutError(f"task {self.index} of job {self.job_id} has not ended within {timeout} seconds")
        ended = self._log.ended()[self.index]
        if not ended.state.has_result:
            raise self.failure(ended)
        return self._executor.outputs(self.job_id, {self.index: ended})[self.index]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What `result` would raise, or None."""
        if not self.wait(Deadline.after(timeout)):
            raise JobTimeoutError(f"task {self.index} of job {self.job_id} has not ended within {timeout} seconds")
        ended = self._log.ended()[self.index]
        if ended.state is TaskState.CANCELLED:
            raise self.failure(ended)
        return None if ended.state.has_result else self.failure(ended)

    def failure(self, ended: Completion) -> JobError:
        """The error of a task that ended without a result."""
        if ended.state is TaskState.CANCELLED:
            return JobCancelledError(f"task {self.index} of job {self.job_id} was cancelled before it ended")
        reason = self._executor.records.task(self.job_id, self.index).reason or "the worker gave no reason"
        return JobError(f"task {self.index} of job {self.job_id} failed: {reason}")


def experiment_names(qobjs: Sequence[Qobj]) -> list[str]:
    """The name of each experiment's circuit, in the order of the job."""
    return [experiment.circuit.name for experiment in _experiments(qobjs)]


def experiment_circuits(qobjs: Sequence[Qobj]) -> list[int]:
    """The place of each experiment's circuit in the list given to `run()`, in the order of the job."""
    return [experiment.circuit_index for experiment in _experiments(qobjs)]


def experiment_metadata(qobjs: Sequence[Qobj]) -> list[Any]:
    """The metadata object of each experiment's circuit, in the order of the job; the objects themselves."""
    return [experiment.circuit.metadata for experiment in _experiments(qobjs)]


def _experiments(qobjs: Sequence[Qobj]) -> list[QobjExperiment]:
    """One entry for each experiment of the job; each binding is one, and shots spread over tasks are still one."""
    found = []
    for qobj in qobjs:
        if qobj.header.shot_offset == 0:
            found += [experiment for experiment in qobj.experiments for _ in range(len(experiment))]
    return found


def shown(qobj: Qobj) -> str:
    """What Flower and the workers' logs show of a task: circuit, qubits and shots, never a payload."""
    circuits = [experiment.circuit for experiment in qobj.experiments]
    names = ", ".join(circuit.name for circuit in circuits[:3])
    if len(circuits) > 3:
        names += f" and {len(circuits) - 3} more"
    qubits = max(circuit.num_qubits for circuit in circuits)
    text = f"circuit={names} qubits={qubits} shots={qobj.config.shots}"
    return text if len(qobj) == 1 else f"{text} experiments={len(qobj)}"
