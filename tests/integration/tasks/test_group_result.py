"""Celery's own `AsyncResult` and `GroupResult` on jobs of ours."""

import subprocess
import sys
import threading

import pytest
from celery.exceptions import TaskRevokedError
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import GroupResult
from qiskit import QuantumCircuit

from aerq.config.celery import create_app
from aerq.jobs import AerqProvider
from aerq.jobs.groupresult import SetResult
from aerq.tasks.message import Message
from aerq.tasks.records.job import JobRecord
from aerq.tasks.records.states import TaskState

TIMEOUT = 60


@pytest.fixture
def app(settings):
    made = create_app(settings)
    yield made
    made.close()


def submit(records, job_id, tasks):
    messages = tuple(Message(job_id, i, "c" * 64, "o" * 64, None, None, i, 1, 0, 10, 7) for i in range(tasks))
    names = tuple(f"c{i}" for i in range(tasks))
    records.create(JobRecord(job_id, "aer", "0", names, tuple(range(tasks)), (), messages, "aer", True, "0.1"), {})


def finish(records, job_id, index):
    assert records.start(job_id, index, "worker", "1:1").answer == "run"
    assert records.finish(job_id, index, "1:1", TaskState.DONE, parts=[b"result"])


def group(app, *task_ids):
    return GroupResult("g", [app.AsyncResult(task_id) for task_id in task_ids], app=app)


def test_all_ways_of_collecting_a_group(records, app):
    submit(records, "one", 3)
    submit(records, "two", 1)
    for place in (("one", 2), ("one", 0), ("two", 0), ("one", 1)):
        finish(records, *place)
    found = group(app, "one.0", "two.0", "one.2")
    wanted = {"success": True, "parts": 1, "seconds": 0.0}
    assert (
        found.join_native(timeout=TIMEOUT) == found.get(timeout=TIMEOUT) == found.join(timeout=TIMEOUT) == [wanted] * 3
    )
    assert {task_id for task_id, _ in found.iter_native(timeout=TIMEOUT)} == {"one.0", "two.0", "one.2"}
    assert found.completed_count() == 3
    assert (found.ready(), found.successful(), found.failed(), found.waiting()) == (True, True, False, False)
    seen = []
    found.join_native(timeout=TIMEOUT, callback=lambda task_id, value: seen.append((task_id, value["success"])))
    assert sorted(seen) == [("one.0", True), ("one.2", True), ("two.0", True)]


def test_more_results_than_one_read_brings(records, app):
    submit(records, "many", 4500)
    records.cancel("many")
    found = group(app, *(f"many.{i}" for i in range(4500)))
    states = {meta["status"] for _, meta in found.iter_native(timeout=TIMEOUT)}
    assert states == {"REVOKED"}


def test_a_group_is_woken_by_the_end_of_its_tasks(records, app):
    submit(records, "one", 1)
    submit(records, "two", 1)
    threading.Timer(0.3, finish, [records, "two", 0]).start()
    threading.Timer(0.6, finish, [records, "one", 0]).start()
    seen = [task_id for task_id, _ in group(app, "one.0", "two.0").iter_native(timeout=TIMEOUT, interval=0.05)]
    assert sorted(seen) == ["one.0", "two.0"]


def test_a_group_keeps_its_deadline_and_raises_what_a_task_raised(records, app):
    submit(records, "j", 2)
    finish(records, "j", 0)
    for ids in (["j.0", "j.1"], ["j.0", "j.1", "a stranger"]):
        with pytest.raises(CeleryTimeoutError):
            group(app, *ids).join_native(timeout=0.2)
        with pytest.raises(CeleryTimeoutError):
            group(app, *ids).join_native(timeout=0)
    assert group(app, "j.0", "j.1").completed_count() == 1
    records.fail("j", 1, "the kernel said no")
    with pytest.raises(RuntimeError, match="the kernel said no"):
        group(app, "j.0", "j.1").join_native(timeout=TIMEOUT)
    assert isinstance(group(app, "j.0", "j.1").join_native(timeout=TIMEOUT, propagate=False)[1], RuntimeError)
    submit(records, "k", 1)
    records.cancel("k")
    with pytest.raises(TaskRevokedError):
        group(app, "k.0").get(timeout=TIMEOUT)


def answers(group):
    """All that Celery's group can be asked without waiting."""
    return [getattr(group, name)() for name in ("ready", "waiting", "successful", "failed", "completed_count")]


def test_a_set_answers_as_celerys_group_does(records, app):
    submit(records, "j", 20)

    def ask():
        ids = [*(f"j.{i}" for i in range(20)), *strangers]
        found = SetResult("g", [app.AsyncResult(one) for one in ids], app=app)
        assert answers(found) == answers(group(app, *ids)), ids
        return answers(found)

    strangers = []
    assert ask() == [False, True, False, False, 0]
    for index in range(19):
        finish(records, "j", index)
    assert ask() == [False, True, False, False, 19]
    finish(records, "j", 19)
    assert ask() == [True, False, True, False, 20]
    strangers = ["a stranger", "other.0"]
    assert ask() == [False, True, False, False, 20]
    strangers = []
    submit(records, "j2", 1)
    records.fail("j2", 0, "because")
    strangers = ["j2.0"]
    assert ask() == [True, False, False, True, 20]
    submit(records, "j3", 1)
    records.cancel("j3")
    strangers = ["j3.0"]
    assert ask() == [True, False, False, False, 20]


def test_a_large_set_is_asked_for_in_few_reads(records, settings):
    submit(records, "many", 3000)

    def reads():
        return records.client.info("commandstats").get("cmdstat_hmget", {}).get("calls", 0)

    found = AerqProvider(settings).job("many").group_result()
    before = reads()
    assert not found.ready()
    assert reads() - before == 1, "the first task tells it"
    records.cancel("many", range(2999))
    before = reads()
    assert not found.ready()
    assert reads() - before <= 10
    before = reads()
    assert not found.ready()
    assert reads() - before == 1, "what has ended is known"
    finish(records, "many", 2999)
    before = reads()
    assert answers(found) == [True, False, False, False, 1]
    assert reads() - before == 1


def test_a_job_set_is_a_group(backend):
    circuit = QuantumCircuit(1, 1, name="one")
    circuit.h(0)
    circuit.measure(0, 0)
    found = backend.run([circuit] * 5, shots=10).group_result()
    assert [value["success"] for value in found.join_native(timeout=TIMEOUT)] == [True] * 5


def test_an_interpreter_with_thousands_of_live_handles_ends_in_silence(records, settings):
    submit(records, "many", 3000)
    script = f"""
from aerq.config import Settings
from aerq.jobs import AerqProvider
provider = AerqProvider(Settings(broker_url={settings.broker_url!r}))
job = provider.job("many")
handles = job.worker_job()
futures = [handle._future for handle in handles]
results = [handle.async_result() for handle in handles]
group = job.group_result()
assert {{result.state for result in results[:20]}} == {{"PENDING"}}
print(len(results), job.status().name)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3000 QUEUED\n", "")
