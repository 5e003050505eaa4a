"""A cluster for each row, and at the end how often each row held."""

from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import pytest
from rig.cluster import Cluster
from rig.ledger import Tally
from rig.local import LocalAer
from rig.servers import Store
from rig.spans import DEADLINE, REPEAT

#: What carries the messages in most rows: the store, or RabbitMQ.
BROKERS = ("redis", "rabbitmq")
#: Modules and rows in which it makes little difference that this is RabbitMQ: they run so on demand only.
ON_DEMAND = {
    "test_store",
    "test_a_slot_takes_all_memory",
    "test_a_worker_stands_still_for_longer_than_its_lease",
    "test_the_clocks_of_workers_are_wrong",
    "test_workers_are_killed_every_second",
}


def pytest_generate_tests(metafunc):
    if "broker" in metafunc.fixturenames:
        kinds = getattr(metafunc.module, "BROKERS", BROKERS)
        marks = [pytest.mark.rabbitmq]
        if ON_DEMAND & {metafunc.module.__name__.rpartition(".")[2], metafunc.function.__name__}:
            marks.append(pytest.mark.slow)
        brokers = [pytest.param(kind, marks=marks if kind == "rabbitmq" else ()) for kind in kinds]
        metafunc.parametrize("broker", brokers, indirect=True)
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", [4000 + number for number in range(REPEAT)], ids=str)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.chaos)
            item.add_marker(pytest.mark.timeout(2 * DEADLINE))


@pytest.fixture(scope="session")
def local():
    aer = LocalAer()
    yield aer
    aer.end()


@pytest.fixture
def broker(request, tmp_path):
    """A server for messages alone, or None where the store carries them too."""
    if request.param == "rabbitmq":
        yield request.getfixturevalue("rabbitmq")
    elif request.param == "apart":
        server = Store(tmp_path, name="broker")
        server.start()
        yield server
        server.end()
    else:
        yield None


@pytest.fixture
def cluster(request, tmp_path, local, seed, broker):
    running = Cluster(tmp_path, local, broker)
    try:
        yield running
    finally:
        running.end()


@pytest.fixture
def ledger(request, cluster):
    """A client beside the store, whose sums are shown at the end."""
    opened = cluster.ledger()
    yield opened
    keep(request, opened)


@pytest.fixture
def far_ledger(request, cluster):
    """A client that reaches the store by a proxy only; the proxy comes first."""
    proxy = cluster.proxy()
    opened = cluster.ledger(store=proxy.url)
    yield proxy, opened
    keep(request, opened)


def keep(request, ledger):
    """Gives the sums to the row's report, which reaches the summary from whichever process ran the row."""
    parts = (part for part in request.node.callspec.id.split("-") if part != str(request.getfixturevalue("seed")))
    row = f"{request.node.originalname}[{'-'.join(parts)}]"
    request.node.user_properties.append((row, asdict(ledger.tally)))


def pytest_terminal_summary(terminalreporter):
    """One line for each row: how often it ran, and the sums of all its ledgers."""
    rows = defaultdict(list)
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if getattr(report, "when", "") == "teardown":
            for row, values in report.user_properties:
                rows[row].append(Tally(**values))
    for row, tallies in sorted(rows.items()):
        total = Tally()
        for tally in tallies:
            total += tally
        terminalreporter.write_line(f"{row}: x{len(tallies)} {total}")
