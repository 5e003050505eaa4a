"""What a worker's parent does with a message whose slot died."""

from __future__ import annotations

import logging
from typing import Any

from billiard.einfo import ExceptionWithTraceback
from celery.exceptions import WorkerLostError
from celery.worker.request import Request
from celery.worker.state import task_ready

from ..experiments import CancelledBefore
from .causes import cause_of_loss

logger = logging.getLogger(__name__)

#: After its first loss a task is the next one to run; later it waits behind all others, because it may be the cause.
_LOSSES_AT_THE_HEAD = 1


class ExperimentRequest(Request):  # type: ignore[misc]
    """Celery's request, but for lost slots: the task is released in its record first, and then its message goes back.

    Celery would give the message back for ever, and whoever gets it before the release finds the task running.
    """

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        """Hears that the task raised an error or that its slot died."""
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        if isinstance(error, CancelledBefore):
            # Celery tells nobody of what it ignores, and Flower would show for ever that it runs.
            self.send_event("task-revoked", terminated=False, signum=None, expired=False)
        keeper = getattr(self.app, "aerq_keeper", None)
        died = isinstance(error, WorkerLostError | SystemExit | KeyboardInterrupt)
        if keeper is None or not died or self._already_cancelled or self._already_revoked:
            super().on_failure(exc_info, send_failed_event, return_ok)
            return
        task_ready(self)
        told_to_stop = not isinstance(error, WorkerLostError) or "SIGTERM" in str(error)
        reason = cause_of_loss(error, self.kwargs or {}, keeper.limits.memory_mb)
        released = keeper.lost(self.id, self.worker_pid, reason, told_to_stop=told_to_stop)
        if released is not None and released.answer == "queued":
            self._give_back(at_the_head=released.attempts <= _LOSSES_AT_THE_HEAD)
            return
        self.acknowledge()
        if released is not None and released.answer == "failed":
            self.send_event("task-failed", exception=repr(error), traceback="")

    def _give_back(self, at_the_head: bool) -> None:
        channel = self.message.channel
        try:
            if at_the_head and hasattr(channel, "unacked_index_key"):
                # Celery's own way on Redis puts it behind all others.
                channel.qos.restore_by_tag(self.message.delivery_tag)
                self.acknowledge()
            else:
                self.reject(requeue=True)
        except (*self.connection_errors, *getattr(channel, "channel_errors", ())) as error:
            # A broker that comes back has the message, and otherwise it is found to be missing.
            logger.warning("the message of %s could not be given back: %s", self.id, error)
