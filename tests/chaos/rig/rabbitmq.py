"""A RabbitMQ server of the tests' own, which may be stopped and killed beside one that the machine runs."""

import contextlib
import os
import shutil
import signal
from pathlib import Path

from kombu import Connection

from aerq.config.local.valkey import HOST

from .processes import Child
from .servers import steady_port
from .waiting import until

#: Where Debian has the server itself: what it has on the path starts one for the whole machine, as another user.
DEBIAN = "/usr/lib/rabbitmq/bin/rabbitmq-server"
#: What a busy machine needs to start it.
START_SECONDS = 120


class RabbitMQ:
    """One node, always on one port and on the same data.

    Args:
        folder: for its data and its log.
    """

    def __init__(self, folder):
        self.port = steady_port()
        self._folder = Path(folder)
        self._names_port = steady_port()
        self._names = None
        self.child = None
        # Other processes of the machine may fill its disk: the server would hold messages back.
        lines = [f"listeners.tcp.1 = {HOST}:{self.port}", "disk_free_limit.absolute = 1MB", "log.console = true"]
        self._configuration = self._folder / "rabbitmq.conf"
        self._configuration.write_text("\n".join([*lines, "log.file = false", ""]))

    @property
    def url(self):
        return self.url_at(self.port)

    @staticmethod
    def url_at(port):
        """The address, by whatever leads to it."""
        return f"amqp://guest:guest@{HOST}:{port}//"

    def start(self):
        """Starts it on what data there is, and waits until it answers."""
        program = DEBIAN if Path(DEBIAN).exists() else shutil.which("rabbitmq-server")
        assert program, "no RabbitMQ server is installed; on Debian: .ci/rabbitmq"
        if self._names is None:  # Erlang's table of names would stay behind if the server started it
            command = [shutil.which("epmd"), "-port", str(self._names_port), "-address", HOST]
            self._names = Child(command, self._folder / "epmd.log")
        folder, settings = str(self._folder), {"NODENAME": "aerq@localhost", "DIST_PORT": str(steady_port())}
        settings |= {"CONF_ENV_FILE": "/dev/null", "CONFIG_FILE": str(self._configuration)}
        settings |= {"MNESIA_BASE": folder, "LOG_BASE": folder, "ENABLED_PLUGINS_FILE": f"{folder}/plugins"}
        settings |= {"PID_FILE": f"{folder}/pid"}
        settings |= {"SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"}
        environment = {**os.environ, **{f"RABBITMQ_{name}": value for name, value in settings.items()}}
        # As under systemd the script becomes the server, which then dies with the tests and hears what it is told.
        environment |= {"HOME": folder, "ERL_EPMD_PORT": str(self._names_port), "RUNNING_UNDER_SYSTEMD": "true"}
        self.child = Child([program], self._folder / "rabbitmq.log", environment)
        until("RabbitMQ answers", self.answers, START_SECONDS)

    def answers(self):
        assert self.child.alive, self.child.last_lines()
        with contextlib.suppress(OSError), self.client(connect_timeout=2) as client:
            return client.connect() and True
        return False

    def client(self, **options):
        """A connection past every proxy."""
        return Connection(self.url, **options)

    def waiting(self, queue):
        """How many messages wait in a queue."""
        with self.client() as client:
            return client.default_channel.queue_declare(queue, passive=True).message_count

    def purge(self, queue):
        """Throws away the messages that wait; returns how many."""
        with self.client() as client:
            return client.default_channel.queue_purge(queue)

    def delete(self, queue):
        """Deletes a queue and its exchange, if they are there; a row that failed may have left no server."""
        if not self.child.alive:
            self.start()
        for name in ("queue_delete", "exchange_delete"):
            with self.client() as client, contextlib.suppress(*client.channel_errors):
                getattr(client.default_channel, name)(queue)

    def stop(self):
        """Ends it as an operator does."""
        self.child.signal(signal.SIGTERM)
        self.child.process.wait(60)

    def kill(self):
        self.child.kill()

    def end(self):
        for child in (self.child, self._names):
            if child is not None:
                child.end()
