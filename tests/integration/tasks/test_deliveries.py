"""What a worker does with messages when the broker does not take back what it gave."""

import logging
import os
import signal
import threading
from types import SimpleNamespace

import pytest
import redis
from kombu import Connection, Consumer, Queue

from aerq.tasks.worker.deliveries import Deliveries


@pytest.fixture
def connection(settings, records):
    with Connection(settings.broker_url) as opened:
        yield opened


class Controller:
    """A worker that gives nothing to its slots."""

    def _process_task(self, request):
        raise NotImplementedError


def one_message(connection):
    """A guarded channel that may have one message at a time, and that message."""
    channel = connection.channel()
    got = []
    consumer = Consumer(channel, [Queue("work")], on_message=got.append)
    consumer.qos(prefetch_count=1)
    Deliveries(None).start(SimpleNamespace(task_consumer=consumer, controller=Controller()))
    consumer.consume()
    connection.Producer().publish({}, routing_key="work")
    while not got:
        connection.drain_events(timeout=10)
    assert not channel.qos.can_consume()
    return channel, got[0]


@pytest.mark.parametrize("answer", ["ack_log_error", "reject_log_error"])
@pytest.mark.parametrize("requeue", [False, True])
def test_a_message_that_the_broker_does_not_take_back_makes_room_for_the_next(
    connection, records, monkeypatch, answer, requeue
):
    channel, message = one_message(connection)

    def away(*_, **__):
        raise redis.ConnectionError("away")

    monkeypatch.setattr(channel.qos, "_remove_from_indices", away)
    options = {"requeue": requeue} if answer == "reject_log_error" else {}
    getattr(message, answer)(logging.getLogger(), connection.connection_errors, **options)
    assert channel.qos.can_consume()
    assert not channel.qos._delivered, "it would go on saying that the message is alive"
    assert records.client.hlen(channel.unacked_key) == 1, "the broker keeps it for whoever gives back what is stale"


def test_a_slot_that_dies_while_the_broker_is_full_loses_nothing(site):
    worker = site.start("one")
    job = site.backend().run([site.long(), site.bell()], shots=50, seed_simulator=5)
    running = site.await_running(job)
    client = job.executor().records.client
    client.config_set("maxmemory", 1)
    os.kill(running.pid, signal.SIGKILL)
    site.await_that(lambda: site.task(job).state.value == "queued")
    threading.Event().wait(0.5)  # the message goes back right after that, and cannot
    client.config_set("maxmemory", 0)
    assert job.result(timeout=site.TIMEOUT).success
    assert site.task(job).attempts == 2
    assert worker.process.poll() is None
