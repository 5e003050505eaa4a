"""What the record keeps of a failure that Celery saw and the task could not record itself."""

import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.exceptions import NotRegistered

from aerq.tasks.backend import CELERY_STATES, failure_reason
from aerq.tasks.records.states import TaskState
from aerq.tasks.versions import versions


def test_every_state_has_one_of_celerys():
    assert set(CELERY_STATES) == set(TaskState)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (TimeLimitExceeded(5.0), "it ran longer than its time limit of 5.0 seconds and was stopped"),
        (WorkerLostError("signal 9 (SIGKILL)"), "the worker process that ran it was lost (signal 9 (SIGKILL))"),
        ({"exc_type": "ValueError", "exc_message": ["bad", "thing"]}, "ValueError: bad thing"),
        ({"exc_type": "ExperimentsFailedError", "exc_message": ["a sentence"]}, "a sentence"),
        (ValueError("bad"), "ValueError: bad"),
        (
            NotRegistered("aerq.run_new"),
            f"this worker's aerq {versions()['aerq']} does not know the task aerq.run_new; run the same version of "
            "aerq on both sides",
        ),
        ("text", "text"),
    ],
)
def test_a_failure_becomes_one_sentence(failure, said):
    assert failure_reason(failure) == said
