import socket
import threading

from aerq.config.local.valkey import ValkeyAddress, answers, configuration, new_address, url_answers
from aerq.config.settings import Settings


def test_addresses_are_new_and_do_not_show_their_password():
    one, two = new_address(), new_address()
    assert one.password != two.password
    assert len(one.password) >= 43  # 32 bytes
    assert one.password not in repr(one)
    assert Settings(broker_url=one.url).broker_url == one.url


def test_configuration_keeps_nothing_and_evicts_nothing():
    lines = configuration(ValkeyAddress(1234, "geheim")).splitlines()
    assert {"bind 127.0.0.1", "port 1234", "requirepass geheim", 'save ""', "appendonly no"} <= set(lines)
    assert "maxmemory-policy noeviction" in lines


def _serve(reply: bytes):
    server = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(reply)

    threading.Thread(target=run, daemon=True).start()
    return server


def test_only_the_whole_right_answer_counts():
    for reply, right in (
        (b"+OK\r\n+PONG\r\n", True),
        (b"-WRONGPASS invalid\r\n-NOAUTH\r\n", False),
        (b"+OK\r\n", False),
        (b"HTTP/1.1 400 Bad Request\r\n", False),
    ):
        with _serve(reply) as server:
            assert answers("geheim", port=server.getsockname()[1]) is right
    assert not url_answers("redis://:geheim@127.0.0.1:1/0")
