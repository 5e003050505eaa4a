"""The executor that sends experiments to Celery workers.

An executor is anything with `submit(fn, *args)`. Jobs hand theirs the function `run_qobj` and get Aer's raw output
back, be it from a thread, a process, a Dask cluster or, with this executor, from a Celery worker.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import uuid
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from celery import Celery, Task
from celery.canvas import Signature
from kombu.exceptions import EncodeError, KombuError

from ..config.celery import create_app
from ..config.errors import UnavailableError
from ..config.local.shared import resolve_settings
from ..config.queues import CANCEL_COMMAND, RUN_BASIC, RUN_EXPERIMENTS
from ..config.settings import Settings
from ..config.urls import masked
from ..tasks.basickernel import run_basic_qobj
from ..tasks.kernel import run_qobj
from ..tasks.publishing import publish_tasks
from ..tasks.qobj import Qobj
from ..tasks.records.bulk import read_records, read_states
from ..tasks.records.job import JobRecord, perhaps_submitted
from ..tasks.records.states import TaskState
from ..tasks.records.store import Completion, Records
from ..tasks.wire.envelope import Kind, unseal
from ..tasks.wire.errors import DecodingError
from ..tasks.wire.metadata import decode_metadata
from ..tasks.wire.payload import QobjDecoder
from .errors import JobError, NoSuchJobError, QobjValidationError
from .layout import Layout
from .outputs import fetch_outputs
from .submission import Submission, prepare_job
from .taskset import CeleryTasks

logger = logging.getLogger(__name__)

_MEBIBYTE = 1024 * 1024
#: The kind of job behind each Celery task of the workers.
_KINDS_BY_TASK = {RUN_EXPERIMENTS: "aer", RUN_BASIC: "basic"}


class Executor(Protocol):
    """What a job needs of an executor: `concurrent.futures.Executor` and Dask's `Client` have it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:
        """Runs `fn(*args)` somewhere and returns a future."""


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

    #: What it sends to workers unless it is told otherwise.
    FUNCTION = staticmethod(run_qobj)
    #: The kind of job that each function makes which workers run.
    KINDS: ClassVar[Mapping[Any, str]] = MappingProxyType({run_qobj: "aer", run_basic_qobj: "basic"})

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

    def require_cluster(self) -> None:
        """Finds the settings of a cluster that is there already, and starts none.

        Raises:
            SettingsError: if there is none.
        """
        with self._lock:
            if self._resolved is None:
                self._resolved = resolve_settings(self._given, start=False)

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
            fn: `run_qobj` or `run_basic_qobj`, with a Qobj and a job id as arguments; or a Celery task or signature of
                yours.
            *args: its arguments.

        Returns:
            A `CeleryFuture`, or the `AsyncResult` of a Celery task.

        Raises:
            QobjValidationError: if it is another function: code does not travel.
        """
        kind = self.kind_of(fn)
        if kind is not None and args and isinstance(args[0], Qobj):
            refuse_arguments(args[2:])
            job_id = str(args[1]) if len(args) > 1 else str(uuid.uuid4())
            self.submit_job([args[0]], job_id, Submission(kind=kind))
            return self.tasks(job_id, Layout.of([args[0]])).future(0)
        if isinstance(fn, Signature | Task):
            return self._call_task(fn, args)
        name = getattr(fn, "__qualname__", repr(fn))
        if kind is not None:
            given = f"a {type(args[0]).__name__}" if args else "nothing"
            raise QobjValidationError(
                f"{name} takes a Qobj and was given {given}; run circuits with backend.run(circuits), whose jobs give "
                "their Qobj with qobj()"
            )
        if not callable(fn):
            raise QobjValidationError(
                f"fn is {fn!r} and no function; submit aerq.tasks.kernel.run_qobj with a Qobj, or a Celery task"
            )
        raise QobjValidationError(
            f"CeleryExecutor cannot send the function {name!r}: workers run no code that arrives by message; "
            "submit aerq.tasks.kernel.run_qobj with a Qobj, or a Celery task"
        )

    @classmethod
    def kind_of(cls, fn: object) -> str | None:
        """The kind of job that a function makes on Celery workers, or None if they do not run it.

        Args:
            fn: a function of aerq's, or the Celery task that the workers have for it.
        """
        if isinstance(fn, Signature | Task):
            return _KINDS_BY_TASK.get(fn.task if isinstance(fn, Signature) else fn.name)
        return cls.KINDS.get(fn) if isinstance(fn, Hashable) else None

    def _call_task(self, fn: Task | Signature, args: Sequence[Any]) -> Any:
        try:
            return fn.apply_async(tuple(args))
        except (EncodeError, TypeError) as error:
            name = fn.task if isinstance(fn, Signature) else fn.name
            raise QobjValidationError(f"the arguments of the Celery task {name} cannot travel: {error}") from error
        except (KombuError, OSError) as error:
            raise UnavailableError(
                "the broker of the Celery task does not answer; check that its server runs"
            ) from error

    def submit_job(self, qobjs: Sequence[Qobj], job_id: str, submission: Submission) -> None:
        """Submits all tasks of a job: one transaction in the store, one batch of messages.

        Raises:
            QobjValidationError: if something cannot travel; nothing was sent.
            JobError: if a job of this id was submitted before.
            UnavailableError: if broker or store do not answer. Nothing is submitted then, unless the error says that
                this is not known: the store, too, did not answer any more.
        """
        job = prepare_job(qobjs, job_id, submission, self.settings)
        if self.records.create(job.record, job.payloads, job.metadata) is None:
            raise JobError(f"a job with the id {job_id} was submitted before; job ids are used once")
        try:
            publish_tasks(self.app, self.settings, job.record)
        except BaseException as error:
            # A worker that gets one of the messages finds no job and drops it; the caller is told that nothing was
            # submitted, and may submit again under the same id.
            try:
                with contextlib.suppress(NoSuchJobError):
                    # What runs would run to its end for nobody. A broker that failed cannot be asked to stop it.
                    self.records.cancel(job_id) if isinstance(error, UnavailableError) else self.cancel(job_id)
                self.records.delete(job.record)
            except UnavailableError:
                if isinstance(error, UnavailableError):
                    raise perhaps_submitted(error, job_id) from error
            raise

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

    def outputs(self, job_id: str, completions: Mapping[int, Completion]) -> dict[int, dict[str, Any]]:
        """Fetches and decodes the raw outputs of ended tasks, in bulk.

        Args:
            job_id: the job.
            completions: the tasks that ended with a result.

        Returns:
            Aer's raw output by task.

        Raises:
            JobError: if a result has expired or cannot be read.
        """
        return fetch_outputs(self.records, self.settings, job_id, completions)

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
            return decoder.decode(record.messages[index]).with_quantum_circuits()
        except DecodingError as error:
            raise JobError(f"the circuits of job {job_id} cannot be read: {error}") from error

    def tasks(self, job_id: str, layout: Layout) -> CeleryTasks:
        """The tasks of a job that this or another process has submitted."""
        return CeleryTasks(self, job_id, layout)

    def read_records(self, job_ids: Sequence[str]) -> list[tuple[bytes | None, bytes | None]]:
        """The packed record and the sealed metadata of several jobs, in one round trip; None for what is not there."""
        return read_records(self.records, self.settings, job_ids)

    def read_states(self, job_id: str) -> dict[int, TaskState]:
        """Where the tasks of a job stand; those that nobody has touched yet are left out."""
        return read_states(self.records, self.settings, job_id)

    def metadata(self, record: JobRecord, sealed: bytes | None) -> list[Any]:
        """The metadata of a job's circuits as plain data.

        Raises:
            JobError: if it cannot be read.
        """
        if not sealed:
            return [{} for _ in record.names]
        limit = self.settings.max_payload_mb * _MEBIBYTE
        try:
            return decode_metadata(unseal(sealed, None, Kind.METADATA, limit=limit))
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


def default_executor(backend: Any) -> Any:
    """The executor of a job that was given none: its backend's, or one by the environment."""
    found = getattr(backend, "celery_executor", None)
    return found if isinstance(found, CeleryExecutor) else CeleryExecutor()


def refuse_arguments(further: Sequence[Any]) -> None:
    """Refuses arguments after the Qobj and the job's id: the kernels of the workers take none.

    Raises:
        QobjValidationError: if there are some.
    """
    if further:
        raise QobjValidationError(
            f"{len(further)} further arguments for the function cannot be sent: the kernel on the workers takes a Qobj "
            "and a job id; put options into the Qobj's config"
        )
