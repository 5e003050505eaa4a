"""What a worker's parent does when a slot has failed or died, as far as no broker is needed for it."""

from types import SimpleNamespace

import pytest
from billiard.einfo import ExceptionInfo
from celery import Celery
from celery.exceptions import WorkerLostError

from aerq.tasks.bundles import HEADER, to_kwargs
from aerq.tasks.message import Message as TaskMessage
from aerq.tasks.records.runs import Release
from aerq.tasks.worker import request as request_module
from aerq.tasks.worker.losses import Loss
from aerq.tasks.worker.request import ExperimentRequest

IDS = ("j.0", "j.1", "j.2")
JOB = "j"


class Keeper:
    """Says what became of what a slot left behind, and hears what is sent again."""

    limits = SimpleNamespace(memory_mb=100)

    def __init__(self):
        self.loss, self.lost_with, self.waiting = Loss(Release("final", 0)), [], ()
        self.published, self.shown = [], []

    def lost(self, task_ids, pid, reason, *, told_to_stop):
        self.lost_with.append((task_ids, pid, reason(task_ids[0]), told_to_stop))
        return self.loss

    def still_waiting(self, task_ids, pid):
        return [one for one in task_ids if one in self.waiting]

    def publish_bundles(self, envelope, bundles):
        self.published += [[message.task_id for message in bundle] for bundle in bundles]
        self.shown += [envelope.shown(message) for bundle in bundles for message in bundle]


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
def killed(monkeypatch):
    found = []
    monkeypatch.setattr(request_module, "kill", found.append)
    return found


@pytest.fixture
def request_of(killed):
    app = Celery(set_as_current=False)
    app.aerq_keeper = Keeper()

    @app.task(name="run", bind=True, acks_late=True, shared=False)
    def run(self):
        """Is never called."""

    def make(ids=IDS):
        message = Message()
        rows = [[int(one.partition(".")[2]), f"circuit={one}"] for one in ids]
        headers = {"id": ids[0], "task": "run", HEADER: rows if len(ids) > 1 else None}
        made = ExperimentRequest(
            message,
            on_ack=message.ack_log_error,
            on_reject=message.reject_log_error,
            app=app,
            task=app.tasks["run"],
            headers=headers,
            decoded=True,
            body=((), to_kwargs([task(int(one.partition(".")[2])) for one in ids]), {}),
        )
        made.worker_pid, made.said, made.keeper = 7, message.said, app.aerq_keeper
        return made

    return make


def task(index):
    return TaskMessage("j", index, "c" * 64, "o" * 64, None, None, index, 1, 0, 1, 1)


def raised(error):
    try:
        raise error
    except type(error):
        return ExceptionInfo()


@pytest.mark.parametrize("ids", [IDS, IDS[:1]])
def test_a_slot_without_memory_is_killed_and_charged_and_ends_no_worker(request_of, killed, ids):
    request = request_of(ids)
    request.keeper.loss = Loss(Release("queued", 1), ids[0])
    request.on_failure(raised(MemoryError()))
    assert killed == [7]  # its next task would find as little
    assert request.keeper.lost_with == [(ids, 7, "the process of its slot ran out of memory", False)]
    assert request.said == ["given back"]


def test_a_slot_without_memory_whose_task_was_cancelled_ends_no_worker(request_of, killed, monkeypatch):
    request = request_of(IDS[:1])
    request._already_cancelled = True
    monkeypatch.setattr(request.task.backend, "mark_as_failure", lambda *_, **__: None)
    request.on_failure(raised(MemoryError()))
    assert killed == [7]
    assert request.keeper.lost_with == []
    assert request.said


DIED = WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL) Job: 1.")


def test_after_the_second_loss_a_task_goes_on_alone_and_those_behind_it_before(request_of):
    request = request_of()
    request.keeper.loss = Loss(Release("queued", 2), "j.0", ("j.1", "j.2"))
    request.on_failure(raised(DIED))
    assert request.keeper.published == [["j.1", "j.2"], ["j.0"]]
    assert request.keeper.shown == ["circuit=j.1", "circuit=j.2", "circuit=j.0"]
    assert request.said == ["acknowledged"]


def test_what_was_lost_before_together_with_others_goes_on_alone_after_one_loss_of_its_own(request_of):
    """Those behind it have waited for it twice by then."""
    request = request_of()
    request.keeper.loss = Loss(Release("queued", 1), "j.0", ("j.1", "j.2"), starts=2)
    request.on_failure(raised(DIED))
    assert request.keeper.published == [["j.1", "j.2"], ["j.0"]]
    assert request.said == ["acknowledged"]


def test_a_slot_that_died_of_nothing_that_ran_gives_its_message_back_whole(request_of):
    request = request_of()
    request.keeper.loss = Loss(Release("final", 0), None, ("j.1", "j.2"))
    request.on_failure(raised(DIED))
    assert request.keeper.published == []
    assert request.said == ["given back"]


@pytest.mark.parametrize(("waiting", "published"), [((), []), (("j.2",), [["j.2"]])])
def test_behind_a_task_that_fails_only_what_waits_is_sent_again(request_of, monkeypatch, waiting, published):
    request = request_of()
    request.keeper.waiting = waiting
    monkeypatch.setattr(request.task.backend, "mark_as_failure", lambda *_, **__: None)
    request.on_failure(raised(ValueError("its own fault")))
    assert request.keeper.published == published
    assert request.said == ["acknowledged"]


def test_where_nothing_is_sent_again_the_broker_is_not_asked(request_of, monkeypatch):
    request = request_of()
    request.keeper.publish_bundles = None
    request._send_again(IDS[1:])
    assert request.said == []
