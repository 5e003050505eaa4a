"""Messages that come more than once, or from another version."""

import pytest
from rig.load import Part, background
from rig.spans import DEADLINE

from aerq.jobs import JobError
from aerq.tasks.message import MESSAGE_VERSION


def test_each_message_is_delivered_ten_times(cluster, ledger, seed):
    jobs = ledger.submit(*background(seed))
    ledger.publish_again(jobs, times=9)
    cluster.start()
    ledger.settle()
    assert ledger.tally.beside == 0, "a task ran twice at the same time"


@pytest.mark.parametrize("step", [1, -1])
def test_a_worker_of_another_version(cluster, ledger, seed, step):
    cluster.start(workers=1, version=step)
    [job] = ledger.run(Part("tiny", 1, 10, seed).circuits())
    with pytest.raises(JobError, match=f"version {MESSAGE_VERSION}.*version {MESSAGE_VERSION + step}"):
        job.result(DEADLINE)
    assert not cluster.diary.runs(), "it was executed"
