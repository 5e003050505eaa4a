"""The store ends, is killed, stands still, or cannot be reached, while workers compute and clients wait."""

import pytest
from rig.load import Part, background
from rig.spans import SPANS
from rig.waiting import rest, until


def under_way(ledger, seed):
    """The load, with a part of it done."""
    ledger.submit(*background(seed))
    until("the first tasks have ended", lambda: ledger.ended > 10)


def expect_progress(ledger):
    """Workers have come back: something ends that had not ended yet."""
    ended, tasks = ledger.ended, ledger.tasks
    until("tasks end again", lambda: ledger.ended > ended or ledger.ended == tasks, SPANS.store_seconds)


@pytest.mark.parametrize("fault", ["stop", "kill"])
def test_the_store_is_restarted(cluster, ledger, seed, fault):
    cluster.start()
    under_way(ledger, seed)
    rest(1.5)  # longer than `everysec` may hold back what was acknowledged
    getattr(cluster.store, fault)()
    cluster.store.start()
    expect_progress(ledger)
    ledger.settle()


def test_the_store_stands_still(cluster, ledger, seed):
    cluster.start()
    under_way(ledger, seed)
    cluster.store.child.pause()
    rest(SPANS.away_seconds)
    cluster.store.child.go_on()
    expect_progress(ledger)
    ledger.settle()


#: With an even number of repetitions both have come equally often, and CI has one of each.
FAULTS = ("cut", "stall")


def test_a_worker_loses_the_store(cluster, ledger, seed):
    proxy = cluster.proxy()
    cluster.start(workers=1)
    cluster.start(workers=1, url=proxy.url)
    ledger.submit(Part("long", 2, 100, seed))
    under_way(ledger, seed)
    getattr(proxy, FAULTS[seed % 2])()
    rest(SPANS.away_seconds)
    proxy.restore()
    ledger.settle()


def test_a_client_loses_the_store(cluster, seed, far_ledger):
    proxy, ledger = far_ledger
    cluster.start()
    under_way(ledger, seed)
    getattr(proxy, FAULTS[(seed + 1) % 2])()
    rest(SPANS.away_seconds)
    proxy.restore()
    ledger.settle()
