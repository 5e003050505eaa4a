"""The state table of DESIGN: what the records say, in Qiskit's words."""

import dataclasses
import itertools

import pytest
from qiskit.providers import JobStatus

from aerq.jobs.status import TASK_STATUS, status_of_counts, status_of_statuses
from aerq.tasks.records.job import JobCounts
from aerq.tasks.records.states import TaskState

Q, R, D, E, C = JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED


def counts_of(states):
    number = {state: states.count(state) for state in TaskState}
    started = 1.0 if any(state is not TaskState.QUEUED for state in states) else None
    return JobCounts(
        tasks=len(states),
        running=number[TaskState.RUNNING],
        done=number[TaskState.DONE],
        marked=number[TaskState.MARKED],
        failed=number[TaskState.FAILED],
        cancelled=number[TaskState.CANCELLED],
        created=0.0,
        started=started,
        finished=None,
    )


def expected(statuses):
    """The sentence of DESIGN, word for word: QUEUED until one starts; RUNNING until all have ended; then the rest."""
    if all(status is Q for status in statuses):
        return Q
    if any(status in (Q, R) for status in statuses):
        return R
    if E in statuses:
        return E
    return C if C in statuses else D


def test_every_state_has_a_status():
    assert set(TASK_STATUS) == set(TaskState)


@pytest.mark.parametrize("states", list(itertools.product(TaskState, repeat=3)))
def test_a_set_has_the_status_of_the_table(states):
    statuses = [TASK_STATUS[state] for state in states]
    assert status_of_counts(counts_of(list(states))) is expected(statuses)
    assert status_of_statuses(statuses) is expected(statuses)


def test_a_set_on_an_executor_that_has_not_begun_is_initializing():
    assert status_of_statuses([JobStatus.INITIALIZING, Q]) is JobStatus.INITIALIZING


def test_what_was_lost_waits_again_and_a_set_that_has_begun_does_not_go_back():
    for tasks, status in ((1, Q), (3, R)):
        lost = dataclasses.replace(counts_of([TaskState.QUEUED] * tasks), started=1.0)
        assert status_of_counts(lost) is status
