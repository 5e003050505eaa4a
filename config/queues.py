"""The names under which Celery knows our tasks, and the queues they travel on."""

from __future__ import annotations

from kombu import Exchange, Queue

from .settings import Settings
from .urls import is_rabbitmq

#: Runs experiments with Aer.
RUN_EXPERIMENTS = "aerq.run_experiments"
#: Runs experiments with Qiskit's BasicSimulator.
RUN_BASIC = "aerq.run_basic"
#: The control command that kills what runs of a cancelled job.
CANCEL_COMMAND = "aerq_cancel"

#: RabbitMQ takes a message from a worker that has not acknowledged it for so long, 30 minutes if nothing is said, and
#: an experiment is acknowledged when it has ended. Releases before 3.12 do not read this from the queue.
_CONSUMER_TIMEOUT_MS = 30 * 24 * 3600 * 1000

#: More often than any task is delivered: a task that kills its slot is given up by its record, which says why.
_DELIVERIES = 1_000_000


def queues(settings: Settings) -> list[Queue]:
    """The queues that a worker reads, unless Celery's `-Q` names one of them."""
    # Names of their own for the keys: with Celery's default, a message to one key would come to both queues.
    exchange, arguments = Exchange(settings.queue), _arguments(settings)
    return [Queue(name, exchange, routing_key=name, queue_arguments=arguments) for name in settings.queues]


def _arguments(settings: Settings) -> dict[str, str | int] | None:
    if not is_rabbitmq(settings.broker_url):
        return None
    # What a quorum queue has confirmed is on disk, and on more than one node where there are several.
    return {"x-queue-type": "quorum", "x-delivery-limit": _DELIVERIES, "x-consumer-timeout": _CONSUMER_TIMEOUT_MS}
