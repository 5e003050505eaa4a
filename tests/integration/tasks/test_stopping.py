"""Ways to stop a worker: it drains, then hands back what has not ended, and nobody pays for it."""

import os
import signal
import subprocess

import pytest
from qiskit.providers import JobStatus

from aerq.tasks.records.states import TaskState


def told_to_stop(worker):
    """Waits until the worker has heard that it shall stop."""
    with open(worker.log) as log:
        return "Warm shutdown" in log.read()


def waits_for_the_store(worker):
    """Waits until the worker has nothing left to do but to tell the store."""
    with open(worker.log) as log:
        return "is handed back when the store answers" in log.read()


def test_what_does_not_end_in_time_is_handed_back_without_an_attempt(site):
    first = site.start("first", drain_seconds=1)
    job = site.backend().run([site.endless(), site.bell("waits")], shots=1)
    site.await_running(job, worker=first.name)
    second = site.start("second", slots=2)
    first.process.terminate()
    assert first.process.wait(site.TIMEOUT) == 0
    task = site.await_running(job, attempt=2, worker=second.name)
    assert task.attempts == 1
    assert job.worker_results(1, timeout=site.TIMEOUT).success
    job.cancel()


def test_what_ends_in_time_stays(site):
    first = site.start("first", drain_seconds=60)
    job = site.backend().run([site.long(), site.bell("waits")], shots=10, seed_simulator=3)
    site.await_running(job)
    first.process.terminate()
    assert first.process.wait(site.TIMEOUT) == 0
    assert site.task(job).state is TaskState.DONE
    assert job.status(1) is JobStatus.QUEUED
    site.start("second")
    assert job.result(timeout=site.TIMEOUT).success
    assert job.metrics()["attempts"] == 2


def test_a_worker_that_drains_hears_a_cancel(site):
    first = site.start("first", drain_seconds=600)
    job = site.backend().run(site.endless(), shots=1)
    site.await_running(job)
    first.process.terminate()
    site.await_that(lambda: told_to_stop(first))
    job.cancel()
    assert first.process.wait(site.TIMEOUT) == 0
    assert job.status() is JobStatus.CANCELLED


@pytest.mark.parametrize("second_signal", [signal.SIGTERM, signal.SIGQUIT])
def test_a_second_signal_ends_the_wait(site, second_signal):
    first = site.start("first", drain_seconds=600)
    job = site.backend().run(site.endless(), shots=1)
    site.await_running(job)
    first.process.terminate()
    site.await_that(lambda: told_to_stop(first))
    with pytest.raises(subprocess.TimeoutExpired):
        first.process.wait(1)
    first.process.send_signal(second_signal)
    first.process.wait(site.TIMEOUT)
    second = site.start("second")
    assert site.await_running(job, attempt=2, worker=second.name).attempts == 1
    job.cancel()


def test_a_cold_shutdown_waits_for_no_slot_that_stands_still(site):
    first = site.start("first", drain_seconds=600)
    cancelled = site.backend().run(site.endless(), shots=1)
    site.await_running(cancelled)
    cancelled.cancel()  # the slot is replaced, and Celery waits for the answers of those who are new
    job = site.backend().run(site.endless(), shots=1)
    site.await_running(job)
    for slot in first.slots():
        slot.suspend()
    first.process.send_signal(signal.SIGQUIT)
    first.process.wait(20)
    second = site.start("second")
    assert site.await_running(job, attempt=2, worker=second.name).attempts == 1
    job.cancel()


def test_what_runs_is_handed_back_though_the_store_is_away_for_a_moment(site):
    first = site.start("first", drain_seconds=600)
    job = site.backend().run(site.endless(), shots=1)
    site.await_running(job)
    with site.server_away():
        first.process.terminate()
        site.await_that(lambda: told_to_stop(first))
        first.process.terminate()
        site.await_that(lambda: waits_for_the_store(first))
    first.process.wait(site.TIMEOUT)
    second = site.start("second")
    assert site.await_running(job, attempt=2, worker=second.name).attempts == 1
    job.cancel()


def test_slots_that_are_told_to_stop_with_their_parent_cost_no_attempt(site):
    # Slurm signals every process of a step.
    first = site.start("first", drain_seconds=600)
    job = site.backend().run(site.endless(), shots=1)
    site.await_running(job)
    second = site.start("second")
    os.killpg(first.process.pid, signal.SIGTERM)
    assert first.process.wait(site.TIMEOUT) == 0
    assert site.await_running(job, attempt=2, worker=second.name).attempts == 1
    job.cancel()


def test_all_workers_are_restarted_in_turn_under_load(site):
    workers = [site.start("a0", slots=1), site.start("b0", slots=1)]
    job = site.backend().run([site.bell(f"b{n}") for n in range(300)], shots=10, seed_simulator=1)
    for number, worker in enumerate(list(workers)):
        site.await_that(lambda least=20 * number: job.statuses().count(JobStatus.DONE) > least)
        worker.process.terminate()
        assert worker.process.wait(site.TIMEOUT) == 0
        site.start(f"c{number}", slots=1)
    assert job.result(timeout=site.TIMEOUT).success
    assert job.metrics()["attempts"] == 300
