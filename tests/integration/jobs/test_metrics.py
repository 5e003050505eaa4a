"""What jobs tell of themselves: metrics, reasons, a bar; and waiting for them from an event loop."""

import asyncio
import concurrent.futures
import time

import pytest
from qiskit import QuantumCircuit

from aerq.jobs import AerJob, AerJobSet, AerqProvider, JobError, JobTimeoutError, NoSuchJobError

TIMEOUT = 60


def bell(name="bell"):
    circuit = QuantumCircuit(2, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def endless(name="endless"):
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.x(0)
        circuit.measure(0, 0)
    return circuit


def bells(count):
    return [bell(f"bell_{i}") for i in range(count)]


@pytest.fixture
def stuck(backend):
    """A set of which the first job never ends by itself."""
    job = backend.run([endless(), bell()], shots=10)
    yield job
    job.cancel()


def test_metrics_of_one_job(backend, cluster):
    before = backend.celery_executor.records.ping()
    job = backend.run(bell(), shots=100, job_tags=["mine"])
    assert isinstance(job, AerJob)
    job.result(TIMEOUT)
    after = backend.celery_executor.records.ping()
    found = job.metrics()
    assert before <= found["submitted"] == found["queued"] <= found["started"] <= found["finished"] <= after
    assert found["seconds_queued"] == pytest.approx(found["started"] - found["submitted"])
    assert 0 < found["seconds_kernel"] <= found["finished"] - found["started"]
    assert found["attempts"] == 1
    assert found["state"] == "done"
    assert found["worker"] in {worker.name for worker in backend.workers()}
    assert set(found["versions"]) == {"aerq", "qiskit-aer"}
    assert AerqProvider(cluster.settings).job(job.job_id()).metrics() == found
    assert job.job_tags == ["mine"]


def test_metrics_of_a_set_are_totals_and_tasks(backend):
    job = backend.run(bells(4), shots=100)
    job.result(TIMEOUT)
    found = job.metrics()
    assert [task["job_id"] for task in found["tasks"]] == [each.job_id() for each in job.worker_job()]
    assert found["attempts"] == 4
    assert found["seconds_kernel"] == pytest.approx(sum(task["seconds_kernel"] for task in found["tasks"]))
    assert found["started"] == min(task["started"] for task in found["tasks"])
    assert found["finished"] == max(task["finished"] for task in found["tasks"])
    assert found["workers"] == sorted({task["worker"] for task in found["tasks"]})
    one = job.worker_job(2).metrics()
    assert {**found["tasks"][2], "versions": found["versions"]} == one


def test_metrics_of_what_has_not_happened_are_none(stuck):
    stuck.worker_job(1).result(TIMEOUT)
    found = stuck.metrics()
    assert found["finished"] is None
    assert found["tasks"][0]["finished"] is None
    assert found["tasks"][0]["seconds_kernel"] is None
    assert found["tasks"][1]["state"] == "done"


def test_metrics_of_a_deleted_job_and_of_another_executor(backend, cluster):
    job = backend.run(bell(), shots=10)
    job.result(TIMEOUT)
    AerqProvider(cluster.settings).delete_job(job.job_id())
    with pytest.raises(NoSuchJobError, match=job.job_id()):
        job.metrics()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for theirs in (backend.run(bell(), executor=pool), backend.run(bells(2), executor=pool)):
            theirs.result(TIMEOUT)
            with pytest.raises(JobError, match="executor of yours"):
                theirs.metrics()


def test_one_job_says_why_it_failed(backend):
    job = backend.run(endless(), shots=1, time_limit_seconds=1)
    with pytest.raises(JobError):
        job.result(TIMEOUT)
    assert list(job.error_messages()) == [0]
    assert "time limit" in job.error_messages()[0] or "seconds" in job.error_messages()[0]
    fine = backend.run(bell(), shots=10)
    fine.result(TIMEOUT)
    assert fine.error_messages() == {}


def test_progress_waits_for_the_end_and_draws_nothing_in_a_pipe(backend, capsys):
    for job in (backend.run(bells(3), shots=10), backend.run(bell(), shots=10)):
        assert job.progress(TIMEOUT) is None
        assert job.in_final_state()
    assert capsys.readouterr().out.strip() == ""


def test_progress_keeps_its_deadline(stuck):
    with pytest.raises(JobTimeoutError):
        stuck.progress(0.2)
    with pytest.raises(JobTimeoutError):
        stuck.worker_job(0).progress(0.2)


def test_await_gives_the_same_result_and_the_loop_goes_on(backend):
    job, one = backend.run(bells(4), shots=100, seed_simulator=3), backend.run(bell(), shots=100)
    assert isinstance(job, AerJobSet)

    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.create_task(tick())
        both = await asyncio.gather(job.aresult(TIMEOUT), one.aresult(TIMEOUT))
        ticking.cancel()
        return both, ticks

    (merged, single), ticks = asyncio.run(main())
    assert merged.get_counts() == job.result().get_counts()
    assert single.get_counts() == one.result().get_counts()
    assert ticks > 10


def test_async_for_sees_each_job_once(backend):
    job = backend.run(bells(5), shots=10)

    async def main():
        return [done async for done in job.as_completed(TIMEOUT)]

    seen = asyncio.run(main())
    assert sorted(each.job_id() for each in seen) == sorted(each.job_id() for each in job.worker_job())
    assert all(each.in_final_state() for each in seen)


def test_async_waits_keep_their_deadline(stuck):
    async def main():
        for wait in (stuck.aresult(0.3), stuck.worker_job(0).aresult(0.3)):
            with pytest.raises(JobTimeoutError, match=r"has not ended within 0\.3 seconds"):
                await wait
        seen = []
        with pytest.raises(JobTimeoutError):  # noqa: PT012 (the loop is what raises, after its first job)
            async for done in stuck.as_completed(5):
                seen.append(done.job_id())
        return seen

    assert asyncio.run(main()) == [stuck.worker_job(1).job_id()]


def test_a_cancelled_await_ends_at_once_and_leaves_the_job_alone(stuck):
    async def main():
        waits = [asyncio.create_task(stuck.aresult()) for _ in range(20)]
        await asyncio.sleep(0.1)
        for wait in waits:
            wait.cancel()
        return await asyncio.gather(*waits, return_exceptions=True)

    start = time.monotonic()
    ended = asyncio.run(main())
    assert time.monotonic() - start < 5
    assert all(isinstance(error, asyncio.CancelledError) for error in ended)
    assert not stuck.in_final_state()


def test_an_own_executors_set_can_be_awaited(backend):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        job = backend.run(bells(3), executor=pool, shots=10)

        async def main():
            names = [done.job_id() async for done in job.as_completed(TIMEOUT)]
            return names, await job.aresult(TIMEOUT)

        names, result = asyncio.run(main())
    assert len(names) == len(set(names)) == 3
    assert len(result.results) == 3
