"""Short and long tasks on queues of their own: neither waits for the other's kind, and both are looked after."""

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from aerq.jobs.cli.doctor import examine

SHORT, LONG = "aerq", "aerq.long"
#: Estimated seconds; those of `slow` are more, those of a bell are less.
LIMIT = 0.01


def slow():
    circuit = QuantumCircuit(15)
    for _ in range(10):
        circuit.h(range(15))
        circuit.t(range(15))
        circuit.cx(range(14), range(1, 15))
    circuit.measure_all()
    return circuit


@pytest.fixture
def site(site):
    """A site where some circuits count as long, and each task has a message of its own."""
    site.settings = site.settings.evolve(long_task_seconds=LIMIT, message_seconds=0)
    return site


def waiting(site, job):
    client = job.executor().records.client
    return {name: client.llen(name) for name in site.settings.queues}


@pytest.fixture
def missing(site, monkeypatch):
    """What `aerq doctor` misses among the workers."""
    for name, value in site.settings.to_environment().items():
        monkeypatch.setenv(name, value)
    return lambda: [one.found for one in examine() if one.what == "workers" and not one.ok]


def test_short_tasks_run_while_long_ones_wait_for_a_worker_of_theirs(site, missing):
    circuits = [slow(), site.bell(), slow()]
    mixed = site.backend().run(circuits, shots=10, seed_simulator=1)
    assert waiting(site, mixed) == {SHORT: 1, LONG: 2}
    short = site.start("short", options=["-Q", SHORT])
    assert mixed.worker_results(1, timeout=site.TIMEOUT).success
    assert waiting(site, mixed) == {SHORT: 0, LONG: 2}
    assert missing() == [f"none reads the queue '{LONG}'"]
    long = site.start("long", options=["-Q", LONG])
    assert missing() == []
    counts = mixed.result(timeout=site.TIMEOUT).get_counts()
    assert counts == AerSimulator().run(circuits, shots=10, seed_simulator=1).result().get_counts()
    assert [site.task(mixed, index).worker for index in range(3)] == [long.name, short.name, long.name]


def test_a_worker_of_both_takes_from_each_in_turn(site):
    long = site.backend().run([slow() for _ in range(5)], shots=1)
    short = site.backend().run(site.bell(), shots=1)
    site.start("both")
    assert short.result(timeout=site.TIMEOUT).success
    assert long.result(timeout=site.TIMEOUT).success
    begun = site.task(short).started
    assert sum(site.task(long, index).started < begun for index in range(5)) <= 1


def test_a_busy_worker_holds_no_message_that_another_could_run(site):
    first = site.start("first")
    blocker = site.backend().run(site.endless(), shots=1)
    site.await_running(blocker, worker=first.name)
    # What a busy worker took ahead would wait for ever.
    job = site.backend().run([slow(), site.bell(), slow(), site.bell()], shots=1)
    second = site.start("second")
    assert job.result(timeout=site.TIMEOUT).success
    assert {site.task(job, index).worker for index in range(4)} == {second.name}
    blocker.cancel()


def test_a_long_message_that_is_lost_is_found_by_a_worker_of_short_ones(site):
    job = site.backend().run([slow(), site.bell(), slow()], shots=1)
    assert job.executor().records.client.rpop(LONG)
    site.start("short", options=["-Q", SHORT])
    site.await_that(lambda: waiting(site, job)[LONG] > 1, "the message is sent again, to its queue")
    assert waiting(site, job)[LONG] == 2, "what waits there is sent again, too"
    site.start("long", options=["-Q", LONG])
    assert job.result(timeout=site.TIMEOUT).success


def test_what_a_dead_worker_held_comes_back_to_its_queue(site):
    long = site.start("long", options=["-Q", LONG])
    job = site.backend().run(site.long(), shots=1)
    site.await_running(job)
    long.kill()
    site.start("short", options=["-Q", SHORT])
    site.await_that(lambda: waiting(site, job)[LONG] == 1, "the message is back in its queue")
    again = site.start("again", options=["-Q", LONG])
    assert job.result(timeout=site.TIMEOUT).success
    assert site.task(job).worker == again.name
