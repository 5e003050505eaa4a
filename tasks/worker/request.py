"""What a worker's parent does with a message: it tells of each task in it, and saves what a dead slot left behind."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from billiard.einfo import ExceptionInfo, ExceptionWithTraceback
from celery.exceptions import WorkerLostError
from celery.worker.request import Request
from celery.worker.state import revoked as revoked_ids
from celery.worker.state import task_ready
from kombu.transport import virtual

from ..bundles import Carried, carried_by, from_kwargs, memory_estimates
from ..publishing import Envelope
from ..records.states import TaskState
from ..slot import CancelledBefore
from .causes import cause_of_loss
from .deliveries import let_go
from .losses import LOSSES_AT_THE_HEAD
from .strays import kill

logger = logging.getLogger(__name__)

_EVENTS = {
    TaskState.DONE.value: "task-succeeded",
    TaskState.MARKED.value: "task-succeeded",
    TaskState.FAILED.value: "task-failed",
    TaskState.CANCELLED.value: "task-revoked",
}

#: What an event says of a failure whose words only the record has.
_SEE = "ExperimentsFailedError('AerJob.error_message() says why')"


class ExperimentRequest(Request):  # type: ignore[misc]
    """Celery's request, but for two things.

    A message may carry several tasks: what Celery says of the first one is said of each. And of a lost slot the task is
    released in its record first, and then its message goes back: Celery would give the message back for ever, and
    whoever gets it before the release finds the task running.
    """

    @functools.cached_property
    def carried(self) -> tuple[Carried, ...]:
        """The tasks of the message, in order."""
        return carried_by(self._request_dict)

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The ids of the tasks of the message, in order."""
        return tuple(one.task_id for one in self.carried)

    def revoked(self) -> bool:
        """Whether nothing is left to run, because somebody revoked it by Celery's own means."""
        others = self.task_ids[1:]
        for task_id in others:
            if task_id in revoked_ids:
                self.task.backend.mark_as_revoked(task_id, "revoked", request=self._context)
        if super().revoked():
            self._send_again(others)
            return True
        return False

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """Hears that a slot has taken the message."""
        super().on_accepted(pid, time_accepted)
        for one in self._others_told():
            self._tell(one, "task-received", name=self.name, args="()", kwargs=one.shown, retries=0)
            self._tell(one, "task-started")

    def send_event(self, type: str, **fields: Any) -> None:
        """Sends an event; that a message with several tasks is done says of each how it ended."""
        if type != "task-succeeded" or len(self.carried) == 1:
            super().send_event(type, **fields)
            return
        states = str(fields["result"]).strip("'\"").split()
        for one, state in zip(self._told(), states, strict=False):
            if event := _EVENTS.get(state):
                why = {"exception": _SEE, "traceback": ""} if event == "task-failed" else {"result": state}
                self._tell(one, event, runtime=fields["runtime"] / len(states), **why)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Hears that a time limit has passed. The limit is the message's, so what had not begun gets another one."""
        super().on_timeout(soft, timeout)
        if not soft:
            self._send_again(self.task_ids[1:])

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        """Hears that the task raised an error or that its slot died."""
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        if isinstance(error, CancelledBefore):
            # Celery tells nobody of what it ignores, and Flower would show for ever that it runs.
            self.send_event("task-revoked", terminated=False, signum=None, expired=False)
        keeper = getattr(self.app, "aerq_keeper", None)
        without_memory = isinstance(error, MemoryError)
        if without_memory:
            # Celery raises it again, here, and the whole worker would end for what one slot has lacked. That one would
            # lack it for the next task, too.
            if self.worker_pid is not None:
                kill(self.worker_pid)
            error, exc_info = _without_memory()
        died = isinstance(error, WorkerLostError | SystemExit | KeyboardInterrupt)
        if keeper is None or not died or self._already_cancelled or self._already_revoked:
            try:
                super().on_failure(exc_info, send_failed_event, return_ok)
            finally:
                if self.acknowledged:
                    self._send_again(self.task_ids[1:])
            return
        task_ready(self)
        told_to_stop = not isinstance(error, WorkerLostError) or "SIGTERM" in str(error)
        estimates = memory_estimates(self.kwargs or {})

        def reason(task_id: str) -> str:
            return cause_of_loss(error, estimates.get(task_id, 0), keeper.limits.memory_mb)

        loss = keeper.lost(self.task_ids, self.worker_pid, reason, told_to_stop=told_to_stop)
        again = loss.released is not None and loss.released.answer == "queued"
        if again and max(loss.released.attempts, loss.starts) <= LOSSES_AT_THE_HEAD:
            self._give_back(at_the_head=True)
        elif loss.released is None and len(self.carried) > 1:
            # The store is away: who gets the message skips what has ended, and what is released later is found.
            self._give_back(at_the_head=True)
        elif loss.waiting and loss.ran is None:
            # The slot died between two tasks, or of one that was cancelled: those behind it have done nothing.
            self._give_back(at_the_head=not without_memory)
        elif loss.waiting:
            # What was lost twice may be the cause: it goes on alone, behind the others.
            self._part(keeper, loss.waiting, [loss.ran] if again else [])
        elif again:
            self._give_back(at_the_head=False)
        else:
            self.acknowledge()
        if loss.released is not None and loss.released.answer == "failed":
            failed = loss.ran or self.id
            for one in self.carried:
                if one.task_id == failed:
                    self._tell(one, "task-failed", exception=repr(error), traceback="")

    def _part(self, keeper: Any, waiting: Iterable[str], suspect: Iterable[str]) -> None:
        """Sends what had not begun in a message of its own, and what was lost in another one."""
        try:
            self._publish(keeper, waiting, suspect)
        except Exception as error:  # whatever it is, a message that is neither done nor given back blocks a slot
            logger.warning("the tasks of %s could not be sent again: %s", self.id, error)
            self._give_back(at_the_head=False)
        else:
            self.acknowledge()

    def _send_again(self, task_ids: Sequence[str]) -> None:
        """Sends a message for the tasks that were to come behind one that was stopped, if they still wait."""
        keeper = getattr(self.app, "aerq_keeper", None)
        if keeper is None or not task_ids:
            return
        try:
            self._publish(keeper, keeper.still_waiting(task_ids, self.worker_pid))
        except Exception as error:  # they are found to be missing, later
            logger.warning("the tasks of %s could not be sent again: %s", self.id, error)

    def _publish(self, keeper: Any, *bundles: Iterable[str]) -> None:
        """Sends tasks of this message in messages of their own."""
        wanted = [list(bundle) for bundle in bundles]
        if not any(wanted):
            return
        kwargs = self.kwargs or {}
        messages = {message.task_id: message for message in from_kwargs(kwargs)}
        texts = {one.task_id: one.shown for one in self.carried}
        limit, _ = self._request_dict.get("timelimit") or (None, None)
        envelope = Envelope(
            self.name, str(kwargs.get("aerq", "")), str(kwargs.get("aer", "")), limit, lambda one: texts[one.task_id]
        )
        found = [[messages[task_id] for task_id in bundle] for bundle in wanted if bundle]
        keeper.publish_bundles(envelope, found)

    def _give_back(self, at_the_head: bool) -> None:
        channel = self.message.channel
        try:
            if at_the_head and hasattr(channel, "unacked_index_key"):
                # Celery's own way on Redis puts it behind all others.
                channel.qos.restore_by_tag(self.message.delivery_tag)
                self.acknowledge()
            else:
                self.reject(requeue=True)
        except (*self.connection_errors, *getattr(channel.connection, "channel_errors", ())) as error:
            # A broker that comes back has the message, and otherwise it is found to be missing.
            logger.warning("the message of %s could not be given back: %s", self.id, error)
            if isinstance(channel, virtual.Channel):
                let_go(channel.qos, self.message.delivery_tag)

    def _told(self) -> tuple[Carried, ...]:
        """The tasks of which events are sent; none while nobody looks."""
        return self.carried if self._eventer and self._eventer.enabled and self.task.send_events else ()

    def _others_told(self) -> tuple[Carried, ...]:
        return self._told()[1:]

    def _tell(self, one: Carried, event: str, **fields: Any) -> None:
        """Sends an event of a task."""
        if one in self._told():
            self._eventer.send(event, uuid=one.task_id, **fields)


def _without_memory() -> tuple[WorkerLostError, ExceptionInfo]:
    """A slot that had no memory left even to say how its task ended, as Celery tells of a slot that died."""
    try:
        raise WorkerLostError("the process of its slot ran out of memory")
    except WorkerLostError as error:
        return error, ExceptionInfo()
