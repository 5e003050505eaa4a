"""Several short tasks in one message: each stays a task of its own, whatever becomes of the message or its slot.

Some tasks here last long enough to be stopped, and share a message because the client is told that this is short.
"""

import contextlib
import functools
import os
import signal

import pytest
from celery import states
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit_aer import AerSimulator

from aerq.config.queues import RUN_EXPERIMENTS
from aerq.jobs import AerqSimulator, JobError, split
from aerq.jobs.cost import Estimate
from aerq.tasks.bundles import HEADER, to_kwargs
from aerq.tasks.publishing import publish_tasks

SHOTS, SEED = 50, 5
TASKS = 12


def lasts(name):
    """Some tenths of a second of work for one thread."""
    circuit = QuantumCircuit(17, name=name)
    for _ in range(12):
        circuit.h(range(17))
        circuit.t(range(17))
        circuit.cx(range(16), range(1, 17))
    circuit.measure_all()
    return circuit


class Bundled:
    """A job of which several tasks share each message."""

    def __init__(self, site, circuits):
        backend = AerqSimulator(settings=site.settings.evolve(message_seconds=1000))
        self.site, self.circuits = site, circuits
        self.set = backend.run(circuits, shots=SHOTS, seed_simulator=SEED)
        self.records = self.set.executor().records
        self.record = self.records.record(self.set.job_id())

    def job(self, index):
        return self.set.worker_job(index)

    def ids(self):
        return [message.task_id for message in self.record.messages]

    def freeze(self, index=1, attempt=1):
        """Stops the slot in the middle of a task: of this one, or of a later one if it was faster than we are."""
        while True:
            running = self.site.await_that(lambda: self.running(index, attempt), f"task {index} or a later one runs")
            os.kill(running[1].pid, signal.SIGSTOP)
            if self.task(running[0]) == running[1]:
                return running
            os.kill(running[1].pid, signal.SIGCONT)

    def running(self, first, attempt):
        """The first task from this one on that runs for at least that time, and its record."""
        tasks = self.records.tasks(self.set.job_id(), range(first, len(self.circuits)))
        found = [item for item in tasks.items() if item[1].state.value == "running" and item[1].attempt >= attempt]
        return found[0] if found else None

    def together(self):
        """The tasks that run at this moment."""
        tasks = self.records.tasks(self.set.job_id(), range(TASKS))
        return [index for index, task in tasks.items() if task.state.value == "running"]

    def thaw(self):
        for slot in self.worker.slots():
            os.kill(slot.pid, signal.SIGCONT)

    def gone(self, pid):
        return pid not in [slot.pid for slot in self.worker.slots()]

    def waiting(self):
        return self.records.client.llen(self.site.settings.queue)

    def task(self, index):
        return self.records.task(self.set.job_id(), index)

    def ends(self):
        """The states in which tasks ended, by their order."""
        return [one.state.value for one in self.records.completions(self.set.job_id(), "0", None)[1]]

    def completed(self):
        """The tasks in the order in which they ended."""
        return [one.index for one in self.records.completions(self.set.job_id(), "0", None)[1]]

    def counts(self):
        return self.set.result(timeout=self.site.TIMEOUT).get_counts()

    def expected(self):
        return AerSimulator().run(self.circuits, shots=SHOTS, seed_simulator=SEED).result().get_counts()

    def attempts(self):
        return [self.task(index).attempts for index in range(len(self.circuits))]


@pytest.fixture
def short(site):
    """One message after the other with several tasks that end at once; nobody runs them yet."""
    return Bundled(site, [site.bell(f"bell{n}") for n in range(TASKS)])


@pytest.fixture
def lasting(site):
    """Messages with several tasks of a second or more, in the one slot of a worker."""
    worker = site.start("one")
    job = Bundled(site, [lasts(f"long{n}") for n in range(TASKS)])
    job.worker = worker
    assert job.record.bundles == (3, 3, 3, 3)
    return job


def test_several_tasks_share_a_message_and_each_has_its_end(site, short):
    assert short.waiting() == len(short.record.bundles) < TASKS
    site.start("one", slots=2)
    assert short.counts() == short.expected()
    assert short.ends() == ["done"] * TASKS
    assert short.attempts() == [1] * TASKS
    assert [short.job(n).async_result().state for n in range(TASKS)] == [states.SUCCESS] * TASKS


def test_a_slot_that_dies_in_the_middle_of_a_message_loses_one_attempt_of_one_task(lasting):
    index, running = lasting.freeze()
    os.kill(running.pid, signal.SIGKILL)
    assert lasting.counts() == lasting.expected()
    assert lasting.attempts() == [1 + (n == index) for n in range(TASKS)]
    assert lasting.ends() == ["done"] * TASKS


def test_a_task_that_kills_its_slots_takes_nobody_with_it(lasting):
    index, running = lasting.freeze()
    os.kill(running.pid, signal.SIGKILL)
    for attempt in (2, 3):
        found, running = lasting.freeze(index, attempt)
        assert found == index
        os.kill(running.pid, signal.SIGKILL)
    with pytest.raises(JobError, match="started 3 times"):
        lasting.job(index).result(timeout=lasting.site.TIMEOUT)
    lasting.set.wait_for_final_state(lasting.site.TIMEOUT)
    assert [status.name for status in lasting.set.status(None)] == [
        "ERROR" if n == index else "DONE" for n in range(TASKS)
    ]
    assert lasting.attempts() == [1 + 2 * (n == index) for n in range(TASKS)]
    expected = lasting.expected()
    assert lasting.job(0).result().get_counts() == expected[0]


@pytest.fixture
def together(site, monkeypatch):
    """Messages of which all tasks start at once, because they are taken for very short, and are not."""
    monkeypatch.setattr(split, "estimate", lambda *_: Estimate("statevector", 0.0001, True))
    worker = site.start("one")
    job = Bundled(site, [lasts(f"long{n}") for n in range(TASKS)])
    job.worker = worker
    site.await_that(lambda: len(job.together()) > 1, "several tasks run in the slot")
    return job


def test_what_starts_together_comes_back_as_what_runs_alone(together):
    assert together.counts() == together.expected()
    assert together.attempts() == [1] * TASKS
    assert together.ends() == ["done"] * TASKS


def test_a_slot_that_dies_of_one_of_several_that_started_together_charges_none_and_then_only_that_one(together):
    lost = together.together()
    os.kill(together.task(lost[0]).pid, signal.SIGKILL)
    found, running = together.freeze(lost[1], attempt=2)
    assert together.together() == [found]  # what was lost starts alone
    assert together.attempts()[: found + 1] == [1] * (found + 1)
    os.kill(running.pid, signal.SIGKILL)
    assert together.counts() == together.expected()
    assert together.attempts() == [1 + (n == found) for n in range(TASKS)]
    assert together.completed()[-1] == found  # alone, behind the others, which had waited for it twice
    lines = together.job(lost[-1]).logs()
    assert any("of several tasks that had started together" in line for line in lines)


def test_the_cancel_of_one_of_several_that_started_together_stops_the_slot_and_charges_none(together):
    lost = together.together()
    pid = together.task(lost[0]).pid
    os.kill(pid, signal.SIGSTOP)
    cancelled = lost[-1]
    together.job(cancelled).cancel()
    together.site.await_that(lambda: together.gone(pid))
    together.set.wait_for_final_state(together.site.TIMEOUT)
    assert [status.name for status in together.set.status(None)] == [
        "CANCELLED" if n == cancelled else "DONE" for n in range(TASKS)
    ]
    assert together.attempts() == [1] * TASKS


def test_a_worker_that_dies_with_several_that_started_together_loses_none(together):
    lost = together.together()
    together.worker.kill()
    together.site.start("two")
    assert together.counts() == together.expected()
    assert together.ends() == ["done"] * TASKS
    assert together.attempts() == [1 + (n in lost) for n in range(TASKS)]


def test_the_cancel_of_the_task_that_runs_stops_it_and_none_beside_it(lasting):
    index, running = lasting.freeze()
    lasting.job(index).cancel()
    lasting.site.await_that(lambda: lasting.gone(running.pid))
    lasting.set.wait_for_final_state(lasting.site.TIMEOUT)
    assert [status.name for status in lasting.set.status(None)] == [
        "CANCELLED" if n == index else "DONE" for n in range(TASKS)
    ]
    expected = lasting.expected()
    for other in {0, TASKS - 1} - {index}:
        assert lasting.job(other).result(timeout=lasting.site.TIMEOUT).get_counts() == expected[other]
    assert lasting.attempts() == [1] * TASKS


def test_a_task_that_is_cancelled_before_its_turn_never_starts(lasting):
    last = TASKS - 1
    lasting.freeze(0)
    lasting.job(last).cancel()
    lasting.thaw()
    lasting.set.wait_for_final_state(lasting.site.TIMEOUT)
    assert lasting.attempts() == [1] * last + [0]
    assert lasting.job(last).status() is JobStatus.CANCELLED


def test_the_cancel_of_a_set_stops_all(lasting):
    index, running = lasting.freeze()
    lasting.set.cancel()
    lasting.site.await_that(lambda: lasting.gone(running.pid))
    lasting.site.await_that(lambda: lasting.waiting() == 0)
    assert lasting.attempts() == [1] * (index + 1) + [0] * (TASKS - index - 1)


def test_a_dead_worker_s_message_runs_on_elsewhere(lasting):
    lasting.site.await_running(lasting.set, 1)
    lasting.worker.kill()
    lasting.site.start("two")
    assert lasting.counts() == lasting.expected()
    assert sorted(lasting.attempts()) == [1] * (TASKS - 1) + [2]


def test_a_task_that_kills_its_workers_delays_those_of_its_message_twice(lasting):
    site = lasting.site
    index, _ = lasting.freeze()
    lasting.worker.kill()
    lasting.worker = site.start("two")
    assert lasting.freeze(index, 2)[0] == index
    lasting.worker.kill()
    site.start("three")
    assert lasting.counts() == lasting.expected()
    assert lasting.completed()[-1] == index  # alone, behind the others
    assert lasting.attempts() == [1 + 2 * (n == index) for n in range(TASKS)]
    assert lasting.ends() == ["done"] * TASKS


def test_a_message_that_is_lost_is_sent_again_with_all_its_tasks(site, short):
    assert short.records.client.delete(site.settings.queue) == 1
    site.start("one")
    assert short.counts() == short.expected()
    assert short.attempts() == [1] * TASKS


def test_the_same_messages_ten_times_end_each_task_once(site, short):
    app = short.set.executor().app
    for _ in range(9):
        publish_tasks(app, site.settings, short.record)
    site.start("one", slots=2)
    site.await_that(lambda: short.waiting() == 0)
    assert short.counts() == short.expected()
    assert short.ends() == ["done"] * TASKS


def test_all_tasks_of_a_message_that_cannot_be_read_end_as_error(site, short):
    app, first = short.set.executor().app, short.record.bundles[0]
    messages = short.record.messages[:first]
    short.records.client.delete(site.settings.queue)
    app.send_task(
        RUN_EXPERIMENTS,
        kwargs={**to_kwargs(messages), "version": 99},
        task_id=messages[0].task_id,
        queue=site.settings.queue,
        headers={HEADER: [[message.index, ""] for message in messages]},
    )
    site.start("one")
    for index in range(first):
        with pytest.raises(JobError, match="version 99"):
            short.job(index).result(timeout=site.TIMEOUT)
    assert short.job(first).result(timeout=site.TIMEOUT).success


def test_celery_s_revoke_of_one_task_leaves_the_others(site, short):
    worker = site.start("one", slots=1)
    blocker = site.backend().run(site.endless(), shots=1)
    again = Bundled(site, short.circuits)  # behind what never ends
    site.await_running(blocker)
    size, app = again.record.bundles[0], again.set.executor().app
    assert size > 1
    revoked = {again.ids()[0], again.ids()[size + 1]}
    app.control.revoke(list(revoked))
    site.await_that(lambda: revoked <= set((app.control.inspect().revoked() or {}).get(worker.name, ())))
    blocker.cancel()
    again.set.wait_for_final_state(site.TIMEOUT)
    assert again.ends().count("cancelled") == 2
    assert [index for index, attempts in enumerate(again.attempts()) if not attempts] == [0, size + 1]


def test_flower_hears_of_each_task(site):
    site.start("one", slots=2)
    heard = {"task-received": {}, "task-started": {}, "task-succeeded": {}}

    def hear(event):
        heard[event["type"]][event["uuid"]] = event

    app = site.backend().celery_executor.app
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers=dict.fromkeys(heard, hear))
        consumers = receiver.get_consumers(functools.partial(app.amqp.Consumer, connection.default_channel), None)
        with contextlib.ExitStack() as stack:
            for consumer in consumers:
                stack.enter_context(consumer)
            site.await_that(lambda: app.control.enable_events(reply=True), "the worker sends events")

            def heard_of(task_ids, kinds):
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=0.2)
                return all(heard[kind].keys() >= set(task_ids) for kind in kinds)

            def begins():
                """Whether events of a job come; the first ones may go by before this client has subscribed."""
                ids = Bundled(site, [site.bell(f"first{n}") for n in range(TASKS)]).ids()
                return any(heard_of(ids, ["task-started"]) for _ in range(20))

            heard_of([], [])  # kombu subscribes when it waits for the first time
            # Celery's worker begins with the events of what a slot does, and goes on with those of messages.
            site.await_that(begins, "events come")
            job = Bundled(site, [site.bell(f"bell{n}") for n in range(TASKS)])
            site.await_that(functools.partial(heard_of, job.ids(), heard), "all events of a job")
    assert job.record.bundles
    assert [heard["task-received"][one]["kwargs"] for one in job.ids()] == [
        f"circuit=bell{n} qubits=2 shots={SHOTS}" for n in range(TASKS)
    ]
    assert {heard["task-succeeded"][one].get("result") for one in job.ids()} == {"done"}
    assert not any("exception" in heard["task-succeeded"][one] for one in job.ids())
