"""Every kind of error has its exit code and one sentence."""

import concurrent.futures

import click
import pytest
from qiskit.exceptions import QiskitError

from aerq.config.errors import ClusterError, SettingsError, UnavailableError
from aerq.jobs.cli.failures import (
    InputError,
    InterruptedRunError,
    RunError,
    RunTimeoutError,
    failure_of,
    one_line,
    report,
)
from aerq.jobs.errors import JobCancelledError, JobError, JobTimeoutError, QobjValidationError
from aerq.tasks.wire.errors import DecodingError, EncodingError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JobError("x"), 1),
        (JobCancelledError("x"), 1),
        (RunError("x"), 1),
        (ClusterError("x"), 1),
        (DecodingError("x"), 1),
        (QobjValidationError("x"), 2),
        (EncodingError("x"), 2),
        (InputError("x"), 2),
        (SettingsError("x"), 2),
        (UnavailableError("x"), 2),
        (JobTimeoutError("x"), 3),
        (RunTimeoutError("x"), 3),
        (InterruptedRunError("x"), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_our_errors_are_their_own_sentence(error: BaseException, code: int) -> None:
    failure = failure_of(error)
    assert (failure.sentence, failure.code) == ("x", code)


@pytest.mark.parametrize(
    ("error", "sentence", "code"),
    [
        (click.UsageError("No such thing."), "No such thing", 2),
        (click.Abort(), "interrupted", 130),
        (KeyboardInterrupt(), "interrupted", 130),
        (OSError(28, "No space left on device", "out.png"), "out.png: No space left on device", 1),
        (MemoryError(), "this machine's memory does not suffice", 1),
        (QiskitError("bad gate"), "unexpected QiskitError: bad gate (`aerq --debug ...` shows where)", 1),
        (ZeroDivisionError("by zero"), "unexpected ZeroDivisionError: by zero (`aerq --debug ...` shows where)", 1),
        (concurrent.futures.CancelledError(), "unexpected CancelledError", 1),
        (BaseException(), "unexpected BaseException", 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_errors_are_said_in_one_sentence(error: BaseException, sentence: str, code: int) -> None:
    failure = failure_of(error)
    assert (failure.sentence, failure.code) == (sentence, code)


def test_a_sentence_is_one_line_and_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(InputError("a\nb\x1b[2Jc\u202e")) == 2
    assert capsys.readouterr().err == "aerq: a b?[2Jc?\n"
    assert len(one_line("x" * 5000)) == 1003
