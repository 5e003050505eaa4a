"""The message of one task: ids, digests and a few numbers, as JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from .wire.errors import DecodingError

#: Raised by one whenever an older worker could misread a newer message.
MESSAGE_VERSION = 1


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

    @property
    def task_id(self) -> str:
        """The Celery task's id."""
        return task_id(self.job, self.index)

    def digests(self) -> list[str]:
        """Digests of all payloads that the task needs."""
        return [digest for digest in (self.circuits, self.options, self.noise, self.binds) if digest is not None]

    def to_kwargs(self) -> dict[str, Any]:
        """The message as the keyword arguments of the Celery task."""
        return {"version": MESSAGE_VERSION, **{field.name: getattr(self, field.name) for field in fields(self)}}

    @classmethod
    def from_kwargs(cls, kwargs: dict[str, Any]) -> Message:
        """Reads a message from the keyword arguments of a Celery task.

        Raises:
            DecodingError: if it is cut, of an unknown version, or holds values of the wrong type.
        """
        version = kwargs.get("version")
        if version != MESSAGE_VERSION:
            raise DecodingError(
                f"a message has version {str(version)[:20]}, this aerq reads version {MESSAGE_VERSION}; "
                "run the same version of aerq on both sides"
            )
        values = {key: value for key, value in kwargs.items() if key != "version"}
        if values.keys() != {field.name for field in fields(cls)}:
            raise DecodingError("a message has missing or unknown fields; it was changed or cut on its way")
        for field in fields(cls):
            value = values[field.name]
            if not _fits(field.name, value):
                raise DecodingError(f"the field {field.name!r} of a message holds {str(value)[:40]!r}")
        return cls(**values)


_NUMBERS = {"index", "first", "count", "offset", "shots", "memory_mb"}
_OPTIONAL = {"noise", "binds"}


def _fits(name: str, value: object) -> bool:
    """Whether a field of a message holds what it may hold."""
    if name in _NUMBERS:
        return type(value) is int and value >= 0
    if name == "seed":
        return type(value) is int
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
