"""Jobs on executors of the user's: threads, processes' and Dask's kind of futures, Celery tasks of one's own."""

import asyncio
import concurrent.futures
import gc
import threading
import weakref

import pytest
from celery import Celery, states
from celery.exceptions import TaskRevokedError
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit.result import Result

from aerq.config.settings import Settings
from aerq.jobs import (
    AerJob,
    AerJobSet,
    BasicAerJob,
    CeleryExecutor,
    JobCancelledError,
    JobError,
    JobTimeoutError,
    QobjValidationError,
)
from aerq.jobs.deadline import Deadline
from aerq.jobs.futures import TaskResultFuture
from aerq.jobs.layout import Layout
from aerq.tasks.kernel import run_qobj
from aerq.tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader

TIMEOUT = 30


def result_of(name, success=True):
    entry = {"shots": 1, "success": success, "data": {"counts": {"0x0": 1}}, "header": {"name": name}}
    return Result.from_dict(
        {"job_id": "x", "success": success, "status": "COMPLETED" if success else "ERROR", "results": [entry]}
    )


def fn(qobj, job_id, *args):
    """A user's own function."""
    if isinstance(qobj, BaseException):
        raise qobj
    return result_of(str(qobj))


class ByHand:
    """An executor of which a test ends the futures, in the order it likes."""

    def __init__(self, future=concurrent.futures.Future):
        self.future = future
        self.futures = []
        self.calls = []

    def submit(self, function, /, *args):
        self.calls.append((function, args))
        self.futures.append(self.future())
        return self.futures[-1]


class DaskLike:
    """A future with the methods of Dask's: no `running`, `cancel` returns nothing, the errors of asyncio."""

    def __init__(self):
        self.state = "pending"
        self.callbacks = []
        self.ended = threading.Event()

    def end(self, state, value=None):
        self.state, self.value = state, value
        self.ended.set()
        for callback in self.callbacks:
            callback(self)

    def done(self):
        return self.state != "pending"

    def cancelled(self):
        return self.state == "cancelled"

    def cancel(self):  # forgets what it has, as Dask does
        self.end("cancelled")

    def exception(self, timeout=None):
        return self.value if self.state == "error" else None

    def result(self, timeout=None):
        if not self.ended.wait(timeout):
            raise TimeoutError
        if self.state == "cancelled":
            raise asyncio.CancelledError("by dask")
        if self.state == "error":
            raise self.value
        return self.value

    def add_done_callback(self, callback):
        self.callbacks.append(callback)


class Mute(DaskLike):
    """A future that calls nobody back."""

    add_done_callback = property()

    def __init__(self):
        super().__init__()
        self.looks = 0

    def done(self):
        self.looks += 1
        return super().done()


def job_on(executor, qobj="one", kind=AerJob):
    job = kind(None, "j", fn, qobj, executor=executor)
    job.submit()
    return job


def set_on(executor, qobjs):
    job = AerJobSet(None, "j", fn, qobjs, executor)
    job.submit()
    return job


@pytest.mark.parametrize("kind", [AerJob, BasicAerJob])
def test_the_states_of_a_future(kind):
    executor = ByHand()
    job = job_on(executor, kind=kind)
    (future,) = executor.futures
    assert job.status() is JobStatus.QUEUED
    with pytest.raises(JobTimeoutError):
        job.result(timeout=0)
    future.set_running_or_notify_cancel()
    assert job.status() is JobStatus.RUNNING
    assert not job.cancel()
    future.set_result(result_of("one"))
    assert job.status() is JobStatus.DONE
    assert job.result(timeout=0) is future.result()
    assert job.error_messages() == {}


def test_a_future_that_was_cancelled():
    executor = ByHand()
    job = job_on(executor)
    assert job.cancel()
    assert job.status() is JobStatus.CANCELLED
    with pytest.raises(JobCancelledError) as caught:
        job.result()
    assert isinstance(caught.value, concurrent.futures.CancelledError)


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("the function's own"), JobError("mine")])
def test_a_function_that_raises_is_an_error_with_its_own_exception(error):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        job = job_on(pool, error)
        with pytest.raises(type(error)) as caught:
            job.result(TIMEOUT)
        assert caught.value is error
        assert job.status() is JobStatus.ERROR
        assert job.error_messages() == {0: str(error)}


def test_a_result_that_says_that_it_failed_is_an_error():
    executor = ByHand()
    job = job_on(executor)
    executor.futures[0].set_result(result_of("one", success=False))
    assert job.status() is JobStatus.ERROR
    assert job.result().success is False


@pytest.mark.parametrize("future", [DaskLike, Mute])
def test_futures_of_dasks_kind(future):
    executor = ByHand(future)
    job = set_on(executor, ["a", "b", "c"])
    assert job.status() is JobStatus.QUEUED
    with pytest.raises(JobTimeoutError, match="0 of 3 tasks"):
        job.result(timeout=0)
    executor.futures[2].end("finished", result_of("c"))
    assert job.statuses() == [JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.DONE]
    executor.futures[0].end("error", ValueError("no"))
    executor.futures[1].cancel()
    assert job.statuses() == [JobStatus.ERROR, JobStatus.CANCELLED, JobStatus.DONE]
    assert job.status() is JobStatus.ERROR
    assert job.error_messages() == {0: "no"}
    with pytest.raises(JobCancelledError):
        job.worker_results([1, 2])
    with pytest.raises(ValueError, match="no"):
        job.result(timeout=1)
    assert job.worker_results(2).results[0].header["name"] == "c"


def test_the_first_end_of_a_future_stands():
    executor = ByHand(DaskLike)
    job, seen = job_on(executor), job_on(executor)
    for future in executor.futures:
        future.end("finished", result_of("one"))
    assert not job.cancel()
    assert job.status() is JobStatus.DONE
    assert job.result().success
    assert seen.done()
    executor.futures[1].end("cancelled")
    assert seen.done()


@pytest.mark.parametrize("future", [concurrent.futures.Future, DaskLike, Mute])
def test_jobs_come_in_the_order_in_which_they_end(future):
    executor = ByHand(future)
    job = set_on(executor, list("abcdefgh"))
    order = [3, 0, 7, 1, 6, 2, 5, 4]
    arriving = job.as_completed(TIMEOUT)
    for index in order:
        target = executor.futures[index]
        ending = (
            target.set_result if future is concurrent.futures.Future else lambda value, t=target: t.end("done", value)
        )
        threading.Timer(0.01, ending, [result_of("x")]).start()
        assert next(arriving) is job.worker_job(index)
    assert list(arriving) == []


def test_async_for_comes_in_that_order_too():
    executor = ByHand()
    job = set_on(executor, list("abc"))

    async def main():
        seen = []
        for index in (2, 0, 1):
            executor.futures[index].set_result(result_of("x"))
        async for done in job.as_completed(TIMEOUT):
            seen.append(done.job_id())
        return seen

    assert asyncio.run(main()) == ["j.2", "j.0", "j.1"]


def test_many_futures_cost_no_square_of_looks():
    executor = ByHand(Mute)
    job = set_on(executor, list(range(300)))
    for future in executor.futures:
        future.end("done", result_of("x"))
    assert len(list(job.as_completed(TIMEOUT))) == 300
    assert sum(future.looks for future in executor.futures) <= 3 * 300


def test_a_set_of_a_users_function_is_one_result_in_order():
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        job = set_on(pool, ["a", "b", "c"])
        result = job.result(TIMEOUT)
    assert [entry.header["name"] for entry in result.results] == ["a", "b", "c"]
    assert (result.success, result.job_id) == (True, "j")
    assert job.result() is result
    assert job.executor() is job.worker_job(1).executor() is pool


def test_a_function_that_gives_no_result_is_named():
    executor = ByHand()
    job = set_on(executor, ["a", "b"])
    for number, future in enumerate(executor.futures):
        future.set_result(number)
    assert [job.worker_job(0).result(), job.worker_job(1).result()] == [0, 1]
    with pytest.raises(JobError, match="gave a int and not a Result"):
        job.result()


def test_each_experiment_of_a_large_set_is_found_without_a_look_at_all_others(monkeypatch):
    looks = []
    names_of = Layout.names_of
    monkeypatch.setattr(Layout, "names_of", lambda self, index: looks.append(index) or names_of(self, index))
    executor, count = ByHand(), 300
    jobs = AerJobSet(None, "s", fn, [QuantumCircuit(1, name=f"c{index % 299}") for index in range(count)], executor)
    jobs.submit()
    assert [jobs.worker(f"c{index}") for index in range(1, 299)] == list(range(1, 299))
    assert jobs.worker("c0") == [0, 299]
    assert jobs.job("c7") == (jobs.worker_job(7), 0)
    assert len(looks) < 3 * count
    for nothing in ("c300", None, 5, []):
        with pytest.raises(JobError, match="no experiment of job s is called"):
            jobs.worker(nothing)


def test_experiments_of_other_kinds_are_found_by_name():
    class Entry:
        def __init__(self, name):
            self.header = type("Header", (), {"name": name})

    class OldQobj:
        def __init__(self, *names):
            self.experiments = [Entry(name) for name in names]

    circuit = QuantumCircuit(1, name="circuit")
    job = set_on(ByHand(), [OldQobj("a", "b"), circuit, [circuit, QuantumCircuit(1, name="c")]])
    assert job.worker("a") == 0
    assert job.worker(circuit) == [1, 2]
    assert job.job("b") == (job.worker_job(0), 1)
    assert job.job("c") == (job.worker_job(2), 1)
    with pytest.raises(JobError, match="is called 5: give its name or its circuit, not a value of type int"):
        job.worker(5)
    for nothing in ("d", None, 5):
        with pytest.raises(JobError, match="no experiment of job j is called"):
            job.worker(nothing)
        with pytest.raises(JobError, match="no experiment of job j is called"):
            job.job(nothing)


def test_an_executor_that_refuses_leaves_nothing_behind():
    class Full(ByHand):
        def submit(self, function, /, *args):
            if len(self.futures) == 2:
                raise RuntimeError("full")
            return super().submit(function, *args)

    executor = Full()
    job = AerJobSet(None, "j", fn, list("abc"), executor)
    with pytest.raises(RuntimeError, match="full"):
        job.submit()
    assert all(future.cancelled() for future in executor.futures)
    with pytest.raises(JobError, match="not been submitted"):
        job.status()


def test_both_signatures_of_the_seeds():
    executor = ByHand()
    AerJob(None, "j", fn, "q", executor).submit()
    AerJob(None, "j", fn, "q", executor=executor).submit()
    AerJob(None, "j", fn, "q", {"shots": 5}, "noise", executor=executor).submit()
    AerJob(None, "j", fn, "q", {"shots": 5}, executor=executor).submit()
    BasicAerJob(None, "j", fn, "q", executor).submit()
    assert [args for _, args in executor.calls] == [
        ("q", "j"),
        ("q", "j"),
        ("q", "j", {"shots": 5}, "noise"),
        ("q", "j", {"shots": 5}),
        ("q", "j"),
    ]
    assert isinstance(AerJob(None, "j", fn, "q", None).executor(), CeleryExecutor)
    assert isinstance(AerJob(None, "j", fn, "q")._executor, CeleryExecutor)
    assert isinstance(BasicAerJob(None, "j", fn, "q")._executor, CeleryExecutor)
    assert isinstance(AerJobSet(None, 7, fn, ["q"]).executor(), CeleryExecutor)
    assert AerJobSet(None, 7, fn, ["q"]).job_id() == "7"
    assert AerJob(None, "j", fn, "q", note="kept").metadata == {"note": "kept"}
    assert AerJob(None, "j", fn, "q").qobj() == "q"
    assert AerJob.version == AerJobSet.version == BasicAerJob.version == 1


def qobj():
    return Qobj("j", QobjHeader(), QobjConfig(1, 1), (QobjExperiment(QuantumCircuit(1, name="one")),))


def ours():
    return CeleryExecutor(Settings(broker_url="redis://localhost:1/0"))


def test_further_arguments_are_refused_where_workers_take_none():
    with pytest.raises(QobjValidationError, match="1 further arguments for the function cannot be sent"):
        AerJob(None, "j", run_qobj, qobj(), 5, executor=ours()).submit()
    with pytest.raises(QobjValidationError, match="2 further arguments"):
        ours().submit(run_qobj, qobj(), "j", 5, 6)


def test_a_function_of_the_users_is_no_message():
    for job in (AerJob(None, "j", fn, qobj(), executor=ours()), AerJobSet(None, "j", fn, [qobj()], ours())):
        with pytest.raises(QobjValidationError, match="'fn': workers run no code that arrives by message"):
            job.submit()


@pytest.mark.parametrize(
    ("function", "given", "said"),
    [
        (run_qobj, QuantumCircuit(1), "run_qobj takes a Qobj and was given a QuantumCircuit"),
        (run_qobj, None, "run_qobj takes a Qobj and was given a NoneType"),
        (None, qobj(), "fn is None and no function"),
    ],
)
def test_the_wrong_argument_is_named(function, given, said):
    for job in (AerJob(None, "j", function, given, executor=ours()), AerJobSet(None, "j", function, [given], ours())):
        with pytest.raises(QobjValidationError, match=said):
            job.submit()


@pytest.mark.parametrize("job_id", ["", "a b", "a:tasks", "x" * 101, "a/b", "a\n"])
def test_ids_that_could_not_be_found_again_are_refused(job_id):
    with pytest.raises(QobjValidationError, match="cannot be used"):
        AerJob(None, job_id, run_qobj, qobj(), executor=ours()).submit()


def test_a_set_of_nothing_is_refused():
    with pytest.raises(QobjValidationError, match="no experiments"):
        AerJobSet(None, "j", fn, [])


def test_a_handle_lets_go_of_what_it_need_not_hold():
    executor = ByHand()
    circuit = QuantumCircuit(1, name="one")
    job = AerJob(None, "j", fn, circuit, executor=executor)
    job.submit()
    executor.futures[0].set_result(result_of("one"))
    assert job.result().success
    gone = weakref.ref(circuit)
    executor.calls.clear()
    del circuit
    gc.collect()
    assert gone() is job.qobj()  # only the handle itself, which has to give it back


class Answer:
    """The `AsyncResult` of a user's task, in a given state."""

    def __init__(self, state, result=None):
        self.id, self.state, self.result = "t", state, result
        self.revoked = None

    def ready(self):
        return self.state in states.READY_STATES

    def get(self, timeout=None):
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    def revoke(self, **how):
        self.revoked = how


@pytest.mark.parametrize(
    ("state", "result", "status"),
    [
        (states.PENDING, None, JobStatus.QUEUED),
        (states.RECEIVED, None, JobStatus.QUEUED),
        (states.RETRY, ValueError("again"), JobStatus.QUEUED),
        (states.STARTED, None, JobStatus.RUNNING),
        (states.SUCCESS, {"success": True}, JobStatus.DONE),
        (states.SUCCESS, 5, JobStatus.DONE),
        (states.SUCCESS, {"success": False}, JobStatus.ERROR),
        (states.FAILURE, ValueError("no"), JobStatus.ERROR),
        (states.REVOKED, TaskRevokedError("stopped"), JobStatus.CANCELLED),
    ],
)
def test_the_states_of_a_users_celery_task(state, result, status):
    future = TaskResultFuture(Answer(state, result))
    assert future.job_status() is status
    final = state in states.READY_STATES
    assert future.wait(Deadline.after(0)) is final
    assert future.cancel() is (not final or status is JobStatus.CANCELLED)
    if not final:
        with pytest.raises(TimeoutError):
            future.result(timeout=0)
    elif status is JobStatus.CANCELLED:
        with pytest.raises(concurrent.futures.CancelledError):
            future.result()
    elif isinstance(result, ValueError):
        with pytest.raises(ValueError, match="no"):
            future.result()
        assert future.error_message() == "no"
    else:
        assert future.result() == result


def test_every_state_of_celery_is_in_the_table():
    known = {states.PENDING, states.RECEIVED, states.RETRY, states.STARTED}
    known |= {states.SUCCESS, states.FAILURE, states.REVOKED}
    assert known == states.ALL_STATES
    with pytest.raises(JobError, match="'PROGRESS', which is none of Celery's"):
        TaskResultFuture(Answer("PROGRESS")).job_status()


def test_a_celery_task_of_the_users_is_called():
    app = Celery(broker="memory://", backend="cache+memory://")

    @app.task(name="mine")
    def mine(data, job_id):
        return {"success": True, "data": data, "id": job_id}

    app.conf.task_always_eager = True
    job = AerJob(None, "j", mine, [1, 2], executor=ours())
    job.submit()
    assert job.result(TIMEOUT) == {"success": True, "data": [1, 2], "id": "j"}
    assert job.status() is JobStatus.DONE
    assert job.async_result().get() == job.result()
    app.conf.task_always_eager = False
    with pytest.raises(QobjValidationError, match="the arguments of the Celery task mine cannot travel"):
        AerJob(None, "j", mine, object(), executor=ours()).submit()
