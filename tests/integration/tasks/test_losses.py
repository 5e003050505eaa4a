"""What becomes of the tasks of a slot that died: who is charged, and what is remembered while the store is away."""

import pytest

from aerq.config.errors import UnavailableError
from aerq.config.settings import Settings
from aerq.tasks.message import Message
from aerq.tasks.records.job import JobRecord
from aerq.tasks.records.runs import Release
from aerq.tasks.records.states import TaskState
from aerq.tasks.records.store import Records
from aerq.tasks.records.workers import held_tasks
from aerq.tasks.slot import Slot
from aerq.tasks.worker.losses import Loss, Losses

HERE, RUN = "w#1", "7:a"
IDS = ("j.0", "j.1", "j.2")
AWAY = UnavailableError("away")


def message(index):
    return Message("j", index, "c" * 64, "o" * 64, None, None, index, 1, 0, 10, 7, seconds=0.001)


@pytest.fixture
def settings(server):
    return Settings(broker_url=server.connection_url, result_ttl_seconds=1000)


@pytest.fixture
def records(settings):
    opened = Records(settings)
    opened.client.flushdb()
    opened.create(
        JobRecord(
            job_id="j",
            backend_name="aer_simulator",
            backend_version="0.18",
            names=tuple("abcde"),
            circuits=tuple(range(5)),
            tags=(),
            messages=tuple(map(message, range(5))),
            kind="aer",
            as_set=True,
            aerq="0.1",
        ),
        {},
    )
    yield opened
    opened.close()


@pytest.fixture
def losses(records):
    return Losses(records, HERE)


def lose(losses, *, charge=True):
    return losses.of_slot(IDS, 7, lambda task_id: f"it died of {task_id}", charge=charge)


def attempts(records):
    return [records.task("j", index).attempts for index in range(len(IDS))]


def lost_reasons(records):
    return [lost.reason for lost in records.losses("j")]


def test_what_started_alone_is_charged(records, losses):
    records.turn("j", [], [0], HERE, RUN)
    assert lose(losses) == Loss(Release("queued", 1), "j.0", ("j.1", "j.2"), starts=1)
    assert attempts(records) == [1, 0, 0]


def test_of_what_started_together_none_is_charged_and_all_wait_again(records, losses):
    records.turn("j", [], [0, 1, 2], HERE, RUN)
    assert lose(losses) == Loss(Release("queued", 0), None, IDS)
    assert attempts(records) == [0, 0, 0]
    assert all("of several tasks that had started together" in reason for reason in lost_reasons(records))
    assert held_tasks(records, records._settings, HERE) == set()


def test_what_is_lost_alone_after_that_tells_how_often_it_was_started(records, losses):
    records.turn("j", [], [0, 1, 2], HERE, RUN)
    lose(losses)
    assert len(records.turn("j", [], [0, 1, 2], HERE, "7:b").verdicts) == 1
    assert lose(losses) == Loss(Release("queued", 1), "j.0", ("j.1", "j.2"), starts=2)


def test_what_is_handed_back_counts_no_start_so_its_message_is_the_next_one(records, losses):
    for run in ("7:a", "7:b"):
        records.turn("j", [], [0], HERE, run)
        assert lose(losses, charge=False) == Loss(Release("queued", 0), "j.0", ("j.1", "j.2"))


def test_the_last_one_of_what_started_together_is_not_charged_where_the_others_were_cancelled(records, losses):
    """The slot may have been at one of those."""
    records.turn("j", [], [0, 1], HERE, RUN)
    records.cancel("j", [1])
    assert lose(losses) == Loss(Release("queued", 0), None, ("j.2", "j.0"))
    assert attempts(records)[0] == 0


def test_what_was_cancelled_before_has_nothing_to_do_with_what_starts_later(records, losses):
    records.turn("j", [], [0], HERE, RUN)
    records.cancel("j", [0])
    records.turn("j", [], [1], HERE, RUN)
    assert lose(losses).released == Release("queued", 1)


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_store_that_goes_away_in_the_middle_charges_none_of_them(records, losses, monkeypatch, fails_at):
    records.turn("j", [], [0, 1, 2], HERE, RUN)
    release, calls = records.release, []

    def flaky(*args, **options):
        calls.append(args)
        if len(calls) == fails_at:
            raise AWAY
        return release(*args, **options)

    monkeypatch.setattr(records, "release", flaky)
    assert lose(losses) == Loss(None)
    assert losses.pending
    losses.settle()
    assert not losses.pending
    assert attempts(records) == [0, 0, 0]
    assert [records.task("j", index).state for index in range(3)] == [TaskState.QUEUED] * 3


def test_what_started_though_its_answer_was_lost_is_run_by_who_asked(records, settings):
    """Meanwhile the first of them was taken from a dead worker, so that it starts alone when it is asked for again."""
    records.start("j", 0, "dead#1", "1:1")
    ran = []

    def kernel(qobj):
        ran.append(qobj.index)
        return {"success": True, "results": [{"success": True, "data": {}, "metadata": {}}]}

    slot = Slot(settings, lambda: kernel)
    slot._decoder, slot._measured = Unread(), None
    call, calls = slot.records._call, []

    def lose_the_first_answer(*args):
        found = call(*args)
        calls.append(args)
        if len(calls) == 1:
            records.release("j", 0, "dead#1", "its worker died")
            raise AWAY
        return found

    slot.records._call = lose_the_first_answer
    try:
        assert slot.run_all([message(index) for index in range(5)], HERE) == "done done done done done"
    finally:
        slot.records.close()
    assert ran == list(range(5))
    assert held_tasks(records, settings, HERE) == set()
    assert records.counts(["j"])[0].done == 5


class Unread:
    """Decodes nothing."""

    def decode(self, message):
        return message


def test_many_tasks_that_run_in_one_slot_hide_no_message_and_no_lack_of_one(records):
    """The reconciler compares messages with tasks that wait; those that slots work on are no messages that wait."""
    records.client.hset("aerq:job:j", "bundle", 5)
    assert (records.open_tasks().messages, records.open_tasks().busy) == (1, 0)
    records.turn("j", [], [0, 1, 2], HERE, RUN)
    assert (records.open_tasks().running, records.open_tasks().busy) == (3, 1)
    records.client.hset("aerq:job:j", "bundle", 1)
    assert records.open_tasks().busy == 3
