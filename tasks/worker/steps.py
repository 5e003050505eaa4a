"""The steps that aerq adds to a Celery worker's start (celery.bootsteps)."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable
from typing import Any

from celery import bootsteps, signals
from celery.worker import state

from ...config.local.readiness import signal_ready
from .keeper import Keeper
from .reconciler import Reconciler

#: How long the end of a slot that closes its pipes is waited for, in seconds.
_END_SECONDS = 1


class SlotCount(bootsteps.Step):  # type: ignore[misc]
    """Notes how many slots the worker has before the first one is forked: each gets its share of the machine."""

    requires = ("celery.worker.components:Timer",)

    def create(self, parent: Any) -> None:
        """Writes the number where the slots find it."""
        # With --autoscale there may be more slots than at the start.
        parent.app.aerq_slots = max(int(parent.concurrency or 1), int(parent.max_concurrency or 0))


def watch_slots_rightly(pool: Any) -> None:
    """Sees to it that the death of a slot is noticed at once, and ends no worker.

    A slot's process closes its pipes a moment before it has ended. Celery wakes by the pipe, finds that the process has
    not ended, and looks again by a timer of 5 s only; so that moment is waited for.

    Where a slot died just before the connection to the broker did, Celery has closed what it watches the slot by, and
    keeps it listed until a timer looks. To watch it anew, as after each reconnection, is an error that would end the
    worker.

    Args:
        pool: the worker's pool; one without processes is left as it is.
    """
    slots: Any = getattr(pool, "_pool", None)
    track, notice = (getattr(slots, name, None) for name in ("_track_child_process", "_event_process_exit"))
    if track is None or notice is None:
        return

    def track_if_open(process: Any, hub: Any) -> None:
        if getattr(process, "_sentinel_poll", 0) is not None:
            track(process, hub)

    def notice_the_end(hub: Any, process: Any) -> None:
        _await_end(process.pid)
        notice(hub, process)

    slots._track_child_process, slots._event_process_exit = track_if_open, notice_the_end


def stop_without_waiting(pool: Any, kill_slots: Callable[[], None]) -> None:
    """Sees to it that a cold shutdown waits for no slot.

    Celery stops the pool before it says that it shuts down, and waits there for the answer of a slot that may stand
    still.

    Args:
        pool: the worker's pool.
        kill_slots: ends all slots at once.
    """
    stop = pool.stop

    def stop_at_once() -> None:
        if state.should_terminate:
            kill_slots()
        stop()

    pool.stop = stop_at_once


def _await_end(pid: int) -> None:
    """Waits until a child has ended, where the system can tell (Linux): until all its threads have."""
    with contextlib.suppress(AttributeError, OSError):
        number = os.pidfd_open(pid)
        try:
            poll = select.poll()
            poll.register(number, select.POLLIN)
            poll.poll(1000 * _END_SECONDS)
        finally:
            os.close(number)


class Keeping(bootsteps.StartStopStep):  # type: ignore[misc]
    """Keeps what the slots run, from the first slot to the last, whatever the connection to the broker does."""

    # The number of slots too: steps that do not name each other come in any order.
    requires = ("celery.worker.components:Pool", SlotCount)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._keeper: Keeper | None = None
        self._reconciler: Reconciler | None = None

    def create(self, parent: Any) -> Keeping:
        """Makes the keeper before the first slot is forked: slots inherit its name."""
        app = parent.app
        self._keeper = app.aerq_keeper = Keeper(app, app.aerq_settings, parent.hostname, parent.pool)
        return self

    def start(self, parent: Any) -> None:
        """Begins."""
        app, self._keeper = parent.app, parent.app.aerq_keeper
        watch_slots_rightly(parent.pool)
        stop_without_waiting(parent.pool, self._keeper.kill_slots)
        self._reconciler = Reconciler(app, app.aerq_settings, self._keeper, lambda: getattr(parent, "consumer", None))
        signals.worker_shutting_down.connect(self._keeper.stop, weak=False)
        signals.worker_shutdown.connect(self._end, weak=False)
        self._keeper.start()
        self._reconciler.start()

    def stop(self, parent: Any) -> None:
        """Does nothing: the slots run on until the pool, which is stopped after this step, has ended them."""

    def terminate(self, parent: Any) -> None:
        """Gives everything back at once."""
        if self._keeper is not None:
            self._keeper.kill_slots()
        self._end()

    def _end(self, **_: Any) -> None:
        if self._reconciler is not None:
            self._reconciler.end()
        if self._keeper is not None:
            self._keeper.end()


class Ready(bootsteps.StartStopStep):  # type: ignore[misc]
    """Says that the worker takes tasks, to whoever started it."""

    # Control commands first: who was told that the worker is ready may cancel at once.
    requires = ("celery.worker.consumer.tasks:Tasks", "celery.worker.consumer.control:Control")

    def start(self, consumer: Any) -> None:
        """Is called again after each reconnection to the broker."""
        consumer.app.aerq_keeper.connected(True)
        if consumer.hub is None:
            signal_ready()
        else:
            # The event loop subscribes to control commands in its first round, and what is said before is not heard.
            # The timer fires in the first round, so what it hands over runs in the second.
            consumer.timer.call_after(0, consumer.hub.call_soon, (signal_ready,))

    def stop(self, consumer: Any) -> None:
        """Is called when the connection to the broker is lost, too."""
        consumer.app.aerq_keeper.connected(False)
