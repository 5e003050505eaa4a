"""The status table whole: every state of a record, every method of every handle, before and after its end is seen."""

import concurrent.futures

import numpy as np
import pytest
from celery import states
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit.result import Result

from aerq.config.celery import create_app
from aerq.config.errors import UnavailableError
from aerq.config.settings import Settings
from aerq.jobs import (
    AerJob,
    AerJobSet,
    BasicAerJob,
    CeleryExecutor,
    JobCancelledError,
    JobError,
    JobTimeoutError,
    NoSuchJobError,
)
from aerq.jobs.layout import Layout
from aerq.jobs.submission import Submission
from aerq.tasks.backend import RecordBackend
from aerq.tasks.kernel import run_qobj
from aerq.tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader
from aerq.tasks.records.job import JobCounts
from aerq.tasks.records.states import TaskRecord, TaskState
from aerq.tasks.records.store import Completion

STATUS = {
    TaskState.QUEUED: JobStatus.QUEUED,
    TaskState.RUNNING: JobStatus.RUNNING,
    TaskState.DONE: JobStatus.DONE,
    TaskState.MARKED: JobStatus.ERROR,
    TaskState.FAILED: JobStatus.ERROR,
    TaskState.CANCELLED: JobStatus.CANCELLED,
}
CELERY = {
    TaskState.QUEUED: states.PENDING,
    TaskState.RUNNING: states.STARTED,
    TaskState.DONE: states.SUCCESS,
    TaskState.MARKED: states.SUCCESS,
    TaskState.FAILED: states.FAILURE,
    TaskState.CANCELLED: states.REVOKED,
}
ENDED = [state for state in TaskState if state.final]


class OneRecord:
    """The record of one job of one task, in memory."""

    def __init__(self, state):
        self.state = state
        self.away = False
        self.gone = False
        self.cancels = 0
        #: As far as it is asked for workers.
        self.client = self

    def zrange(self, *_, **__):
        """There are no workers."""
        return []

    def _answer(self):
        if self.away:
            raise UnavailableError("the store does not answer")

    def record(self, job_id):
        self._answer()

    def task(self, job_id, index):
        self._answer()
        reason = "the kernel said no" if self.state is TaskState.FAILED else ""
        return TaskRecord() if self.gone else TaskRecord(self.state, attempt=1, reason=reason, parts=1)

    def tasks(self, job_id, indexes=None):
        task = self.task(job_id, 0)
        return {} if task.state is TaskState.QUEUED and indexes is None else {0: task}

    def counts(self, job_ids):
        self._answer()
        if self.gone:
            return [None for _ in job_ids]
        numbers = {name: int(self.state == name) for name in ("running", "done", "marked", "failed", "cancelled")}
        return [JobCounts(tasks=1, **numbers, created=1.0, started=None, finished=None) for _ in job_ids]

    def completions(self, job_id, cursor, timeout):
        self._answer()
        if self.gone or not self.state.final or cursor != "0":
            return cursor, []
        return "1", [Completion(0, self.state, "1:1", int(self.state.has_result))]

    def cancel(self, job_id, indexes=()):
        self._answer()
        self.cancels += 1
        if self.gone:
            return None
        return 0 if self.state.final else 1

    def job_ids(self, newest_first, after, before):
        return []


class Nobody:
    """An application whose workers hear nothing."""

    def __init__(self):
        self.control = self

    def broadcast(self, *args, **kwargs):
        pass


class Executor(CeleryExecutor):
    """Ours, over a record in memory."""

    def __init__(self, record):
        super().__init__(Settings(broker_url="redis://localhost:1/0"))
        self.record = record
        self.nobody = Nobody()

    @property
    def records(self):
        return self.record

    @property
    def app(self):
        return self.nobody

    def read_states(self, job_id):
        return {index: task.state for index, task in self.record.tasks(job_id).items()}

    def outputs(self, job_id, completions):
        self.record._answer()
        (index, completion), *_ = completions.items()
        done = completion.state is TaskState.DONE
        header = {"name": "one", "metadata": {}}
        result = {"success": done, "status": "DONE" if done else "ERROR", "shots": 1, "data": {}, "header": header}
        return {
            index: {"results": [result], "success": done, "status": "COMPLETED" if done else "ERROR", "metadata": {}}
        }


def a_qobj():
    circuit = QuantumCircuit(1, name="one")
    return Qobj("j", QobjHeader(), QobjConfig(1, 1), (QobjExperiment(circuit),))


LAYOUT = Layout.of([a_qobj()])


def handle_of(kind, record):
    executor = Executor(record)
    if kind is AerJobSet:
        return AerJobSet.attached(None, "j", executor, LAYOUT, Submission(as_set=True))
    if kind == "one of a set":
        return AerJobSet.attached(None, "j", executor, LAYOUT, Submission(as_set=True)).worker_job(0)
    return kind.attached(None, "j", executor, executor.tasks("j", LAYOUT).future(0), LAYOUT, Submission())


KINDS = [AerJob, AerJobSet, BasicAerJob, "one of a set"]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: getattr(kind, "__name__", kind))
every_state = pytest.mark.parametrize("state", list(TaskState))
ended_state = pytest.mark.parametrize("state", ENDED)


@every_kind
@every_state
def test_what_a_handle_says_of_each_state(kind, state):
    job = handle_of(kind, OneRecord(state))
    assert job.status() is STATUS[state]
    assert isinstance(job.status(), JobStatus)
    assert job.done() is (state is TaskState.DONE)
    assert job.running() is (state is TaskState.RUNNING)
    assert job.cancelled() is (state is TaskState.CANCELLED)
    assert job.in_final_state() is state.final
    expected = {TaskState.FAILED: "the kernel said no", TaskState.MARKED: "Aer marked an experiment as failed"}
    assert [message.split(";")[0] for message in job.error_messages().values()] == (
        [expected[state]] if state in expected else []
    )
    assert job.queue_position() == (1 if state is TaskState.QUEUED else None)


@every_state
def test_a_set_lists_what_each_of_its_jobs_says(state):
    job = handle_of(AerJobSet, OneRecord(state))
    assert job.status(None) == job.statuses() == job.status([0]) == [STATUS[state]]
    assert job.status(0) is STATUS[state]


@pytest.mark.parametrize("one", [0, np.int64(0), np.uint8(0), np.array(0)])
def test_numbers_of_numpys_are_numbers_of_jobs(one):
    job = handle_of(AerJobSet, OneRecord(TaskState.DONE))
    assert job.status(one) is JobStatus.DONE
    assert job.status(np.array([one])) == job.status(iter([one])) == [JobStatus.DONE]
    assert job.worker_job(one) is job.worker_job(0)
    assert job.worker_job(np.array([one])) == [job.worker_job(0)]
    assert job.worker_results(one).success
    assert job.worker_results(np.array([one])).success


@pytest.mark.parametrize("wrong", [-1, 1, True, 0.0, np.int64(1), np.array([0.0]), "0", [None], object()])
def test_what_is_no_job_of_the_set_is_named(wrong):
    job = handle_of(AerJobSet, OneRecord(TaskState.DONE))
    for ask in (job.status, job.worker_job, job.worker_results):
        with pytest.raises(JobError, match=r"job j has no worker .*: it has 1 jobs, from 0 to 0"):
            ask(wrong)


@every_kind
@every_state
@pytest.mark.parametrize("timeout", [0, -1, 0.01])
def test_what_the_result_of_each_state_is(kind, state, timeout):
    job = handle_of(kind, OneRecord(state))
    if not state.final:
        becomes = "no worker that reads the queue 'aerq' is up" if state is TaskState.QUEUED else "it runs on"
        with pytest.raises(JobTimeoutError, match=becomes) as late:
            job.result(timeout)
        assert isinstance(late.value, TimeoutError)
        assert job.status() is STATUS[state]
    elif state is TaskState.CANCELLED:
        with pytest.raises(JobCancelledError) as cancelled:
            job.result(timeout)
        assert isinstance(cancelled.value, concurrent.futures.CancelledError)
    elif state is TaskState.FAILED:
        with pytest.raises(JobError, match="the kernel said no"):
            job.result(timeout)
    elif kind is not BasicAerJob:  # its results are of another form
        result = job.result(timeout)
        assert isinstance(result, Result)
        assert result.success is (state is TaskState.DONE)
        assert job.result() is result


@every_kind
@every_state
@pytest.mark.parametrize("timeout", [0, -5, 0.2])
def test_waiting_for_each_state(kind, state, timeout):
    job, seen = handle_of(kind, OneRecord(state)), []
    waits = [
        lambda: job.wait_for_final_state(timeout, 0.005, lambda *query: seen.append(query)),
        lambda: job.progress(timeout),
    ]
    for wait in waits:
        if state.final:
            wait()
        else:
            with pytest.raises(JobTimeoutError, match="has not ended within"):
                wait()
    if state.final or timeout <= 0:
        assert seen == []
    else:
        assert set(seen) == {(job.job_id(), STATUS[state], job)}


@every_kind
@every_state
def test_cancelling_each_state(kind, state):
    record = OneRecord(state)
    job = handle_of(kind, record)
    cancelled = not state.final or state is TaskState.CANCELLED  # as a future says it of a second cancel
    assert job.cancel() is (None if kind is AerJobSet else cancelled)
    assert record.cancels == 1


@every_kind
@ended_state
@pytest.mark.parametrize("later", [*TaskState, "gone", "away"])
def test_the_first_end_that_was_seen_stands(kind, state, later):
    record = OneRecord(state)
    job = handle_of(kind, record)
    job.wait_for_final_state(timeout=0)
    job.progress(0)
    if isinstance(later, TaskState):
        record.state = later
    record.gone, record.away = later == "gone", later == "away"
    assert job.status() is STATUS[state]
    assert job.in_final_state()


@every_kind
@every_state
def test_a_store_that_is_away_is_no_state(kind, state):
    record = OneRecord(state)
    job = handle_of(kind, record)
    record.away = True
    calls = [job.status, job.done, job.cancelled, job.running, job.in_final_state, job.cancel, job.error_messages]
    calls += [job.queue_position, lambda: job.result(0.01), lambda: job.wait_for_final_state(0.01)]
    calls += [lambda: job.progress(0.01), job.metrics]
    for call in calls:
        with pytest.raises(UnavailableError, match="does not answer"):
            call()


@every_kind
@every_state
def test_a_job_that_is_gone_is_no_such_job(kind, state):
    record = OneRecord(state)
    job = handle_of(kind, record)
    record.gone = True
    calls = [job.status, job.done, job.cancelled, job.running, job.in_final_state, job.cancel, job.error_messages]
    calls += [lambda timeout=timeout: job.result(timeout) for timeout in (0, -1, 0.01)]
    for call in [*calls, job.queue_position, job.wait_for_final_state, lambda: job.progress(0)]:
        with pytest.raises(NoSuchJobError, match="j"):
            call()


@every_state
def test_celerys_own_result_says_the_same(state):
    app = create_app(Settings(broker_url="redis://localhost:1/0"))
    backend = RecordBackend(app)
    backend._opened = OneRecord(state)
    result = app.AsyncResult("j.0")
    result.backend = backend
    assert result.state == CELERY[state]
    assert result.ready() is state.final
    assert result.successful() is state.has_result
    assert result.failed() is (state is TaskState.FAILED)
    many = dict(backend.get_many({"j.0"}, timeout=5)) if state.final else {}
    assert {name: meta["status"] for name, meta in many.items()} == ({"j.0": CELERY[state]} if state.final else {})


def early(kind):
    executor = Executor(OneRecord(TaskState.QUEUED))
    if kind is AerJobSet:
        return AerJobSet(None, "early", run_qobj, [a_qobj()], executor)
    return kind(None, "early", run_qobj, a_qobj(), executor)


@pytest.mark.parametrize("kind", [AerJob, AerJobSet, BasicAerJob])
def test_each_method_before_submit_says_so(kind):
    job = early(kind)
    calls = [job.status, job.done, job.running, job.cancelled, job.in_final_state, job.result, job.cancel, job.progress]
    calls += [job.wait_for_final_state, job.error_messages, job.metrics, job.queue_position]
    if kind is AerJobSet:
        calls += [job.statuses, job.as_completed, job.group_result, job.worker_job]
        calls += [lambda: job.worker("one"), lambda: job.job("one"), lambda: job.worker_results(0)]
    else:
        calls += [job.async_result]
    for call in calls:
        with pytest.raises(JobError, match=r"early .*not been submitted yet|early have not been submitted yet"):
            call()
    assert job.job_id() == "early"
    assert isinstance(job.executor(), CeleryExecutor)
    assert job.job_tags == []


def test_a_name_is_no_number_of_a_job_and_is_named_whole():
    job = handle_of(AerJobSet, OneRecord(TaskState.DONE))
    for ask in (job.status, job.worker_job, job.worker_results):
        with pytest.raises(JobError, match=r"has no worker 'bell' \(of type str\): it has 1 jobs"):
            ask("bell")


@every_kind
@pytest.mark.parametrize("timeout", ["x", float("nan"), [1]])
def test_a_timeout_that_is_no_number_is_refused(kind, timeout):
    job = handle_of(kind, OneRecord(TaskState.DONE))
    for ask in (job.result, job.wait_for_final_state):
        with pytest.raises(JobError, match="a timeout is a number of seconds or None, not"):
            ask(timeout=timeout)


def test_the_repr_of_a_handle_asks_no_store():
    job = handle_of(AerJobSet, None)
    assert (repr(job), repr(job.worker_job(0))) == ("<AerJobSet j, 1 task>", "<AerJob j.0, 1 task>")
