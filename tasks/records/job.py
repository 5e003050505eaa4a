"""What is kept of a job beside the states of its tasks: enough to find it again and to send its messages again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import msgpack

from ...config.errors import UnavailableError
from ..message import Message
from ..wire.errors import DecodingError

#: Raised by one whenever an older aerq could misread a newer record.
RECORD_VERSION = 2


@dataclass(frozen=True)
class JobRecord:
    """A job as it was submitted; it never changes.

    Attributes:
        job_id: the job's id.
        backend_name: name of the backend that the user ran on.
        backend_version: its version.
        names: name of each experiment's circuit, in order; the experiments of one binding share a name.
        circuits: for each experiment the place of its circuit in the list given to `run()`.
        tags: the user's tags.
        messages: the message of each task, in order.
        kind: which kernel runs it: `aer` or `basic`.
        as_set: whether the user holds an `AerJobSet`.
        aerq: the version of aerq that submitted it.
        time_limit_seconds: time limit of each task, or None.
        notes: what the result says of how the job was split: sentences, each with the experiments that it is about.
        queue: the queue that its messages are sent to.
        qubits: how many qubits each experiment's circuit has, in order.
        aer: the version of qiskit-aer there, if Aer runs the job.
        bundles: how many consecutive tasks share each message; empty if each has its own.
    """

    job_id: str
    backend_name: str
    backend_version: str
    names: tuple[str, ...]
    circuits: tuple[int, ...]
    tags: tuple[str, ...]
    messages: tuple[Message, ...]
    kind: str
    as_set: bool
    aerq: str
    time_limit_seconds: float | None = None
    notes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    queue: str = "aerq"
    qubits: tuple[int, ...] = ()
    aer: str = ""
    bundles: tuple[int, ...] = ()

    def pack(self) -> bytes:
        """The record as bytes, without repeating the job's id in each message."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["messages"] = [[getattr(message, name) for name in _MESSAGE_FIELDS] for message in self.messages]
        packed: bytes = msgpack.packb([RECORD_VERSION, values])
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> JobRecord:
        """Reads a record.

        Raises:
            DecodingError: if it was written by a newer aerq or cannot be read.
        """
        try:
            version, values = msgpack.unpackb(data)
            if version != RECORD_VERSION:
                raise DecodingError(
                    f"the job was submitted by aerq {str(values.get('aerq', '?'))[:20]} in record version {version}, "
                    f"this aerq reads version {RECORD_VERSION}; use that version of aerq to read it"
                )
            job_id = values["job_id"]
            values["messages"] = tuple(
                Message(job_id, **dict(zip(_MESSAGE_FIELDS, message, strict=True))) for message in values["messages"]
            )
            for name in ("names", "circuits", "tags", "qubits", "bundles"):
                values[name] = tuple(values[name])
            values["notes"] = {text: tuple(places) for text, places in values.get("notes", {}).items()}
            return cls(**values)
        except DecodingError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, msgpack.UnpackException) as error:
            raise DecodingError("the record of the job cannot be read; it was changed or cut") from error


def perhaps_submitted(error: UnavailableError, job_id: str) -> UnavailableError:
    """The error of a submit that was broken off so that nobody can say whether the job is there."""
    return UnavailableError(
        f"{error}; whether job {job_id} was submitted is not known: when the servers are back, "
        f"`aerq status {job_id}` tells, and `aerq cancel {job_id}` stops it"
    )


_MESSAGE_FIELDS = tuple(field.name for field in fields(Message) if field.name != "job")


@dataclass(frozen=True)
class JobCounts:
    """How many of a job's tasks stand where, and when things happened (the store's clock, seconds)."""

    tasks: int
    running: int
    done: int
    marked: int
    failed: int
    cancelled: int
    created: float
    started: float | None
    finished: float | None

    @property
    def ended(self) -> int:
        """How many tasks have ended."""
        return self.done + self.marked + self.failed + self.cancelled

    @property
    def waiting(self) -> int:
        """How many tasks wait for a slot."""
        return max(0, self.tasks - self.ended - self.running)

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain data."""
        return asdict(self)
