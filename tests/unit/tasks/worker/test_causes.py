"""What a slot died of, as its user reads it."""

import pytest
from billiard.exceptions import WorkerLostError

from aerq.tasks.worker.causes import cause_of_loss


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("signal 9 (SIGKILL)", "was killed (SIGKILL), most likely because its host ran out of memory"),
        ("signal 11 (SIGSEGV)", "crashed (SIGSEGV)"),
        ("signal 24 (SIGXCPU)", "was ended by a signal (SIGXCPU)"),
        ("exitcode 3", "ended with exit code 3"),
        ("", "ended"),
    ],
)
def test_a_cause_is_the_end_of_a_sentence(text, said):
    error = WorkerLostError(f"Worker exited prematurely: {text} Job: 5.")
    assert cause_of_loss(error, 0, 1000) == f"the process of its slot {said}"


def test_the_estimate_is_named_where_there_is_one():
    error = WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL) Job: 5.")
    assert cause_of_loss(error, 512, 1000).endswith("; the estimate of its memory is 512 MiB")
    assert "estimate" not in cause_of_loss(error, 0, 1000)


@pytest.mark.parametrize(
    ("estimate", "slot", "said"),
    [
        (0, 1000, "(SIGKILL), most likely because its host ran out of memory"),
        (250, 1000, "(SIGKILL), most likely because its host ran out of memory; "),
        (249, 1000, "(SIGKILL) from outside, or because its host ran out of memory; "),
        (1, None, "(SIGKILL), most likely because its host ran out of memory; "),
    ],
)
def test_memory_is_blamed_only_where_the_task_needs_a_real_share_of_it(estimate, slot, said):
    error = WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL) Job: 5.")
    assert said in cause_of_loss(error, estimate, slot)
