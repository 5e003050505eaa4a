"""`aerq up`: a cluster in the foreground, found by every `AerqSimulator()` of the same user."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ...config.errors import ClusterError
from ...config.local.cluster import LocalCluster
from ...config.local.discovery import announce, find_running
from ...config.settings import Settings
from .environment import settings_help
from .failures import InputError

#: How often the cluster is looked at, in seconds.
_LOOK_SECONDS = 1.0


@click.command(epilog=settings_help(("broker_url", "store_url")))
@click.option("--workers", type=click.IntRange(1, 1024), help="Slots; by default one for each core.")
@click.option("--flower/--no-flower", default=True, show_default=True, help="Start Flower's web page too.")
@click.option("--flower-port", type=click.IntRange(1, 65535), help="Its port (environment: AERQ_FLOWER_PORT; 5555).")
def up(workers: int | None, flower: bool, flower_port: int | None) -> None:
    """Keep a cluster running on this machine until Ctrl-C.

    Starts a Valkey server, workers and Flower. While it runs, every AerqSimulator() and every aerq command of this
    user finds it, unless AERQ_BROKER_URL says otherwise. The server keeps nothing on disk: jobs end with it.
    """
    settings = Settings.from_environment()
    if find_running() is not None:
        raise InputError("another `aerq up` of this user runs on this machine; use it, or end it first")
    if flower_port is not None:
        settings = settings.evolve(flower_port=flower_port)
    with interrupts() as interrupted, LocalCluster(workers, settings=settings, flower=flower) as cluster:
        slots = "1 worker slot" if cluster.workers == 1 else f"{cluster.workers} worker slots"
        with announce(cluster.settings):
            click.echo(f"aerq is up: {slots} on this machine. Ctrl-C ends it.")
            click.echo("  python:  AerqSimulator() finds it; so do the other aerq commands")
            if cluster.flower_url:
                click.echo(f"  Flower:  {cluster.flower_url}")
            click.echo(f"  log:     {cluster.log_path}")
            while not interrupted.wait(_LOOK_SECONDS):
                if not cluster.is_running():
                    raise ClusterError("the cluster has ended: its server or its worker stopped; start it again")
        click.echo("stopping ...")


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, instead of ending the process on the spot."""
    event = threading.Event()
    previous = {number: signal.signal(number, lambda *_: event.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
