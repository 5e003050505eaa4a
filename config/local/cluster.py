"""The embedded cluster: a Valkey server and a Celery worker on this machine, gone when their owner is."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from ..errors import ClusterError, SettingsError
from ..settings import Settings
from .children import WORKER_LOG
from .launch import Launched
from .order import Order
from .valkey import url_answers

T = TypeVar("T")
logger = logging.getLogger(__name__)


class LocalCluster:
    """A Valkey server and Celery worker slots for this process.

    The server listens on the loopback address with a random password and keeps nothing on disk. Everything ends at
    `stop`, at the end of the `with` block, when this object is garbage, or when this process ends, however it ends.
    A forked child may use the cluster, and does not end it.

    Example:
        ```python
        with LocalCluster(workers=2) as cluster:
            backend = AerqSimulator(settings=cluster.settings)
        ```

    Args:
        workers: how many slots there are, each of which runs one task at a time; None for one a core.
        settings: what to use but for the URLs, which are the cluster's own; the environment's by default.
        start_timeout_seconds: how long the start may take.
        log_level: level of the worker's log; that of the settings by default.
        flower: whether to start Flower's web page too.

    Raises:
        SettingsError: if an argument cannot be used.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        settings: Settings | None = None,
        start_timeout_seconds: float = 30.0,
        log_level: str | None = None,
        flower: bool = False,
        _app: str = "aerq.tasks",
    ) -> None:
        self._workers = _cores() if workers is None else workers
        if not isinstance(self._workers, int) or isinstance(self._workers, bool) or self._workers < 1:
            raise SettingsError(f"a cluster needs at least one worker, not {workers!r}")
        if not start_timeout_seconds > 0:
            raise SettingsError("start_timeout_seconds must be greater than 0")
        base = Settings() if settings is None else settings
        self._base = base if log_level is None else base.evolve(log_level=log_level)
        self._order = Order(
            owner=0,  # who and where is known at the start
            directory="",
            workers=self._workers,
            app=_app,
            log_level=self._base.log_level,
            start_timeout_seconds=start_timeout_seconds,
            flower_port=self._base.flower_port if flower else None,
        )
        self._lock = threading.Lock()
        self._launched: Launched | None = None
        self._end: weakref.finalize[..., LocalCluster] | None = None
        self._settings: Settings | None = None
        self._flower_url: str | None = None

    def start(self) -> Self:
        """Starts everything and waits until the worker takes tasks; does nothing if it runs.

        Raises:
            ClusterError: if it does not get ready in time; nothing is left behind then.
        """
        with self._lock:
            if self.is_running():
                return self
            if self._end:  # it ended by itself; what is left of it goes
                self._end()
            launched = Launched(self._order, self._base)
            try:
                report = launched.await_ready()
            except BaseException:  # a Ctrl-C too
                launched.end()
                raise
            self._settings = self._base.evolve(broker_url=report["broker_url"], store_url=report["broker_url"])
            self._flower_url = report["flower_url"]
            self._launched = launched
            # at the end of the process too, and without keeping this object alive
            self._end = weakref.finalize(self, launched.end_at_exit)
        return self

    def stop(self) -> None:
        """Ends everything, running tasks too; does nothing if it has ended or in a forked child."""
        if self._launched is None or self._launched.owner != os.getpid():
            return
        with self._lock:
            if self._end and self._end.alive:
                if reason := self._launched.reason_of_end():
                    logger.warning("the embedded cluster had ended before: %s", reason, extra={"action": "stop"})
                self._end.detach()
                self._launched.end()

    def is_running(self) -> bool:
        """Whether the cluster lives: it ends by itself if its server ends. A worker that ends is replaced."""
        if self._launched is None or self._end is None or self._settings is None:
            return False
        if self._launched.owner == os.getpid():
            return self._end.alive and self._launched.is_running()
        return url_answers(self._settings.require_store_url())  # a child cannot see its parent's children

    @property
    def workers(self) -> int:
        """How many slots there are."""
        return self._workers

    @property
    def settings(self) -> Settings:
        """Settings with the cluster's URLs, for producers of this or any other process.

        Raises:
            ClusterError: if the cluster was never started.
        """
        return _started(self._settings)

    @property
    def log_path(self) -> Path:
        """The worker's log; it goes with the cluster.

        Raises:
            ClusterError: if the cluster was never started.
        """
        return _started(self._launched).directory / WORKER_LOG

    @property
    def flower_url(self) -> str | None:
        """Where Flower's page is, name and password included; None without Flower."""
        return self._flower_url

    def __enter__(self) -> Self:
        """Starts the cluster."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the cluster."""
        self.stop()

    def __repr__(self) -> str:
        """The number of slots and whether they run."""
        return f"<LocalCluster: {self._workers} slots, {'running' if self.is_running() else 'not running'}>"


def _started(value: T | None) -> T:
    if value is None:
        raise ClusterError("the embedded cluster has not been started; call start() or use it in a `with`")
    return value


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
