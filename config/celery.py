"""The Celery application. Each setting has its reason beside it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Any

from celery import Celery

from .errors import SettingsError
from .queues import queues
from .settings import Settings
from .store import BLOCK_SECONDS
from .urls import is_rabbitmq

#: The result backend, named and not imported: it reads the job records, and those belong to the layer above.
RESULT_BACKEND = "aerq.tasks.backend:RecordBackend"

#: What Celery prefers to its own settings (celery/app/utils.py).
_OVERRULING = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND")


def create_app(settings: Settings) -> Celery:
    """Makes the Celery application that producers and workers share; nothing connects yet.

    Args:
        settings: broker, store and queue.

    Returns:
        An application of its own: it is not made the process's current one.

    Raises:
        SettingsError: if no broker or no store is configured, or a variable of Celery's would overrule them.
    """
    _refuse_overruling_variables(os.environ)
    app = Celery("aerq", set_as_current=False)
    app.conf.update(configuration(settings))
    app.conf.broker_use_ssl = _tls(settings.require_broker_url())
    app.aerq_settings = settings
    return app


def _refuse_overruling_variables(environment: Mapping[str, str]) -> None:
    """Celery reads these before its settings, so messages would go elsewhere without a word."""
    for name in _OVERRULING:
        if environment.get(name):
            raise SettingsError(f"the environment variable {name} overrules aerq's settings; unset it for aerq")


def configuration(settings: Settings) -> dict[str, Any]:
    """Celery's settings, by their names in Celery's documentation."""
    return {
        "broker_url": settings.require_broker_url(),
        # States and results live in the job's own record, so that there is one truth and no second write.
        # The backend finds the store in the settings: its address, with a password, need not be here.
        "result_backend": RESULT_BACKEND,
        "task_default_queue": settings.queue,
        "task_queues": queues(settings),
        # Messages are plain data. Nothing that arrives can name code to run.
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        # A task is only forgotten by the broker when it has ended. How often one is tried is counted in its record, so
        # a circuit that kills its slot does not come back for ever (tasks/worker/request.py).
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": True,
        # STARTED must be seen: a kernel may run for hours.
        "task_track_started": True,
        # A slot that computes for an hour must not hold messages that another slot could run.
        "worker_prefetch_multiplier": 1,
        # Parents hand out work one task at a time, never a bundle to a busy child.
        "worker_pool": "prefork",
        # Results are collected in bulk by id; nobody waits for a message about each.
        "task_ignore_result": False,
        "task_store_errors_even_if_ignored": True,
        # Messages are small (ids and digests); compressing them costs more than it saves.
        "task_compression": None,
        "broker_connection_timeout": settings.connect_timeout_seconds,
        # A producer says at once that the broker is gone. A worker comes back, however long the broker was away.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A broker that refuses one command, for it is full or a queue is being moved, is no reason to end a worker.
        "broker_channel_error_retry": True,
        "broker_transport_options": _transport_options(settings),
        # A worker whose host vanished is noticed by RabbitMQ, and its tasks given to others, after two of these.
        "broker_heartbeat": 10,
        # Celery sees a quorum queue and makes queues for tasks with a time to start at, of which we have none.
        "broker_native_delayed_delivery_queue_type": "classic",
        # When the connection drops, the broker gives our unacknowledged tasks to others, who find that they run here
        # and drop the message. What runs here runs on, and its result stands.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": True,
        # Task events cost commands for each task; Flower turns them on while it looks.
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        # Long lists of revoked ids would be kept in every worker; cancelling uses the job's record instead.
        "worker_enable_remote_control": True,
        "enable_utc": True,
        "timezone": "UTC",
    }


def _tls(url: str) -> dict[str, Any] | None:
    """How the broker's certificate is checked; unasked, the clients would show the password to whoever answers."""
    if url.startswith("rediss://") and "ssl_cert_reqs" not in url:
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    if url.startswith("amqps://"):
        # None stands for the host in the URL; without the word the certificate of any host would do.
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
    return None


def _transport_options(settings: Settings) -> dict[str, Any]:
    """What kombu tells the broker's client; RabbitMQ's needs to be told nothing."""
    if is_rabbitmq(settings.broker_url):
        return {}
    return {
        # Only a second net, and a day: every process that touches the broker sweeps with its own value by its own
        # host's clock, so a short one would give out running tasks again where a clock is wrong. Whoever is dead is
        # found within a minute by the store's clock (tasks/worker/reconciler.py).
        "visibility_timeout": settings.visibility_timeout_seconds,
        "socket_timeout": BLOCK_SECONDS + max(settings.connect_timeout_seconds, 1.0),
        "socket_connect_timeout": settings.connect_timeout_seconds,
        # A dead peer is noticed without a word from it.
        "socket_keepalive": True,
        "health_check_interval": 30,
    }
