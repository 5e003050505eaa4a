"""Finding jobs again, and what is said of ids and numbers that are wrong."""

import gc
import weakref

import msgpack
import pytest
from qiskit import QuantumCircuit

from aerq.jobs import AerJob, AerJobSet, AerqProvider, AerqSimulator, JobError, NoSuchJobError, QobjValidationError
from aerq.tasks.kernel import run_qobj
from aerq.tasks.records import keys


@pytest.fixture
def backend(settings):
    """A backend of which nothing ever runs: there is no worker."""
    made = AerqSimulator(settings=settings)
    made.celery_executor.records.client.flushdb()
    return made


@pytest.fixture
def provider(settings):
    return AerqProvider(settings)


def circuits(count):
    found = [QuantumCircuit(1, 1, name=f"c{i}") for i in range(count)]
    for circuit in found:
        circuit.measure(0, 0)
    return found


@pytest.mark.parametrize(
    "job_id", ["nope", "nope.0", "", " ", "a:tasks", "x" * 500, 5, None, "\n", "*", "../x", "é", "j.0.0", "%s"]
)
def test_an_unknown_id_is_no_such_job(backend, provider, job_id):
    with pytest.raises(NoSuchJobError, match="no such job"):
        provider.job(job_id)
    with pytest.raises(NoSuchJobError, match="no such job"):
        provider.delete_job(job_id)


def test_an_id_of_a_task_is_its_job(backend, provider):
    job = backend.run(circuits(3))
    assert provider.job(f"{job.job_id()}.2").job_id() == f"{job.job_id()}.2"
    for number in ("3", "99999999999999999999", "-1", "1 ", "x"):
        with pytest.raises(NoSuchJobError):
            provider.job(f"{job.job_id()}.{number}")
    for other in ("tasks", "completions"):  # parts of the record, and no job
        with pytest.raises(NoSuchJobError):
            provider.job(f"{job.job_id()}:{other}")


@pytest.mark.parametrize("worker", [3, -1, 10**20, True, "1", 1.0, [0, 3], [None], ["0"]])
def test_a_worker_out_of_range_is_named(backend, worker):
    job = backend.run(circuits(3))
    for ask in (job.status, job.worker_job, job.worker_results):
        with pytest.raises(JobError, match="it has 3 jobs, from 0 to 2"):
            ask(worker)


def test_a_job_is_submitted_once(backend, provider):
    qobj = backend.run(circuits(1)[0]).qobj()
    first, second = (AerJob(backend, "mine", run_qobj, qobj) for _ in range(2))
    first.submit()
    with pytest.raises(JobError, match="already been submitted"):
        first.submit()
    with pytest.raises(JobError, match="with the id mine was submitted before"):
        second.submit()
    job_set = AerJobSet(backend, "several", run_qobj, [qobj])
    job_set.submit()
    with pytest.raises(RuntimeError, match="already submitted"):
        job_set.submit()
    assert first.executor() is backend.celery_executor
    assert isinstance(provider.job("several"), AerJobSet)


def test_a_job_of_a_newer_aerq_is_refused_by_name(backend, provider, caplog):
    old, new = backend.run(circuits(2)), backend.run(circuits(2))
    client = backend.celery_executor.records.client
    version, values = msgpack.unpackb(client.hget(keys.job(new.job_id()), "record"))
    values["aerq"] = "9.9"
    client.hset(keys.job(new.job_id()), "record", msgpack.packb([version + 1, {**values, "unheard": 1}]))
    for ask in (provider.job, provider.delete_job):
        with pytest.raises(JobError, match=rf"job {new.job_id()}: .*by aerq 9\.9 in record version {version + 1}"):
            ask(new.job_id())
    assert [job.job_id() for job in provider.jobs(limit=1)] == [old.job_id()]
    assert "is left out" in caplog.text


def test_pages_are_whole_and_have_no_job_twice(backend, provider):
    ids = [backend.run(circuits(2), job_tags=["odd"] if i % 2 else []).job_id() for i in range(25)][::-1]
    pages = [[job.job_id() for job in provider.jobs(limit=10, skip=skip)] for skip in (0, 10, 20, 30)]
    assert pages == [ids[:10], ids[10:20], ids[20:], []]
    assert [job.job_id() for job in provider.jobs(limit=3, skip=2, job_tags=["odd"])] == ids[1::2][2:5]
    assert [job.job_id() for job in provider.jobs(limit=None, descending=False)] == ids[::-1]
    assert provider.jobs(limit=0) == []
    for bad in ({"limit": -1}, {"skip": -1}, {"job_tags": "odd"}, {"status": "done?"}):
        with pytest.raises(JobError):
            provider.jobs(**bad)
    for name, wrong in {"created_after": "today", "created_before": float("nan"), "job_tags": 5, "status": 3}.items():
        with pytest.raises(JobError, match=f"{name} is {wrong!r}|there is no status '3'"):
            provider.jobs(**{name: wrong})


def test_a_handle_does_not_keep_circuits(backend):
    several = circuits(4)
    gone = [weakref.ref(circuit) for circuit in several]
    job = backend.run(several)
    del several
    gc.collect()
    assert [ref() for ref in gone] == [None] * 4
    assert job.worker_job(2).qobj().experiments[0].circuit.name == "c2"


@pytest.mark.parametrize("job_id", ["a:tasks", "", "x" * 101])
def test_an_id_that_could_not_be_found_again_is_refused(backend, job_id):
    qobj = backend.run(circuits(1)[0]).qobj()
    with pytest.raises(QobjValidationError, match="cannot be used"):
        AerJobSet(backend, job_id, run_qobj, [qobj]).submit()


def test_the_queue_is_counted_in_the_order_of_the_submits(backend):
    first, second = backend.run(circuits(3)), backend.run(circuits(2))
    assert (first.queue_position(), second.queue_position()) == (1, 4)
    assert [job.queue_position() for job in second.worker_job()] == [4, 5]
    first.worker_job(1).cancel()
    assert [job.queue_position() for job in first.worker_job()] == [1, None, 2]
    assert second.queue_position() == 3
    first.cancel()
    assert (first.queue_position(), second.queue_position()) == (None, 1)


@pytest.mark.parametrize("status", [None, "QUEUED"])
def test_a_job_that_has_expired_is_taken_off_the_list(backend, provider, status):
    ids = [backend.run(circuits(1)).job_id() for _ in range(4)]
    records = backend.celery_executor.records
    for job_id in ids[2:]:
        records.client.delete(keys.job(job_id))  # as if expired
    assert [job.job_id() for job in provider.jobs(limit=1, status=status)] == [ids[1]]
    assert [job_id for job_id, _ in records.job_ids(False, None, None)] == ids[:2]
