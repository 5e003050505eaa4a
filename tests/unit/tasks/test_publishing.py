"""Which queue a message goes to."""

import contextlib
from dataclasses import replace

import pytest

from aerq.config import Settings
from aerq.tasks import publishing
from aerq.tasks.message import Message
from aerq.tasks.records.job import JobRecord

MESSAGE = Message(
    job="j", index=0, circuits="c", options="o", noise=None, binds=None, first=0, count=1, offset=0, shots=1, seed=1
)


class App:
    """Notes what is sent."""

    def __init__(self):
        self.sent = []

    def send_task(self, name, *, task_id, queue, declare, **options):
        self.sent.append((task_id, queue, declare))


@pytest.fixture
def publish(monkeypatch):
    monkeypatch.setattr(publishing, "publishing", lambda app, settings: contextlib.nullcontext())

    def publish(seconds, bundles=(), indexes=None, **settings):
        record = JobRecord(
            job_id="j",
            backend_name="aer_simulator",
            backend_version="1",
            names=("a",) * len(seconds),
            circuits=tuple(range(len(seconds))),
            tags=(),
            kind="aer",
            as_set=True,
            aerq="0",
            messages=tuple(replace(MESSAGE, index=n, first=n, seconds=value) for n, value in enumerate(seconds)),
            bundles=bundles,
        )
        app = App()
        publishing.publish_tasks(app, Settings(broker_url="redis://host", **settings), record, indexes)
        return app.sent

    return publish


def test_long_tasks_go_to_their_queue_and_each_queue_is_declared_once(publish):
    assert publish([1.0, 61.0, 0.0, 3600.0]) == [
        ("j.0", "aerq", None),
        ("j.1", "aerq.long", None),
        ("j.2", "aerq", ()),
        ("j.3", "aerq.long", ()),
    ]


def test_they_go_there_again_when_they_are_sent_again(publish):
    assert publish([1.0, 61.0, 0.0, 3600.0], indexes=[3]) == [("j.3", "aerq.long", None)]


def test_a_message_goes_where_its_longest_task_is_looked_for(publish):
    sent = publish([4.0, 4.0, 1.0, 8.0, 1.0], bundles=(2, 3), long_task_seconds=7)
    assert [(task_id, queue) for task_id, queue, _ in sent] == [("j.0", "aerq"), ("j.2", "aerq.long")]


def test_one_queue_serves_all_where_no_task_is_long(publish):
    assert [queue for _, queue, _ in publish([1e9, 1.0], long_task_seconds=0)] == ["aerq", "aerq"]
