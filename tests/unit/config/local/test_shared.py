import logging
import os

import pytest

from aerq.config.errors import SettingsError
from aerq.config.local import shared
from aerq.config.local.discovery import announce
from aerq.config.local.shared import SharedCluster, resolve_settings
from aerq.config.settings import Settings

LOCAL = "redis://:geheim@127.0.0.1:1234/0"


class FakeCluster:
    """Counts starts instead of starting processes."""

    started = 0
    workers = 2

    def __init__(self, settings):
        self.settings = settings.evolve(broker_url=LOCAL, store_url=LOCAL)
        self.running = False

    def start(self):
        type(self).started += 1
        self.running = True
        return self

    def stop(self):
        self.running = False

    def is_running(self):
        return self.running


@pytest.fixture
def mine(monkeypatch, tmp_path):
    for name in os.environ:
        if name.upper().startswith("AERQ_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(shared, "LocalCluster", FakeCluster)
    monkeypatch.setattr(FakeCluster, "started", 0)
    return SharedCluster()


def test_given_settings_come_first(mine, monkeypatch):
    monkeypatch.setenv("AERQ_BROKER_URL", "redis://environment")
    given = Settings(broker_url="redis://given")
    assert resolve_settings(given, shared=mine) is given
    assert FakeCluster.started == 0


def test_then_the_environment(mine, monkeypatch):
    early = Settings(queue="mine")
    monkeypatch.setenv("AERQ_BROKER_URL", "redis://environment")
    with announce(Settings(broker_url=LOCAL)):
        assert resolve_settings(None, shared=mine).broker_url == "redis://environment"
        found = resolve_settings(early, shared=mine)
    assert (found.broker_url, found.queue) == ("redis://environment", "mine")


def test_then_a_running_cluster(mine):
    with announce(Settings(broker_url=LOCAL, visibility_timeout_seconds=60)):
        found = resolve_settings(Settings(max_attempts=5), shared=mine)
    assert (found.broker_url, found.store_url) == (LOCAL, LOCAL)
    assert (found.visibility_timeout_seconds, found.max_attempts) == (60, 5)
    assert FakeCluster.started == 0


def test_then_one_cluster_for_the_process_told_in_one_line(mine, caplog):
    with caplog.at_level(logging.WARNING):
        first = resolve_settings(None, shared=mine)
        second = resolve_settings(Settings(max_attempts=5), shared=mine)
    assert (first.broker_url, second.broker_url, second.max_attempts) == (LOCAL, LOCAL, 5)
    assert FakeCluster.started == 1
    assert [(record.name, record.levelname) for record in caplog.records] == [("aerq", "WARNING")]
    assert "embedded cluster with 2 slots" in caplog.text
    assert "geheim" not in caplog.text


def test_a_cluster_that_ended_is_replaced(mine):
    resolve_settings(None, shared=mine)
    mine.stop()
    resolve_settings(None, shared=mine)
    assert FakeCluster.started == 2


def test_half_a_configuration_is_refused(mine):
    with pytest.raises(SettingsError, match="AERQ_STORE_URL is set and AERQ_BROKER_URL is not"):
        resolve_settings(Settings(store_url="redis://store"), shared=mine)


def test_a_queue_that_nobody_serves_is_refused(mine):
    resolve_settings(None, shared=mine)
    with pytest.raises(SettingsError, match="serves aerq"):
        resolve_settings(Settings(queue="other"), shared=mine)


def test_a_fork_while_a_thread_holds_the_lock_does_not_hang_the_child(mine):
    resolve_settings(None, shared=mine)
    with mine._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if mine._lock.acquire(timeout=1) else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_earlier_jobs_are_looked_for_in_a_cluster_that_is_there_already(mine):
    with pytest.raises(SettingsError, match="no `aerq up` runs, so there are no earlier jobs"):
        resolve_settings(None, shared=mine, start=False)
    assert FakeCluster.started == 0
    started = resolve_settings(None, shared=mine)
    assert resolve_settings(None, shared=mine, start=False) == started
    mine.stop()
    with pytest.raises(SettingsError, match="no earlier jobs"):
        resolve_settings(None, shared=mine, start=False)
