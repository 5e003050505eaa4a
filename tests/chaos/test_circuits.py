"""Circuits that end the process that runs them, among good ones."""

import pytest
from rig.load import background, fated, wide
from rig.spans import DEADLINE, SPANS

from aerq.jobs import JobError


def assert_given_up(cluster, job, name):
    """It ended as an error with a sentence that says why, after three attempts."""
    with pytest.raises(JobError) as caught:
        job.result(DEADLINE)
    runs = [run for run in cluster.diary.runs() if run.name == name]
    assert len(runs) == 3, runs
    return str(caught.value)


def test_a_slot_takes_all_memory(cluster, ledger, seed):
    """The operating system kills it where a control group can be made, and otherwise it kills itself as that would."""
    group = cluster.memory_group(limit_mb=256)
    worker, *_ = cluster.start(workers=1, slots=3)
    before = worker.slots()
    if group:
        group.take({worker.pid, *before})
    ledger.submit(*background(seed))
    name = "wide-0" if group else "allocate-0"
    # a worker that knows of the group's limit would let none of its slots have so much
    job = ledger.submit_apart(wide(name), method="statevector", max_memory_mb=-1)
    sentence = assert_given_up(cluster, job, name)
    assert all(word in sentence for word in ("SIGKILL", "512 MiB")), sentence
    assert group is None or group.kills == 3
    ledger.settle()
    victims = {run.pid for run in cluster.diary.runs() if run.name == name}
    assert before - worker.slots() <= victims, "a sibling was touched"
    assert ledger.tally.extra == 0


def test_poison_among_good_circuits(cluster, ledger, seed):
    cluster.start()
    jobs = {name: ledger.submit_apart(fated(name)) for name in ("abort", "segfault", "allocate")}
    ledger.submit(*background(seed))
    for name, job in jobs.items():
        assert_given_up(cluster, job, f"{name}-0")
        ledger.expect_end(job, SPANS.poison_seconds)
    ledger.settle()
    assert max(ledger.attempts().values()) <= 2, "poison delayed others more than twice"
