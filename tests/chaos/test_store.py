"""The store ends, is killed, stands still, or cannot be reached, while workers compute and clients wait."""

import contextlib
import os
import signal
import time

import pytest
from rig.load import Part, background
from rig.spans import SPANS
from rig.waiting import rest, until


def under_way(ledger, seed):
    """The load, with a part of it done."""
    ledger.submit(*background(seed))
    until("the first tasks have ended", lambda: ledger.ended > 10)


@contextlib.contextmanager
def away(cluster, ledger):
    """While this is entered the store is away; workers and clients must have come back soon after it.

    A slot stands still in mid-kernel until the store is back, so there is something left to end, and its worker's
    connections and those of the waiting clients have all been lost by then.
    """
    run = cluster.stop_in_kernel("slow")
    yield
    at = time.time()
    os.kill(run.pid, signal.SIGCONT)
    ledger.expect_back(at, SPANS.store_seconds)


@pytest.mark.parametrize("fault", ["stop", "kill"])
def test_the_store_is_restarted(cluster, ledger, seed, fault):
    cluster.start()
    under_way(ledger, seed)
    rest(1.5)  # longer than `everysec` may hold back what was acknowledged
    ledger.submit(Part("slow", 4, 500, seed + 1))
    with away(cluster, ledger):
        getattr(cluster.store, fault)()
        cluster.store.start()
    ledger.settle()


def test_the_store_stands_still(cluster, ledger, seed):
    cluster.start()
    under_way(ledger, seed)
    with away(cluster, ledger):
        cluster.store.child.pause()
        rest(SPANS.away_seconds)
        cluster.store.child.go_on()
    ledger.settle()


#: With an even number of repetitions both have come equally often, and CI has one of each.
FAULTS = ("cut", "stall")


def test_a_worker_loses_the_store(cluster, ledger, seed):
    proxy = cluster.proxy()
    cluster.start(workers=1)
    cluster.start(workers=1, store=proxy.url)
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
