"""RabbitMQ as the broker, a Valkey server as the store, and a worker between them."""

from pathlib import Path

import pytest
from rig.cluster import Cluster

from aerq.jobs import AerqSimulator


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("rabbitmq")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, rabbitmq):
    """One worker with two slots."""
    running = Cluster(tmp_path_factory.mktemp("cluster"), None, rabbitmq)
    try:
        running.start(workers=1)
        yield running
    finally:
        running.end()


@pytest.fixture(scope="module")
def settings(cluster):
    return cluster.settings()


@pytest.fixture
def worker(cluster):
    """The worker, which is to be alive at the end."""
    yield cluster.workers[0]
    assert cluster.workers[0].child.alive, cluster.logs()


@pytest.fixture
def backend(settings, worker):
    found = AerqSimulator(settings=settings)
    yield found
    found.celery_executor.shutdown()
