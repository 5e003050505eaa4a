"""Which servers a process uses when its user named none."""

from __future__ import annotations

import logging
import os
import threading

from ..errors import SettingsError
from ..settings import Settings
from .cluster import LocalCluster
from .discovery import find_running

logger = logging.getLogger("aerq")


class SharedCluster:
    """At most one embedded cluster, started when it is first needed, for the life of this process.

    A forked child goes on to use its parent's cluster and never ends it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cluster: LocalCluster | None = None

    def settings(self, wished: Settings) -> Settings:
        """The cluster's settings, after starting it if there is none.

        Args:
            wished: what else the cluster shall have if it is started now.

        Raises:
            ClusterError: if it cannot be started.
        """
        with self._lock:
            if self._cluster is None or not self._cluster.is_running():
                cluster = LocalCluster(settings=wished)
                # the lock of a forking process may be held by a thread that its child does not have
                os.register_at_fork(after_in_child=self._renew_lock)
                self._cluster = cluster.start()
                logger.warning(
                    "no broker is set and no `aerq up` runs: started an embedded cluster with %d slots "
                    "that ends with this process",
                    cluster.workers,
                    extra={"action": "start"},
                )
            return self._cluster.settings

    def is_running(self) -> bool:
        """Whether the cluster was started and has not ended."""
        with self._lock:
            return self._cluster is not None and self._cluster.is_running()

    def stop(self) -> None:
        """Ends the cluster if there is one and this process started it."""
        with self._lock:
            if self._cluster is not None:
                self._cluster.stop()
                self._cluster = None

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


#: The process's one embedded cluster. It is the only thing that this package keeps for a whole process: several
#: backends in a notebook must meet on the same workers. Nothing starts until `resolve_settings` needs it.
PROCESS_CLUSTER = SharedCluster()


def resolve_settings(
    settings: Settings | None, *, shared: SharedCluster = PROCESS_CLUSTER, start: bool = True
) -> Settings:
    """Settings that name a broker, from the first of these that has one.

    1. the given settings;
    2. the `AERQ_*` environment;
    3. a running `aerq up` of this user on this machine;
    4. an embedded cluster that is started now, once for this process, and that ends with it.

    What was set explicitly (apart from the URLs) is kept in every case.

    Args:
        settings: what the user gave; None for the environment's.
        shared: where the embedded cluster is kept.
        start: whether one may be started, which holds no earlier jobs.

    Raises:
        SettingsError: if a store but no broker is set, or another queue than the one that the cluster serves, or if
            there is no cluster and none may be started.
        ClusterError: if the embedded cluster cannot be started.
    """
    given = Settings() if settings is None else settings
    if given.broker_url is None:
        # settings made before the environment had the broker see it now
        given = Settings(**{name: getattr(given, name) for name in given.model_fields_set - {"broker_url"}})
    if given.broker_url is not None:
        return given
    if given.store_url is not None:
        raise SettingsError("AERQ_STORE_URL is set and AERQ_BROKER_URL is not; set both or neither")
    found = find_running()
    if found is None and not start and not shared.is_running():
        raise SettingsError(
            "no broker is set and no `aerq up` runs, so there are no earlier jobs; set AERQ_BROKER_URL, or start a "
            "cluster with `aerq up`"
        )
    found = found or shared.settings(given)
    explicit = {name: getattr(given, name) for name in given.model_fields_set - {"broker_url", "store_url"}}
    if explicit.get("queue", found.queue) != found.queue:
        raise SettingsError(
            f"the queue {explicit['queue']} is set, and the cluster on this machine serves {found.queue}; "
            "set AERQ_BROKER_URL, or use the cluster's queue"
        )
    return found.evolve(**explicit)
