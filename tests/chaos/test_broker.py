"""A broker that is not the store ends, is killed, or cannot be reached, while workers compute and clients wait."""

import pytest
from rig.load import Part, background
from rig.spans import SPANS
from rig.waiting import rest, until

from aerq.config import UnavailableError
from aerq.jobs import AerqProvider

#: A second server of the store's kind, or RabbitMQ.
BROKERS = ("apart", "rabbitmq")


def under_way(ledger, seed, *more):
    """The load, with a part of it done."""
    ledger.submit(*more, *background(seed))
    until("the first tasks have ended", lambda: ledger.ended > 10)


@pytest.mark.parametrize("fault", ["stop", "kill"])
def test_the_broker_is_restarted(cluster, ledger, seed, fault):
    cluster.start()
    under_way(ledger, seed)
    getattr(cluster.broker, fault)()
    jobs = len(AerqProvider(cluster.settings()).jobs(limit=None))
    with pytest.raises(UnavailableError, match="the broker at"):
        ledger.submit_apart(Part("tiny", 3, 10, seed).circuits())
    assert len(AerqProvider(cluster.settings()).jobs(limit=None)) == jobs, "a job was left behind that nobody has"
    cluster.broker.start()
    ledger.submit(Part("tiny", 20, 100, seed + 1))
    ledger.settle()
    assert ledger.tally.extra == 0, "the loss of a connection costs no attempt"


def test_a_worker_loses_the_broker(cluster, ledger, seed):
    proxy = cluster.proxy(cluster.broker)
    (near,) = cluster.start(workers=1)
    cluster.start(workers=1, broker=proxy.url)
    under_way(ledger, seed, Part("long", 2, 100, seed))
    proxy.cut()
    rest(SPANS.away_seconds)
    proxy.restore()
    near.terminate()
    near.await_end()
    ledger.submit(Part("tiny", 20, 100, seed + 1))  # nobody else is there to run it
    ledger.settle()
    assert ledger.tally.extra == 0, "the loss of a connection costs no attempt"
