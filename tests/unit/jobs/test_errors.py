import concurrent.futures
import copy
import pickle

import pytest
import qiskit.providers
from qiskit.exceptions import QiskitError

from aerq.config.errors import AerqError
from aerq.jobs.errors import (
    JobCancelledError,
    JobError,
    JobTimeoutError,
    NoSuchJobError,
    QobjValidationError,
)

SENTENCE = "Task 3 did not end in 2 s; the job runs on."
BASES = {
    JobError: [],
    JobTimeoutError: [
        qiskit.providers.JobTimeoutError,
        TimeoutError,
        concurrent.futures.TimeoutError,
        OSError,
    ],
    QobjValidationError: [ValueError],
    JobCancelledError: [concurrent.futures.CancelledError],
    NoSuchJobError: [],
}


@pytest.mark.parametrize("error_class", BASES, ids=lambda cls: cls.__name__)
class TestEveryError:
    def test_is_caught_as_each_of_its_bases(self, error_class):
        common = [error_class, JobError, AerqError, qiskit.providers.JobError, QiskitError]
        for base in common + BASES[error_class]:
            with pytest.raises(base) as caught:
                raise error_class(SENTENCE)
            assert type(caught.value) is error_class

    def test_str_is_the_plain_sentence(self, error_class):
        assert str(error_class(SENTENCE)) == SENTENCE
        assert error_class(SENTENCE).message == SENTENCE

    @pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
    def test_survives_copy_and_pickle(self, error_class, duplicate):
        again = duplicate(error_class(SENTENCE))
        assert type(again) is error_class
        assert str(again) == again.message == SENTENCE

    def test_joins_several_parts_as_qiskit_does(self, error_class):
        error = error_class("Experiment", "7", "failed.")
        assert str(error) == error.message == QiskitError("Experiment", "7", "failed.").message


def test_timeout_is_not_cancelled_and_not_validation():
    assert not issubclass(JobTimeoutError, (concurrent.futures.CancelledError, ValueError))
    assert not issubclass(JobCancelledError, (TimeoutError, ValueError))
