"""What one submit makes: the record of a job and its payloads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..config.settings import Settings
from ..tasks.message import Message
from ..tasks.qobj import Qobj, QobjExperiment
from ..tasks.records.job import JobRecord
from ..tasks.versions import versions
from ..tasks.wire.envelope import Kind, seal
from ..tasks.wire.errors import EncodingError
from ..tasks.wire.metadata import encode_metadata
from ..tasks.wire.payload import QobjEncoder
from .cost import bundle_sizes
from .errors import QobjValidationError
from .notes import notes_of

_MEBIBYTE = 1024 * 1024
_JOB_ID = re.compile(r"[\w.@+-]{1,100}")


@dataclass(frozen=True)
class Submission:
    """What the record of a job keeps beside the Qobjs.

    Attributes:
        tags: the user's tags.
        as_set: whether the user holds an `AerJobSet`.
        kind: which kernel: `aer` or `basic`.
        time_limit_seconds: time limit of each task, or None.
        slots: how many slots the cluster has, or None if that is not known.
    """

    tags: tuple[str, ...] = ()
    as_set: bool = False
    kind: str = "aer"
    time_limit_seconds: float | None = None
    slots: int | None = None

    def on(self, kind: str) -> Submission:
        """The same for another kernel."""
        return replace(self, kind=kind)


@dataclass(frozen=True)
class PreparedJob:
    """A job that can be submitted.

    Attributes:
        record: its record.
        payloads: what its messages name, by digest.
        metadata: its circuits' metadata, sealed; empty for none.
    """

    record: JobRecord
    payloads: Mapping[str, bytes]
    metadata: bytes


def prepare_job(qobjs: Sequence[Qobj], job_id: str, submission: Submission, settings: Settings) -> PreparedJob:
    """Encodes a job.

    Raises:
        QobjValidationError: if something cannot travel, or asks for more than the settings allow.
    """
    check_job_id(job_id)
    limit = settings.max_payload_mb * _MEBIBYTE
    encoder = QobjEncoder(limit)
    seconds = _time_limit(submission.time_limit_seconds, settings)
    bundles: Sequence[int] = ()
    if len(qobjs) > 1 and seconds is None:  # a time limit is Celery's, which knows messages and no tasks in them
        longest = settings.shared_message_seconds
        bundles = bundle_sizes([qobj.header.seconds for qobj in qobjs], submission.slots, longest)
    messages: list[Message] = []
    experiments = experiments_of(qobjs)
    try:
        for size in bundles or [1] * len(qobjs):
            messages += encoder.encode(qobjs[len(messages) : len(messages) + size], job_id, len(messages))
        plain = encode_metadata([experiment.circuit.metadata for experiment in experiments])
        metadata = b"" if plain is None else seal(Kind.METADATA, plain, limit=limit).data
    except EncodingError as error:
        raise QobjValidationError(str(error)) from error
    header = qobjs[0].header
    record = JobRecord(
        job_id=job_id,
        backend_name=header.backend_name,
        backend_version=header.backend_version,
        names=tuple(experiment.circuit.name for experiment in experiments),
        circuits=tuple(experiment.circuit_index for experiment in experiments),
        tags=submission.tags,
        messages=tuple(messages),
        kind=submission.kind,
        as_set=submission.as_set,
        aerq=versions()["aerq"],
        aer=versions()["qiskit-aer"] if submission.kind == "aer" else "",
        time_limit_seconds=seconds,
        notes=notes_of(qobjs),
        queue=settings.queue,
        qubits=tuple(experiment.circuit.num_qubits for experiment in experiments),
        bundles=tuple(bundles),
    )
    return PreparedJob(record, encoder.payloads, metadata)


def is_job_id(text: str) -> bool:
    """Whether a job can have this id."""
    return _JOB_ID.fullmatch(text) is not None


def check_job_id(job_id: str) -> None:
    """Refuses ids that could not be found again: they are part of the store's keys and of the task's ids.

    Raises:
        QobjValidationError: if it is one.
    """
    if not is_job_id(job_id):
        raise QobjValidationError(
            f"the job id {job_id[:40]!r} cannot be used: at most 100 letters, digits and any of _ . @ + - can"
        )


def _time_limit(asked: float | None, settings: Settings) -> float | None:
    """The time limit of a job's tasks in seconds: what was asked for, within the operator's settings.

    Raises:
        QobjValidationError: if more was asked for than the settings allow.
    """
    longest = settings.max_time_limit_seconds
    if asked is None:
        return settings.default_time_limit_seconds or longest
    if longest is not None and asked > longest:
        raise QobjValidationError(
            f"time_limit_seconds={asked:g} is more than the {longest:g} seconds that AERQ_MAX_TIME_LIMIT_SECONDS allows"
        )
    return asked


def experiments_of(qobjs: Sequence[Qobj]) -> list[QobjExperiment]:
    """One entry for each experiment of the job; each binding is one, and shots spread over tasks are still one."""
    found = []
    for qobj in qobjs:
        if qobj.header.shot_offset == 0:
            found += [experiment for experiment in qobj.experiments for _ in range(len(experiment))]
    return found
