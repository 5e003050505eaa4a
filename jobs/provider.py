"""`AerqProvider`: the backends, and every job that was submitted, from any process."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Literal, overload

from qiskit.providers import JobStatus
from qiskit_aer import AerSimulator

from ..config.settings import Settings
from ..tasks.basickernel import run_basic_qobj
from ..tasks.message import parse_task_id
from ..tasks.records.job import JobRecord
from ..tasks.wire.errors import DecodingError
from .aerjob import AerJob
from .aerjobset import AerJobSet
from .basicaerjob import BasicAerJob
from .basicsimulator import AerqBasicSimulator
from .errors import JobError, NoSuchJobError
from .executor import CeleryExecutor
from .jobfilter import JobFilter
from .layout import Layout
from .simulator import AerqSimulator
from .submission import Submission, is_job_id

logger = logging.getLogger(__name__)

_BASIC = "basic_simulator"
#: Jobs that are looked at in one round trip.
_PAGE = 250


class AerqProvider:
    """Backends on Celery workers, and the jobs that they have run.

    Args:
        settings: broker and store; without them as `AerqSimulator` finds them.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._executor = CeleryExecutor(settings)
        self._backends: dict[str, Any] = {}

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._executor.settings

    def backends(self, name: str | None = None) -> list[AerqSimulator | AerqBasicSimulator]:
        """All backends, or those of a name: `aer_simulator`, one for each of its methods, and `basic_simulator`."""
        methods = AerSimulator().available_methods()
        found: list[AerqSimulator | AerqBasicSimulator] = [
            AerqSimulator(settings=self.settings, provider=self, method=method) for method in methods
        ]
        found.append(AerqBasicSimulator(self, settings=self.settings))
        return [backend for backend in found if name is None or backend.name == name]

    @overload
    def get_backend(self, name: Literal["basic_simulator"], **options: Any) -> AerqBasicSimulator: ...
    @overload
    def get_backend(self, name: str = "aer_simulator", **options: Any) -> AerqSimulator: ...

    def get_backend(self, name: str = "aer_simulator", **options: Any) -> Any:
        """The backend of a name.

        Args:
            name: `aer_simulator`, `aer_simulator_METHOD`, or `basic_simulator` for Qiskit's `BasicSimulator`.
            **options: backend options.

        Raises:
            JobError: if there is no such backend.
        """
        if name == _BASIC:
            return AerqBasicSimulator(self, settings=self.settings, **options)
        prefix = "aer_simulator"
        method = "automatic" if name == prefix else name.removeprefix(prefix + "_")
        known = AerSimulator().available_methods()
        if method not in known or (name != prefix and not name.startswith(prefix + "_")):
            names = ", ".join([prefix, *(f"{prefix}_{method}" for method in known if method != "automatic"), _BASIC])
            raise JobError(f"there is no backend {name!r}; there are {names}")
        return AerqSimulator(settings=self.settings, provider=self, method=method, **options)

    def job(self, job_id: str) -> AerJob | AerJobSet:
        """A job by its id, whoever submitted it. A task's id (`JOB.INDEX`) gives that task's `AerJob`.

        Raises:
            NoSuchJobError: if there is no such job.
            JobError: if it was submitted by a newer version of aerq.
            SettingsError: if nothing is configured and no cluster runs.
            UnavailableError: if the store does not answer.
        """
        job_id = str(job_id)
        if not is_job_id(job_id):
            raise NoSuchJobError(f"no such job: {job_id[:120]}")
        stored = self._stored([job_id])[0]
        if stored is not None:
            return self._handle(*stored)
        place = parse_task_id(job_id)
        stored = None if place is None else self._stored([place[0]])[0]
        if place is None or stored is None:
            raise NoSuchJobError(f"no such job: {job_id}")
        if place[1] >= (tasks := len(stored[0].messages)):
            numbers = "0 alone" if tasks == 1 else f"0 to {tasks - 1}"
            raise NoSuchJobError(f"no such job: {job_id}; the job {place[0]} has the tasks {numbers}")
        handle = self._handle(*stored)
        return handle.worker_job(place[1]) if isinstance(handle, AerJobSet) else handle

    def jobs(
        self,
        limit: int | None = 10,
        skip: int = 0,
        status: JobStatus | str | Iterable[JobStatus | str] | None = None,
        job_tags: Iterable[str] | None = None,
        created_after: datetime.datetime | float | None = None,
        created_before: datetime.datetime | float | None = None,
        descending: bool = True,
    ) -> list[AerJob | AerJobSet]:
        """The jobs in the store, newest first.

        Args:
            limit: at most this many, or None for all.
            skip: leave out this many first.
            status: only jobs of this status, or of one of these.
            job_tags: only jobs that have all these tags.
            created_after: only jobs submitted at this time or later, a datetime or seconds since the epoch.
            created_before: only jobs submitted at this time or before.
            descending: newest first, or oldest first.

        Raises:
            SettingsError: if nothing is configured and no cluster runs.
            UnavailableError: if the store does not answer.
        """
        for name, value in (("limit", 0 if limit is None else limit), ("skip", skip)):
            if not hasattr(value, "__index__") or value < 0:  # numpy's integers are welcome, too
                raise JobError(f"{name}={value!r} is no number of jobs; it must be a whole number, 0 or more")
        wanted = JobFilter.of(status, job_tags, created_after, created_before)
        self._executor.require_cluster()
        records = self._executor.records
        ids = [job_id for job_id, _ in records.job_ids(descending, wanted.after, wanted.before)]
        found: list[AerJob | AerJobSet] = []
        for first in range(0, len(ids), _PAGE):
            right = ids[first : first + _PAGE]
            if wanted.statuses is not None:
                counts = dict(zip(right, records.counts(right), strict=True))
                records.forget([job_id for job_id, numbers in counts.items() if numbers is None])
                right = [job_id for job_id, numbers in counts.items() if numbers is not None and wanted.admits(numbers)]
            while right and (limit is None or len(found) < limit):
                batch = _PAGE if limit is None or wanted.tags else min(_PAGE, skip + limit - len(found))
                some, right = right[:batch], right[batch:]
                for stored in self._stored(some, readable_only=True):
                    if stored is None or not wanted.admits_tags(stored[0]):
                        continue
                    if skip > 0:
                        skip -= 1
                    elif limit is None or len(found) < limit:
                        found.append(self._handle(*stored))
            if limit is not None and len(found) >= limit:
                break
        return found

    def delete_job(self, job_id: str) -> None:
        """Forgets a job and its results.

        Raises:
            NoSuchJobError: if there is no such job.
            JobError: if it has not ended; cancel it first.
        """
        job_id = str(job_id)
        if not is_job_id(job_id):
            raise NoSuchJobError(f"no such job: {job_id[:120]}")
        stored, counts = self._stored([job_id])[0], self._executor.records.counts([job_id])[0]
        if stored is None or counts is None:
            raise NoSuchJobError(f"no such job: {job_id}")
        if counts.ended < counts.tasks:
            raise JobError(f"job {job_id} has not ended; cancel it before deleting it")
        self._executor.records.delete(stored[0])

    def _stored(
        self, job_ids: Sequence[str], *, readable_only: bool = False
    ) -> list[tuple[JobRecord, bytes | None] | None]:
        """The records of jobs, each with the metadata of its circuits; None for one that is not there.

        Args:
            job_ids: the jobs.
            readable_only: take what cannot be read for not there, with a warning; and forget what is not there.

        Raises:
            JobError: if one was submitted by a newer version of aerq, or cannot be read.
        """
        self._executor.require_cluster()  # one that is started now has no jobs
        found: list[tuple[JobRecord, bytes | None] | None] = []
        rows = dict(zip(job_ids, self._executor.read_records(job_ids), strict=True))
        if readable_only:
            self._executor.records.forget([job_id for job_id, (record, _) in rows.items() if record is None])
        for job_id, (record, metadata) in rows.items():
            try:
                found.append(None if record is None else (JobRecord.unpack(record), metadata))
            except DecodingError as error:
                if not readable_only:
                    raise JobError(f"job {job_id}: {error}") from error
                logger.warning("job %s is left out: %s", job_id, error, extra={"action": "list_jobs"})
                found.append(None)
        return found

    def _backend(self, record: JobRecord) -> Any:
        """The backend that a job is shown with; making one takes longer than reading a job."""
        name = record.backend_name
        if name not in self._backends:
            try:
                self._backends[name] = self.get_backend(name)
            except JobError:  # a simulator made from a device
                self._backends[name] = self.get_backend()
        return self._backends[name]

    def _handle(self, record: JobRecord, metadata: bytes | None) -> AerJob | AerJobSet:
        """The handle of a stored job."""
        submission = Submission(record.tags, record.as_set, record.kind, record.time_limit_seconds)
        layout = Layout.of_record(record, self._executor.metadata(record, metadata))
        backend = self._backend(record)
        if record.as_set or len(layout) > 1:
            return AerJobSet.attached(backend, record.job_id, self._executor, layout, submission)
        future = self._executor.tasks(record.job_id, layout).future(0)
        job_class, fn = (BasicAerJob, run_basic_qobj) if record.kind == "basic" else (AerJob, CeleryExecutor.FUNCTION)
        return job_class.attached(backend, record.job_id, self._executor, future, layout, submission, fn)
