"""A store, workers and clients for one row."""

import contextlib
import itertools

import psutil

from aerq.config import Settings

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
    """

    def __init__(self, folder, local):
        self.folder = folder
        self.diary = Diary(folder / "diary")
        self.workers = []
        self._local = local
        self._ends = contextlib.ExitStack()
        self._names = (f"w{number}" for number in itertools.count(1))
        self.store = Store(folder)
        self._ends.callback(self.store.end)
        self.store.start()

    def settings(self, url=None, **changes):
        """The settings of a worker or client, by default at the store itself."""
        return Settings(**{"broker_url": url or self.store.url, "threads_per_slot": 1, **SPANS.settings, **changes})

    def proxy(self):
        """A way to the store that can be cut."""
        proxy = Proxy(self.store.port)
        self._ends.callback(proxy.end)
        return proxy

    def ledger(self, url=None):
        """A client, at the store itself or by a proxy."""
        ledger = Ledger(self.settings(url), self.settings(), self._local, self.diary)
        self._ends.callback(ledger.close)
        return ledger

    def start(self, workers=2, slots=2, url=None, **faults):
        """Starts workers beside each other, and waits until they take tasks."""
        new = self.launch(workers, slots, url, **faults)
        for worker in new:
            worker.await_ready()
        return new

    def launch(self, workers=2, slots=2, url=None, **faults):
        """Starts workers and does not wait for them."""
        settings = self.settings(url)
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
