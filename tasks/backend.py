"""The Celery result backend that is a window on the job records.

Tasks write their own records, in one script each; this backend lets Celery's `AsyncResult`, Flower and a worker's
parent process see and end them in Celery's terms: a task id is `JOB.INDEX`.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from celery import Celery, states
from celery.backends.base import BaseBackend
from celery.exceptions import TimeoutError as CeleryTimeoutError

from ..config.errors import UnavailableError
from ..config.settings import Settings
from ..config.store import BLOCK_SECONDS
from ..config.urls import masked
from .message import parse_task_id
from .message import task_id as make_task_id
from .records.states import TaskRecord, TaskState
from .records.store import Records
from .versions import versions
from .worker.instance import this_instance

logger = logging.getLogger(__name__)

#: Which of Celery's states a task of ours is in.
CELERY_STATES = {
    TaskState.QUEUED: states.PENDING,
    TaskState.RUNNING: states.STARTED,
    TaskState.DONE: states.SUCCESS,
    TaskState.MARKED: states.SUCCESS,
    TaskState.FAILED: states.FAILURE,
    TaskState.CANCELLED: states.REVOKED,
}


class RecordBackend(BaseBackend):  # type: ignore[misc]
    """Reads task states from the job records and ends the records of tasks that Celery ended."""

    def __init__(self, app: Celery, url: str | None = None, **kwargs: Any) -> None:
        super().__init__(app, url=url, **kwargs)
        self._settings: Settings = app.aerq_settings
        self._opened: Records | None = None

    @property
    def records(self) -> Records:
        """The job records; connected at the first use."""
        if self._opened is None:
            self._opened = Records(self._settings)
        return self._opened

    def as_uri(self, include_password: bool = False) -> str:
        """The store's address; never with its password, whatever is asked: it ends up in banners and logs."""
        return masked(self._settings.store_url or "")

    def _store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        """Ends a record that the task itself could not end; everything else is in the record already."""
        place = parse_task_id(task_id)
        if place is not None and state in (states.FAILURE, states.REVOKED):
            cancelled = state == states.REVOKED
            try:
                if cancelled:
                    self.records.fail(*place, "", cancelled=True)
                else:  # what fails here is no failure of another worker that has the task by now
                    self.records.fail(*place, failure_reason(result), instance=this_instance(""))
            except UnavailableError as error:  # in the parent's event loop, which must go on
                logger.error("the end of task %s could not be recorded: %s", task_id, error)
        return result

    def get_task_meta(self, task_id: str, cache: bool = True) -> dict[str, Any]:
        """State and result of a task as Celery's `AsyncResult` reads them."""
        place = parse_task_id(task_id)
        return self._meta(task_id, TaskRecord() if place is None else self.records.task(*place))

    def get_task_metas(self, task_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """State and result of many tasks, by their ids, in one round trip for each job."""
        by_job: dict[str, dict[int, str]] = {}
        found = {}
        for task_id in task_ids:
            place = parse_task_id(task_id)
            if place is None:
                found[task_id] = self._meta(task_id, TaskRecord())
            else:
                by_job.setdefault(place[0], {})[place[1]] = task_id
        for job_id, ids in by_job.items():
            for index, record in self.records.tasks(job_id, list(ids)).items():
                found[ids[index]] = self._meta(ids[index], record)
        return found

    def _meta(self, task_id: str, record: TaskRecord) -> dict[str, Any]:
        state = CELERY_STATES[record.state]
        result: Any = None
        if record.state.has_result:
            result = {"success": record.state is TaskState.DONE, "parts": record.parts, "seconds": record.seconds}
        elif state in states.EXCEPTION_STATES:
            exception = "celery.exceptions.TaskRevokedError" if state == states.REVOKED else "builtins.RuntimeError"
            module, name = exception.rsplit(".", 1)
            message = record.reason or "the task was cancelled"
            result = self.exception_to_python({"exc_type": name, "exc_module": module, "exc_message": [message]})
        return {
            "task_id": task_id,
            "status": state,
            "result": result,
            "traceback": None,
            "children": [],
            "date_done": datetime.datetime.fromtimestamp(record.finished, datetime.UTC) if record.finished else None,
            "worker": record.worker,
        }

    def wait_for(
        self,
        task_id: str,
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_interval: Any = None,
    ) -> dict[str, Any]:
        """Waits for a task to end, woken by its job's completions.

        Raises:
            celery.exceptions.TimeoutError: if it does not end in time.
        """
        self._ensure_not_eager()
        deadline = None if timeout is None else time.monotonic() + timeout
        place = parse_task_id(task_id)
        cursor = "0"
        while True:
            meta = self.get_task_meta(task_id)
            if meta["status"] in states.READY_STATES:
                return meta
            if on_interval:
                on_interval()
            remaining = BLOCK_SECONDS if deadline is None else deadline - time.monotonic()
            if remaining <= 0 or place is None:
                raise CeleryTimeoutError("The operation timed out.")
            cursor, _ = self.records.completions(place[0], cursor, remaining)

    def get_many(
        self,
        task_ids: Iterable[str],
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_message: Any = None,
        on_interval: Any = None,
        max_iterations: int | None = None,
        READY_STATES: Collection[str] = states.READY_STATES,  # noqa: N803  (Celery's name)
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """State and result of many tasks as they end, woken by their jobs' completions; for `GroupResult`.

        Raises:
            celery.exceptions.TimeoutError: if not all end in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        waiting: dict[str, set[int]] = {}
        strangers = 0
        for task_id in set(task_ids):
            place = parse_task_id(task_id)
            if place is None:
                strangers += 1
            else:
                waiting.setdefault(place[0], set()).add(place[1])
        cursors = dict.fromkeys(waiting, "0")
        looks, pause = 0, 0.0
        while True:
            found = False
            for job_id in list(waiting):
                cursors[job_id], new = self.records.completions(job_id, cursors[job_id], pause)
                found = found or bool(new)
                ended = [completion.index for completion in new if completion.index in waiting[job_id]]
                for index, record in self.records.tasks(job_id, ended).items():
                    waiting[job_id].discard(index)
                    meta = self._meta(make_task_id(job_id, index), record)
                    if on_message is not None:
                        on_message(meta)
                    yield meta["task_id"], meta
                if not waiting[job_id]:
                    del waiting[job_id]
            if not waiting and not strangers:
                return
            pause = 0.0
            if found:
                continue
            looks += 1
            if max_iterations and looks >= max_iterations:
                return
            remaining = BLOCK_SECONDS if deadline is None else deadline - time.monotonic()
            if remaining <= 0:
                raise CeleryTimeoutError(f"Operation timed out ({timeout})")
            if on_interval:
                on_interval()
            # Several jobs are waited for in turn, so none for long.
            several = len(waiting) != 1 or on_interval is not None
            pause = min(interval or BLOCK_SECONDS, remaining) if several else remaining
            if not waiting:  # nobody will ever say that these have ended
                threading.Event().wait(pause)

    def _forget(self, task_id: str) -> None:
        """Does nothing: records are deleted with their job."""

    def cleanup(self) -> None:
        """Does nothing: the store expires old records itself."""

    def process_cleanup(self) -> None:
        """Closes the connections of this process."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def failure_reason(result: Any) -> str:
    """One sentence from what Celery stores of a failure."""
    if isinstance(result, dict) and "exc_type" in result:
        kind, message = result["exc_type"], result.get("exc_message") or ""
        text = " ".join(map(str, message)) if isinstance(message, list | tuple) else str(message)
    elif isinstance(result, BaseException):
        kind, text = type(result).__name__, " ".join(map(str, result.args))
    else:
        return str(result)
    if kind == "TimeLimitExceeded":
        return f"it ran longer than its time limit of {text} seconds and was stopped"
    if kind == "WorkerLostError":
        return f"the worker process that ran it was lost ({text})"
    if kind == "NotRegistered":
        return (
            f"this worker's aerq {versions()['aerq']} does not know the task {text}; run the same version of aerq on "
            "both sides"
        )
    if kind == "ExperimentsFailedError":  # a sentence of our own
        return text
    return f"{kind}: {text}" if text else kind
