"""The message of one task: ids, digests and a few numbers, as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .versions import versions
from .wire.errors import DecodingError

#: Raised by one whenever an older worker could misread a newer message.
MESSAGE_VERSION = 2


@dataclass(frozen=True)
class Message:
    """What a worker needs to find and run one task.

    Attributes:
        job: the job's id.
        index: the task's number in its job.
        circuits: digest of the circuits.
        options: digest of the run options.
        noise: digest of the noise model, or None.
        binds: digest of the parameter bindings, or None.
        first: index in the job of the task's first experiment.
        count: how many experiments it runs.
        offset: index of its first shot.
        shots: shots of each experiment.
        seed: the seed of the first experiment.
        memory_mb: MiB that the largest of its experiments is estimated to need; 0 if that is not known.
        place: where its first experiment stands among those of its payloads, which several tasks may share.
        seconds: its estimated time on one thread; 0 if that cannot be told.
    """

    job: str
    index: int
    circuits: str
    options: str
    noise: str | None
    binds: str | None
    first: int
    count: int
    offset: int
    shots: int
    seed: int
    memory_mb: int = 0
    place: int = 0
    seconds: float = 0.0

    @property
    def task_id(self) -> str:
        """The Celery task's id."""
        return task_id(self.job, self.index)

    def digests(self) -> list[str]:
        """Digests of all payloads that the task needs."""
        return [digest for digest in (self.circuits, self.options, self.noise, self.binds) if digest is not None]

    def to_kwargs(self, aerq: str = "", aer: str = "") -> dict[str, Any]:
        """The message as the keyword arguments of the Celery task.

        Args:
            aerq: the version of aerq that submitted the job.
            aer: the version of qiskit-aer there, if Aer runs the task.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"version": MESSAGE_VERSION, "aerq": aerq, "aer": aer, **values}

    @classmethod
    def from_kwargs(cls, kwargs: dict[str, Any]) -> Message:
        """Reads a message from the keyword arguments of a Celery task.

        Raises:
            DecodingError: if it is cut, of a version that this one cannot run, or holds values of the wrong type.
        """
        refuse_other_versions(kwargs, versions())
        values = {key: value for key, value in kwargs.items() if key not in _VERSIONS}
        if values.keys() != {field.name for field in fields(cls)}:
            raise DecodingError("a message has missing or unknown fields; it was changed or cut on its way")
        for field in fields(cls):
            value = values[field.name]
            if not _fits(field.name, value):
                raise DecodingError(f"the field {field.name!r} of a message holds {str(value)[:40]!r}")
        return cls(**values)


def refuse_other_versions(kwargs: Mapping[str, Any], here: Mapping[str, str]) -> None:
    """Refuses what this worker cannot read, or would compute with other random numbers.

    Args:
        kwargs: the keyword arguments of a Celery task.
        here: this worker's versions.

    Raises:
        DecodingError: with both versions.
    """
    version, aerq, aer = (str(kwargs.get(name) or "")[:20] for name in _VERSIONS)
    if version != str(MESSAGE_VERSION):
        raise DecodingError(
            f"it was submitted by aerq {aerq or 'of an unknown version'} in messages of version "
            f"{version or 'unknown'}, and this worker's aerq {here['aerq']} reads version {MESSAGE_VERSION}; run the "
            "same version of aerq on both sides"
        )
    if aer and _minor(aer) != _minor(here["qiskit-aer"]):
        raise DecodingError(
            f"it was submitted with qiskit-aer {aer}, and this worker has {here['qiskit-aer']}, which may compute "
            "other counts from the same seed; install the same version of qiskit-aer on both sides"
        )


def _minor(version: str) -> list[str]:
    """What must agree of two versions: a patch changes no bits, and `aerq doctor` tells of it."""
    return version.split(".")[:2]


_VERSIONS = ("version", "aerq", "aer")
_NUMBERS = {"index", "first", "count", "offset", "shots", "memory_mb", "place"}
_OPTIONAL = {"noise", "binds"}


def _fits(name: str, value: object) -> bool:
    """Whether a field of a message holds what it may hold."""
    if name in _NUMBERS:
        return type(value) is int and value >= (name == "count")
    if name == "seed":
        return type(value) is int
    if name == "seconds":
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    if name in _OPTIONAL and value is None:
        return True
    return isinstance(value, str) and 0 < len(value) <= 128


def task_id(job_id: str, index: int) -> str:
    """The id of a job's Celery task: `JOB.INDEX`."""
    return f"{job_id}.{index}"


def parse_task_id(text: str) -> tuple[str, int] | None:
    """Takes a task's id apart into job and index, or returns None if it is not one of ours."""
    job_id, dot, index = text.rpartition(".")
    if not dot or not index.isascii() or not index.isdigit():
        return None
    return job_id, int(index)
