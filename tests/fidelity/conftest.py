"""Clusters of one, two and three slots, started before anything of Aer runs here, and how many cases to draw."""

import os
import sys
from pathlib import Path

import pytest

# The generator is a package beside these tests; a process of its own imports it too.
sys.path.insert(0, str(Path(__file__).parent))

from generator.local import LocalAer

from aerq.config import LocalCluster

SLOTS = (1, 2, 3)
#: In CI always the same cases; `make fidelity` draws new ones.
CASES = int(os.environ.get("FIDELITY_CASES") or 500)
SEED = int(os.environ.get("FIDELITY_SEED") or 20_000)


@pytest.fixture(scope="session")
def clusters():
    """By number of slots."""
    running = {slots: LocalCluster(workers=slots) for slots in SLOTS}
    try:
        for cluster in running.values():
            cluster.start()
        yield running
    finally:
        for cluster in running.values():
            cluster.stop()


@pytest.fixture(scope="session")
def cluster(clusters):
    """Two slots."""
    return clusters[2]


@pytest.fixture(scope="session")
def local_aer(clusters):
    local = LocalAer()
    local.start()
    yield local
    local.stop()


@pytest.fixture(scope="session")
def seeds():
    """The seeds of the cases to draw."""
    return range(SEED, SEED + CASES)
