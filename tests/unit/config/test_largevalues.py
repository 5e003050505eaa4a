"""Large values from the store arrive whole, however they are cut on their way."""

import socket
import threading
from types import SimpleNamespace

import pytest
import redis

from aerq.config.largevalues import LargeValueParser
from aerq.config.settings import Settings
from aerq.config.store import connect_store

LARGE = bytes(range(256)) * 4096  # 1 MiB
SMALL = b"small"


def bulk(value):
    return b"$%d\r\n%s\r\n" % (len(value), value)


@pytest.fixture
def ends():
    """A parser and the other end of its connection."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    parser = LargeValueParser(socket_read_size=65536)
    encoder = SimpleNamespace(decode=lambda value: value)
    parser.on_connect(SimpleNamespace(_sock=ours, socket_timeout=10, encoder=encoder))
    yield parser, ours, theirs
    parser.on_disconnect()
    ours.close()
    theirs.close()


def started(run):
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def sent(theirs, *pieces):
    """Sends from another thread: a large value does not fit into the socket."""
    return started(lambda: [theirs.sendall(piece) for piece in pieces])


def test_answers_of_all_sizes_one_after_the_other(ends):
    parser, _, theirs = ends
    values = [SMALL, LARGE, b"", LARGE[: 256 * 1024], LARGE[: 256 * 1024 - 1], LARGE[1:], SMALL]
    several = b"*%d\r\n" % len(values) + b"".join(map(bulk, values))
    thread = sent(theirs, several, bulk(LARGE), b":7\r\n", several)
    assert parser.read_response() == values
    large = parser.read_response()
    assert large == LARGE
    assert isinstance(large, bytearray)
    assert parser.read_response() == 7
    assert parser.read_response() == values
    thread.join()
    assert not parser.can_read(0)


def test_a_value_in_small_pieces(ends):
    parser, _, theirs = ends
    data = bulk(LARGE) + bulk(SMALL)
    thread = sent(theirs, *(data[start : start + 4999] for start in range(0, len(data), 4999)))
    assert parser.read_response() == LARGE
    assert parser.read_response() == SMALL
    thread.join()


def test_a_connection_that_closes_in_the_middle_is_an_error(ends):
    parser, _, theirs = ends
    thread = started(lambda: (theirs.sendall(bulk(LARGE)[:300_000]), theirs.shutdown(socket.SHUT_WR)))
    with pytest.raises(redis.ConnectionError):
        parser.read_response()
    thread.join()


@pytest.mark.parametrize("first", [100_000, 300_000, len(bulk(LARGE)) + 13])
def test_after_a_timeout_the_same_answer_can_be_read_again(ends, first):
    parser, ours, theirs = ends
    data = b"*2\r\n" + bulk(SMALL) + bulk(LARGE)
    assert first < len(data)
    begun = sent(theirs, data[:first])
    ours.settimeout(0.05)
    with pytest.raises(redis.TimeoutError):
        parser.read_response()
    ours.settimeout(10)
    thread = started(lambda: (begun.join(), theirs.sendall(data[first:])))
    assert parser.read_response() == [SMALL, LARGE]
    thread.join()


def test_the_store_is_read_with_it():
    client = connect_store(Settings(broker_url="redis://localhost:1/0"))
    assert isinstance(client.connection_pool.make_connection()._parser, LargeValueParser)
