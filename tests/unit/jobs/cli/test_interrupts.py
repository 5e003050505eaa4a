"""Ctrl-C while a job is being submitted comes after it."""

import signal
import threading

import pytest

from aerq.jobs.cli.interrupts import deferred_interrupts, terminate_as_interrupt


def submit(signals: list[signal.Signals], steps: list[str] | None) -> None:
    """Submits something while signals arrive; without a list to note that in it fails."""
    with deferred_interrupts():
        for number in signals:
            signal.raise_signal(number)
        steps.append("submitted")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_for_the_end_of_the_block(number: signal.Signals) -> None:
    before, steps = signal.getsignal(number), []
    with pytest.raises(KeyboardInterrupt):
        submit([number], steps)
    assert steps == ["submitted"]
    assert signal.getsignal(number) == before


def test_a_second_interrupt_does_not_wait() -> None:
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        submit([signal.SIGINT, signal.SIGINT], steps)
    assert steps == []


def test_an_error_in_the_block_wins() -> None:
    with pytest.raises(AttributeError):
        submit([signal.SIGINT], None)


def test_terminating_is_interrupting() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminate_as_interrupt():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_other_threads_are_left_alone() -> None:
    done = []

    def work() -> None:
        with terminate_as_interrupt(), deferred_interrupts():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
