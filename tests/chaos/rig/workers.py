"""Celery workers as processes of their own."""

import os
import select
import signal
import sys

from aerq.config.allocator import allocator_environment
from aerq.config.local.readiness import READY_FD

from .processes import Child
from .waiting import until

#: Longest time in seconds that a worker takes to start, with others beside it.
START_SECONDS = 150


class Worker:
    """A worker's parent process and its slots.

    Args:
        name: its node name.
        slots: how many tasks it runs at once.
        settings: its settings.
        diary: where its kernels tell what they do.
        folder: for its log.
        clock: by how many seconds its clock is wrong.
        version: by how many versions its messages are newer.
    """

    def __init__(self, name, slots, settings, diary, folder, clock=0, version=0):
        self.name = f"{name}@chaos"
        ours, theirs = os.pipe()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AERQ_", "CELERY_"))}
        environment |= settings.to_environment()
        environment |= allocator_environment(environment)
        environment |= {READY_FD: str(theirs), "CHAOS_DIARY": str(diary.path), "CHAOS_VERSION": str(version)}
        environment["TMPDIR"] = str(folder)  # a killed worker leaves billiard's folder there
        celery = ["rig.clock", str(clock)] if clock else ["celery"]
        command = [sys.executable, "-P", "-m", *celery, "-A", "rig.watched", "worker", "--pool=prefork"]
        options = [f"--concurrency={slots}", "--loglevel=INFO", "--without-mingle", "--without-gossip", "-n", self.name]
        try:
            self.child = Child([*command, *options], folder / f"{name}.log", environment, pipes=[theirs])
        finally:
            os.close(theirs)
        self._ready = ours

    @property
    def pid(self):
        return self.child.pid

    def await_ready(self):
        """Waits until it takes tasks."""
        try:
            heard = select.select([self._ready], [], [], START_SECONDS)[0] and os.read(self._ready, 1)
        finally:
            os.close(self._ready)
            self._ready = None
        assert heard, f"worker {self.name} did not start:\n{self.child.last_lines()}"

    @property
    def takes_tasks(self):
        """Whether it has started; does not wait."""
        if self._ready is not None and select.select([self._ready], [], [], 0)[0]:
            self.await_ready()
        return self._ready is None and self.child.alive

    def slots(self):
        """The pids of its slots."""
        return {child.pid for child in self.child.children()}

    def kill(self):
        """Kills the parent alone."""
        self.child.kill()

    def terminate(self):
        """Asks it to end, as Kubernetes and an operator do."""
        self.child.signal(signal.SIGTERM)

    def await_end(self):
        until(f"worker {self.name} has ended", lambda: not self.child.alive)

    def end(self):
        if self._ready is not None:
            os.close(self._ready)
            self._ready = None
        self.child.end()
