"""A cluster for each row, and at the end how often each row held."""

import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import pytest

# The rig is a package beside these tests; workers and a process for local Aer import it too.
sys.path.insert(0, str(Path(__file__).parent))

from rig.cluster import Cluster
from rig.ledger import Tally
from rig.local import LocalAer
from rig.spans import DEADLINE, REPEAT


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
    """Gives the sums to the row's report, which reaches the summary from whichever process ran the row."""
    row = request.node.name.replace(str(request.getfixturevalue("seed")), "").replace("[]", "").replace("[-", "[")
    request.node.user_properties.append((row, asdict(ledger.tally)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    running = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and running is not None:
        report.sections.append(("logs of the cluster", running.logs()))
    return report


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
