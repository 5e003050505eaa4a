"""A store, workers and clients for one row."""

import contextlib
import itertools
import uuid

import psutil

from aerq.config import Settings

from .cgroup import MemoryGroup
from .diary import Diary
from .ledger import Ledger
from .proxy import Proxy
from .servers import Store
from .spans import SPANS
from .waiting import until
from .workers import Worker


class Cluster:
    """All processes of a row; everything is gone after `end`.

    Args:
        folder: for data and logs.
        local: local Aer.
        broker: what carries the messages, and runs already; None for the store.
    """

    def __init__(self, folder, local, broker=None):
        self.folder = folder
        self.diary = Diary(folder / "diary")
        self.workers = []
        self._local = local
        self._ends = contextlib.ExitStack()
        self._names = (f"w{number}" for number in itertools.count(1))
        self.store = Store(folder)
        self._ends.callback(self.store.end)
        self.store.start()
        self.broker = broker or self.store
        # A broker that runs already has seen the queues of others.
        self._queue = f"chaos-{uuid.uuid4().hex[:8]}"
        if hasattr(self.broker, "delete"):
            self._ends.callback(self.broker.delete, self._queue)

    def settings(self, store=None, broker=None):
        """The settings of a worker or client.

        Args:
            store: by which address it finds the store, and the broker if that is the same; None for the store's own.
            broker: by which address it finds the broker; None for the broker's own.
        """
        store = store or self.store.url
        broker = broker or (store if self.broker is self.store else self.broker.url)
        addresses = {"store_url": store, "broker_url": broker, "queue": self._queue}
        return Settings(**addresses, threads_per_slot=1, **SPANS.settings)

    @property
    def queue_length(self):
        """How many messages wait."""
        return self.broker.waiting(self._queue)

    def purge(self):
        """Throws away all messages that wait; returns how many."""
        return self.broker.purge(self._queue)

    def proxy(self, server=None):
        """A way to the store, or to another server, that can be cut."""
        proxy = Proxy(server or self.store)
        self._ends.callback(proxy.end)
        return proxy

    def memory_group(self, limit_mb):
        """A memory control group for workers that are started later, or None where this machine gives none."""
        group = MemoryGroup.make(limit_mb)
        if group is not None:
            self._ends.callback(group.end)
        return group

    def ledger(self, **addresses):
        """A client, at the servers themselves or by a proxy."""
        ledger = Ledger(self.settings(**addresses), self.settings(), self._local, self.diary)
        self._ends.callback(ledger.close)
        return ledger

    def start(self, workers=2, slots=2, **options):
        """Starts workers beside each other, and waits until they take tasks."""
        new = self.launch(workers, slots, **options)
        for worker in new:
            worker.await_ready()
        return new

    def launch(self, workers=2, slots=2, store=None, broker=None, **faults):
        """Starts workers and does not wait for them."""
        settings = self.settings(store, broker)
        new = []
        for _ in range(workers):
            worker = Worker(next(self._names), slots, settings, self.diary, self.folder, **faults)
            self._ends.callback(worker.end)
            self.workers.append(worker)
            new.append(worker)
        return new

    def living(self):
        return [worker for worker in self.workers if worker.child.alive]

    def owner(self, run):
        """The worker whose slot runs it."""
        return next((worker for worker in self.living() if run.pid in worker.slots()), None)

    def in_kernel(self, prefix, but=()):
        """A run in mid-kernel of a circuit whose name begins so, and of none of these tasks."""

        def look():
            slots = {pid for worker in self.living() for pid in worker.slots()}
            runs = self.diary.in_kernel(prefix, slots)
            return next((run for run in runs if run.place not in but), None)

        return until(f"a slot is in a kernel of {prefix!r}", look)

    def stop_in_kernel(self, prefix, but=()):
        """Stops a slot where it is, in mid-kernel for sure."""
        while True:
            run = self.in_kernel(prefix, but)
            with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                slot = psutil.Process(run.pid)
                slot.suspend()
                until("the slot has stopped", lambda slot=slot: slot.status() == psutil.STATUS_STOPPED)
                if run in self.diary.in_kernel(prefix, {run.pid}):
                    return run
                slot.resume()

    def logs(self):
        """The last lines of every log."""
        return "\n".join(f"== {path.name}\n{self._tail(path)}" for path in sorted(self.folder.glob("*.log")))

    @staticmethod
    def _tail(path):
        return "\n".join(path.read_text(errors="replace").splitlines()[-30:])

    def end(self):
        self._ends.close()
