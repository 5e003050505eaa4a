"""The process that holds an embedded cluster together: `python -m aerq.config.local.supervisor`.

It starts the server and the worker, says once that they are ready, and ends them all when its owner ends, when it is
told to, or when the server ends. A worker that ends is replaced, whatever ended it: the server has its tasks. The
supervisor has one thread, so that its children can ask the kernel to be killed with it (see `die_with_parent`); it
imports neither Celery nor pydantic, so that it starts at once.

Its standard input is an `Order`, one line of JSON, and then stays open for as long as the owner lives. Its standard
output is one line of JSON on how the start went, and one on what ended the cluster if that was not the owner.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence

from .children import Child, FlowerChild, ValkeyChild, WorkerChild, worker_environment
from .events import Events
from .order import GRACE_SECONDS, REAP_SECONDS, Order
from .processes import adopt_orphans

#: How often a server that is starting is asked whether it answers.
ASK_EVERY_SECONDS = 0.01
#: Another process can take the port between the choice and the start.
PORTS_TO_TRY = 5
#: So many workers in a row may end before they take tasks.
WORKERS_TO_TRY = 3


class StartError(Exception):
    """The cluster cannot start; with the log that says why."""

    def __init__(self, reason: str, child: Child | None = None) -> None:
        super().__init__(reason)
        self.child = child


class Supervisor:
    """Starts, watches and ends the processes of one cluster."""

    def __init__(self, order: Order, events: Events) -> None:
        self._order = order
        self._events = events
        self._deadline = time.monotonic() + order.start_timeout_seconds
        self._children: list[Child] = []
        self._password = ""
        self._environment: dict[str, str] = {}
        self._ready_in_worker = -1
        self._failed_workers = 0
        self._orphaned_groups: list[int] = []

    def run(self) -> None:
        """From the start to the end of the cluster."""
        try:
            self._start()
            while not self._events.ending:
                self._events.wait(None)
                self._check(self._children[:1])  # Flower is not needed
                self._replace_worker()
                self._reap_orphans()
        except StartError as error:
            self._say(error=str(error), log=error.child.last_lines(self._password) if error.child else "")
        finally:
            self._end()

    def _start(self) -> None:
        valkey = self._start_valkey()
        self._environment = worker_environment(os.environ, valkey.address.url, self._order.directory)
        order = self._order
        worker = self._start_worker()
        self._children.append(worker)
        flower = None
        if order.flower_port is not None:
            flower = FlowerChild(order.app, order.flower_port, self._environment)
            self._children.append(flower)
        self._await("the worker", self._worker_is_ready, worker)
        if flower:
            self._await("Flower", flower.answers, flower, ask_every=0.1)
        self._say(broker_url=valkey.address.url, worker=worker.pid, flower_url=flower.url if flower else None)

    def _start_worker(self) -> WorkerChild:
        self._ready_in_worker, ready = os.pipe()
        self._events.watch(self._ready_in_worker)
        order = self._order
        try:
            return WorkerChild(order.app, order.workers, order.log_level, self._environment, ready)
        finally:
            os.close(ready)

    def _worker_is_ready(self) -> bool:
        return self._ready_in_worker in self._events.seen

    def _replace_worker(self) -> None:
        """Starts another worker if this one has ended.

        Raises:
            StartError: if workers end again and again before they take tasks.
        """
        worker = self._children[1]
        if not worker.has_ended():
            return
        how = worker.how_it_ended()
        if self._worker_is_ready():
            self._events.seen.discard(self._ready_in_worker)
            os.close(self._ready_in_worker)
            self._failed_workers = 0
        else:
            self._failed_workers += 1
        if self._failed_workers >= WORKERS_TO_TRY:
            raise StartError(f"{worker.name} ended {how}", worker)
        self._children.remove(worker)
        worker.bury()
        self._orphaned_groups.append(worker.pid)
        worker.note(f"the worker ended {how}; another one takes its place")
        try:
            self._children.insert(1, self._start_worker())
        except OSError as error:
            raise StartError(f"{worker.name} ended {how}, and another one cannot start: {error}", worker) from error

    def _reap_orphans(self) -> None:
        """Frees the ids of the slots of dead workers, which this process has adopted."""
        for group in list(self._orphaned_groups):
            try:
                while os.waitpid(-group, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:  # that was the last of them
                self._orphaned_groups.remove(group)

    def _start_valkey(self) -> ValkeyChild:
        for _ in range(PORTS_TO_TRY):
            valkey = ValkeyChild()
            self._password = valkey.address.password
            self._children[:] = [valkey]
            with contextlib.suppress(StartError):
                self._await("the server", valkey.answers, valkey, ask_every=ASK_EVERY_SECONDS)
                return valkey
            valkey.kill_group()
            if self._events.ending or time.monotonic() > self._deadline:
                break
        raise StartError("the server did not start", valkey)

    def _await(self, name: str, ready: Callable[[], bool], child: Child, ask_every: float | None = None) -> None:
        """Waits until a child is ready, the owner wants the end, a child ends, or there is no time left."""
        while not ready():
            left = self._deadline - time.monotonic()
            if self._events.ending:
                raise StartError("the start was called off")
            if left <= 0:
                seconds = self._order.start_timeout_seconds
                raise StartError(f"{name} was not ready within {seconds:g} seconds", child)
            self._events.wait(min(left, ask_every or left))
            self._check(self._children)

    def _check(self, children: Sequence[Child]) -> None:
        for child in children:
            if child.has_ended():
                raise StartError(f"{child.name} ended {child.how_it_ended()}", child)

    def _end(self) -> None:
        """Ends all of it: the worker may say goodbye, then everything is killed, and the directory is removed."""
        worker = next((child for child in self._children if isinstance(child, WorkerChild)), None)
        if worker and not worker.has_ended():
            worker.terminate()
            deadline = time.monotonic() + GRACE_SECONDS
            while not worker.has_ended() and (left := deadline - time.monotonic()) > 0:
                self._events.wait(left)
        for child in reversed(self._children):
            child.kill_group()
        deadline = time.monotonic() + REAP_SECONDS
        while not _nobody_left() and (left := deadline - time.monotonic()) > 0:
            self._events.wait(min(left, ASK_EVERY_SECONDS))
        os.chdir("/")
        shutil.rmtree(self._order.directory, ignore_errors=True)

    def _say(self, **message: str | int | None) -> None:
        """One line to the owner, who may have gone."""
        with contextlib.suppress(OSError):
            os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")


def _nobody_left() -> bool:
    """Reaps children, adopted ones too; tells whether that was the last."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def main() -> None:
    """Reads the order and carries it out."""
    line = sys.stdin.buffer.readline()
    if not line:  # the owner ended before it said anything
        return
    order = Order(**json.loads(line))
    os.set_blocking(sys.stdout.fileno(), False)
    os.chdir(order.directory)
    adopt_orphans()
    Supervisor(order, Events(order.owner, sys.stdin.fileno())).run()


if __name__ == "__main__":
    main()
