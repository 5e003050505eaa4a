"""Messages that come more than once, not at all, or from another version."""

import pytest
from rig.load import Part, background
from rig.spans import DEADLINE
from rig.waiting import until

from aerq.jobs import JobError
from aerq.tasks.message import MESSAGE_VERSION


def test_each_message_is_delivered_ten_times(cluster, ledger, seed):
    jobs = ledger.submit(*background(seed))
    ledger.publish_again(jobs, times=9)
    cluster.start()
    ledger.settle()
    assert ledger.tally.beside == 0, "a task ran twice at the same time"


def test_messages_and_all_workers_are_lost(cluster, ledger, seed):
    for worker in cluster.start():
        worker.child.pause()
    ledger.submit(*background(seed))
    until("all messages are there", lambda: cluster.queue_length > 0)
    assert cluster.purge() > 0
    for worker in cluster.living():
        worker.kill()
    cluster.start()
    ledger.settle()


@pytest.mark.parametrize("step", [1, -1])
def test_a_worker_of_another_version(cluster, ledger, seed, step):
    cluster.start(workers=1, version=step)
    job = ledger.submit_apart(Part("tiny", 1, 10, seed).circuits())
    with pytest.raises(JobError, match=f"version {MESSAGE_VERSION}.*version {MESSAGE_VERSION + step}"):
        job.result(DEADLINE)
    assert not cluster.diary.runs(), "it was executed"
