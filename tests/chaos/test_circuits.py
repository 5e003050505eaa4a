"""Circuits that end the process that runs them, among good ones."""

import pytest
from rig.load import background, fated
from rig.spans import DEADLINE

from aerq.jobs import JobError


def assert_given_up(cluster, job, name):
    """It ended as an error with a sentence that says why, after three attempts."""
    with pytest.raises(JobError) as caught:
        job.result(DEADLINE)
    runs = [run for run in cluster.diary.runs() if run.name == name]
    assert len(runs) == 3, runs
    return str(caught.value)


def test_a_slot_takes_all_memory(cluster, ledger, seed):
    worker, *_ = cluster.start(workers=1, slots=3)
    before = worker.slots()
    ledger.submit(*background(seed))
    job = ledger.submit_apart(fated("allocate"))
    assert "MiB" in assert_given_up(cluster, job, "allocate-0")
    ledger.settle()
    victims = {run.pid for run in cluster.diary.runs() if run.name == "allocate-0"}
    assert before - worker.slots() <= victims, "a sibling was touched"
    assert ledger.tally.extra == 0


def test_poison_among_good_circuits(cluster, ledger, seed):
    cluster.start()
    jobs = {name: ledger.submit_apart(fated(name)) for name in ("abort", "segfault", "allocate")}
    ledger.submit(*background(seed))
    for name, job in jobs.items():
        assert_given_up(cluster, job, f"{name}-0")
    ledger.settle()
    assert max(ledger.attempts().values()) <= 2, "poison delayed others more than twice"
