"""Sending the messages of a job's tasks: all of them at the submit, some of them again when they were lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from celery import Celery

from ..config.broker import publishing
from ..config.queues import RUN_BASIC, RUN_EXPERIMENTS
from ..config.settings import Settings
from .bundles import bundles_of, header_of, to_kwargs
from .message import Message
from .records.job import JobRecord

#: Circuits that are named where a task is shown.
_NAMES = 3
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Envelope:
    """What all messages of a job have in common.

    Attributes:
        name: the Celery task that runs them.
        aerq: the version of aerq that submitted the job.
        aer: the version of qiskit-aer there, if Aer runs the tasks.
        time_limit_seconds: how long a message may be worked on, or None.
        shown: what is shown of a task, see `shown`.
    """

    name: str
    aerq: str
    aer: str
    time_limit_seconds: float | None
    shown: Callable[[Message], str]


def publish_tasks(app: Celery, settings: Settings, record: JobRecord, indexes: Iterable[int] | None = None) -> None:
    """Sends the messages of tasks to the broker. A task that gets two runs once all the same.

    Args:
        app: the application.
        settings: where the broker is.
        record: the job.
        indexes: the tasks; None for all.

    Raises:
        UnavailableError: if the broker does not answer, is full, or does not confirm.
    """
    name = RUN_EXPERIMENTS if record.kind == "aer" else RUN_BASIC
    envelope = Envelope(name, record.aerq, record.aer, record.time_limit_seconds, partial(shown, record))
    wanted = range(len(record.messages)) if indexes is None else indexes
    publish_bundles(app, settings, envelope, bundles_of(record.messages, record.bundles, wanted))


def publish_bundles(app: Celery, settings: Settings, envelope: Envelope, bundles: Iterable[Sequence[Message]]) -> None:
    """Sends messages with these tasks to the broker.

    Args:
        app: the application.
        settings: where the broker is.
        envelope: what the messages have in common.
        bundles: the tasks of each message.

    Raises:
        UnavailableError: if the broker does not answer, is full, or does not confirm.
    """
    with publishing(app, settings) as producer:
        declared: set[str] = set()
        for bundle in bundles:
            queue = settings.queue_of(max(message.seconds for message in bundle))
            app.send_task(
                envelope.name,
                kwargs=to_kwargs(bundle, envelope.aerq, envelope.aer),
                task_id=bundle[0].task_id,
                headers=header_of(bundle, envelope.shown),
                producer=producer,
                queue=queue,
                argsrepr="()",
                kwargsrepr=envelope.shown(bundle[0]),
                time_limit=envelope.time_limit_seconds,
                retry=False,
                ignore_result=False,
                # Celery declares a queue with its first message; to look at it with each costs a fifth of all.
                declare=() if queue in declared else None,
            )
            declared.add(queue)


def shown(record: JobRecord, message: Message) -> str:
    """What Flower and the workers' logs show of a task: circuit, qubits and shots, never a payload."""
    experiments = range(message.first, min(message.first + message.count, len(record.names)))
    circuits = {record.circuits[number]: record.names[number] for number in experiments}
    names = ", ".join(_short(name) for name in list(circuits.values())[:_NAMES])
    if len(circuits) > _NAMES:
        names += f" and {len(circuits) - _NAMES} more"
    qubits = max((record.qubits[number] for number in experiments if number < len(record.qubits)), default=None)
    text = f"circuit={names}" + ("" if qubits is None else f" qubits={qubits}") + f" shots={message.shots}"
    return text if message.count == 1 else f"{text} experiments={message.count}"


def _short(name: str) -> str:
    """A name of at most so many characters: all that is shown of a message's tasks must fit one frame of AMQP."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."
