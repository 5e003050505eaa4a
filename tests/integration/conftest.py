"""Real servers and workers for the tests, on free ports, gone at the end whatever happens."""

from collections.abc import Iterator

import pytest

from aerq.config import LocalCluster
from aerq.jobs import AerqSimulator


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """Two slots, for all tests that leave the cluster as they found it."""
    with LocalCluster(workers=2) as running:
        yield running


@pytest.fixture
def backend(cluster: LocalCluster) -> AerqSimulator:
    """A backend on the shared cluster."""
    return AerqSimulator(settings=cluster.settings)
