"""The Celery tasks that a worker runs: each hands its message to the slot of its process."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from celery import Celery, Task

from ..config.queues import RUN_BASIC, RUN_EXPERIMENTS
from ..config.settings import Settings
from .bundles import HEADER, carried_by, from_kwargs
from .slot import ExperimentsFailedError, MakeKernel, Slot
from .wire.errors import DecodingError
from .worker.instance import this_instance

logger = logging.getLogger(__name__)

#: Celery's request with what aerq does when a slot dies; only a worker's parent imports it.
REQUEST = "aerq.tasks.worker.request:ExperimentRequest"


def register(app: Celery, settings: Settings, kernels: Mapping[str, MakeKernel]) -> None:
    """Registers the tasks that a worker runs.

    Args:
        app: the application.
        settings: store and limits.
        kernels: makes the kernel of a slot, by the name of the task that it runs for.
    """
    slots: dict[str, Slot] = {}

    def run(task: Task, kwargs: dict[str, Any]) -> str:
        if task.name not in slots:
            slots[task.name] = Slot(settings, kernels[task.name])
        slot, instance = slots[task.name], this_instance(task.request.hostname or "")
        try:
            messages = from_kwargs(kwargs)
        except DecodingError as error:
            logger.error("a message was refused: %s", error, extra={"action": "refuse_message"})
            carried = carried_by({"id": task.request.id, HEADER: task.request.get(HEADER)})
            slot.refuse([one.task_id for one in carried], str(error), instance)
            raise ExperimentsFailedError(str(error)) from None
        return slot.run(messages[0], instance) if len(messages) == 1 else slot.run_all(messages, instance)

    options = {"bind": True, "max_retries": None, "throws": (ExperimentsFailedError,), "Request": REQUEST}

    @app.task(name=RUN_EXPERIMENTS, **options)  # type: ignore[untyped-decorator]
    def run_experiments(self: Task, **kwargs: Any) -> str:
        """Runs the experiments that a message names with Aer, once per cluster at a time."""
        return run(self, kwargs)

    @app.task(name=RUN_BASIC, **options)  # type: ignore[untyped-decorator]
    def run_basic(self: Task, **kwargs: Any) -> str:
        """Runs the circuits that a message names with Qiskit's BasicSimulator, once per cluster at a time."""
        return run(self, kwargs)
