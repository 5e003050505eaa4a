"""A cluster for each row, and at the end how often each row held."""

import sys
from collections import defaultdict
from pathlib import Path

import pytest

# The rig is a package beside these tests; workers and a process for local Aer import it too.
sys.path.insert(0, str(Path(__file__).parent))

from rig.cluster import Cluster
from rig.ledger import Tally
from rig.local import LocalAer
from rig.spans import DEADLINE, REPEAT

TALLIES = pytest.StashKey[dict]()


def pytest_configure(config):
    config.stash[TALLIES] = defaultdict(list)


def pytest_generate_tests(metafunc):
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
def cluster(request, tmp_path, local, seed):
    running = Cluster(tmp_path, local)
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
    opened = cluster.ledger(proxy.url)
    yield proxy, opened
    keep(request, opened)


def keep(request, ledger):
    row = request.node.name.replace(f"{request.getfixturevalue('seed')}", "").replace("[]", "").replace("[-", "[")
    request.config.stash[TALLIES][row].append(ledger.tally)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    running = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and running is not None:
        report.sections.append(("logs of the cluster", running.logs()))
    return report


def pytest_terminal_summary(terminalreporter, config):
    """One line for each row: how often it ran, and the sums of all its ledgers."""
    for row, tallies in config.stash[TALLIES].items():
        total = Tally()
        for tally in tallies:
            total += tally
        terminalreporter.write_line(f"{row}: x{len(tallies)} {total}")
