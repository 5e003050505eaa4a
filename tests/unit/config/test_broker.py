"""Sending to the broker: RabbitMQ's confirmations are counted, and errors are sentences."""

import pytest
import redis
from kombu.exceptions import OperationalError

from aerq.config import Settings, UnavailableError
from aerq.config.broker import _Confirms, broker_errors

SETTINGS = Settings(broker_url="redis://:hidden@somewhere:1/0")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (redis.OutOfMemoryError("command not allowed"), "is full"),
        (redis.ResponseError("MISCONF Errors writing to the AOF file"), r"refuses \(MISCONF\)"),
        (OperationalError("down"), "does not answer"),
        (ConnectionResetError(), "does not answer"),
    ],
)
def test_errors_name_the_broker_without_its_password(error, said):
    with pytest.raises(UnavailableError, match=said) as caught, broker_errors(SETTINGS):
        raise error
    assert "somewhere" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_an_error_that_is_a_sentence_stays():
    with pytest.raises(UnavailableError, match=r"^already said$"), broker_errors(SETTINGS):
        raise UnavailableError("already said")


class Channel:
    def __init__(self):
        self.events = {"basic_ack": set(), "basic_nack": set()}

    def confirm_select(self):
        pass


class TestConfirms:
    def test_are_waited_for_in_any_order(self):
        channel = Channel()
        confirms = _Confirms(channel)
        (ack,) = channel.events["basic_ack"]
        assert not confirms.waiting
        confirms.sent = 5
        for tag, multiple in ((4, False), (2, True), (2, False), (1, True)):
            ack(tag, multiple)
            assert confirms.waiting
        ack(3, False)
        assert confirms.waiting
        ack(5, True)
        assert not confirms.waiting

    def test_that_are_refused_are_an_error(self):
        channel = Channel()
        _Confirms(channel)
        (nack,) = channel.events["basic_nack"]
        with pytest.raises(UnavailableError, match="refuses messages"):
            nack(1, False)
