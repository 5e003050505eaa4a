"""What a worker's parent does when a slot has failed or died, as far as no broker is needed for it."""

from types import SimpleNamespace

import pytest
from billiard.einfo import ExceptionInfo
from celery import Celery

from aerq.tasks.bundles import HEADER
from aerq.tasks.records.runs import Release
from aerq.tasks.worker.losses import Loss
from aerq.tasks.worker.request import ExperimentRequest

IDS = ("j.0", "j.1", "j.2")
JOB = "j"


class Keeper:
    """Says what became of what a slot left behind, and hears what is sent again."""

    limits = SimpleNamespace(memory_mb=100)

    def __init__(self):
        self.loss, self.lost_with, self.published = Loss(Release("final", 0)), [], []

    def lost(self, task_ids, pid, reason, *, told_to_stop):
        self.lost_with.append((task_ids, pid, reason(task_ids[0]), told_to_stop))
        return self.loss

    def publish(self, task_ids):
        self.published.append(list(task_ids))


class Message(SimpleNamespace):
    """A message of the broker that hears what becomes of it."""

    def __init__(self):
        super().__init__(delivery_info={}, properties={}, headers={}, delivery_tag="tag", said=[])
        self.channel = SimpleNamespace(connection=SimpleNamespace(channel_errors=()))
        self.content_type, self.content_encoding, self.body = "application/json", "utf-8", b""

    def ack_log_error(self, logger, errors, **_):
        self.said.append("acknowledged")

    def reject_log_error(self, logger, errors, requeue):
        self.said.append("given back" if requeue else "rejected")


@pytest.fixture
def request_of():
    app = Celery(set_as_current=False)
    app.aerq_keeper = Keeper()

    @app.task(name="run", bind=True, acks_late=True, shared=False)
    def run(self):
        """Is never called."""

    def make(ids=IDS):
        message = Message()
        rows = [[int(one.partition(".")[2]), ""] for one in ids]
        headers = {"id": ids[0], "task": "run", HEADER: rows if len(ids) > 1 else None}
        made = ExperimentRequest(
            message,
            on_ack=message.ack_log_error,
            on_reject=message.reject_log_error,
            app=app,
            task=app.tasks["run"],
            headers=headers,
            decoded=True,
            body=((), {}, {}),
        )
        made.worker_pid, made.said, made.keeper = 7, message.said, app.aerq_keeper
        return made

    return make


def raised(error):
    try:
        raise error
    except type(error):
        return ExceptionInfo()


@pytest.mark.parametrize("ids", [IDS, IDS[:1]])
def test_a_slot_without_memory_ends_no_worker_and_is_charged(request_of, ids):
    request = request_of(ids)
    request.keeper.loss = Loss(Release("queued", 1), ids[0])
    request.on_failure(raised(MemoryError()))
    assert request.keeper.lost_with == [(ids, 7, "the process of its slot ran out of memory", False)]
    assert request.said == ["given back"]


def test_a_slot_without_memory_whose_task_was_cancelled_ends_no_worker(request_of, monkeypatch):
    request = request_of(IDS[:1])
    request._already_cancelled = True
    monkeypatch.setattr(request.task.backend, "mark_as_failure", lambda *_, **__: None)
    request.on_failure(raised(MemoryError()))
    assert request.keeper.lost_with == []
    assert request.said
