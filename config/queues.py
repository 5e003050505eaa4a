"""The names under which Celery knows our tasks, and the queue they travel on."""

from __future__ import annotations

from kombu import Queue

from .settings import Settings

#: Runs experiments with Aer.
RUN_EXPERIMENTS = "aerq.run_experiments"
#: Runs experiments with Qiskit's BasicSimulator.
RUN_BASIC = "aerq.run_basic"
#: The control command that kills what runs of a cancelled job.
CANCEL_COMMAND = "aerq_cancel"


def queues(settings: Settings) -> list[Queue]:
    """The queues that a worker reads."""
    return [Queue(settings.queue)]
