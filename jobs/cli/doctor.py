"""`aerq doctor`: one line for each thing that must be right, with the mend where it is not."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click
import redis
from amqp.exceptions import AccessRefused
from kombu.exceptions import OperationalError

from ...config.celery import create_app
from ...config.errors import AerqError, UnavailableError
from ...config.local.discovery import find_running
from ...config.settings import Settings
from ...config.store import code_of, store_errors, store_variable
from ...config.urls import has_password, is_rabbitmq, masked, store_url_of_broker
from ...tasks.records.store import Records
from ...tasks.records.workers import WorkerRecord, live_workers
from ...tasks.versions import versions

#: Clocks this many seconds apart are worth a word. Nothing depends on them: the store's clock rules.
CLOCK_SECONDS = 5.0
#: What to do where a server answers and refuses.
_REFUSED = "look into the server's log: often its disk is full, or its user lacks a right"
#: These must be the same on both sides, or bits and formats may differ.
_MUST_AGREE = ("aerq", "qiskit", "qiskit-aer")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        what: the thing that was looked at.
        ok: whether it is right.
        found: what was found.
        mend: what to do where it is not right.
    """

    what: str
    ok: bool
    found: str
    mend: str = ""


@click.command(
    epilog="""\b
Exit codes: 0 all is well, 1 something has to be mended.

\b
Environment:
  AERQ_BROKER_URL               the broker, e.g. redis://:PASSWORD@HOST:6379/0
  AERQ_STORE_URL                the store, where it is another server
  AERQ_CONNECT_TIMEOUT_SECONDS  how long to wait for them (5)
Without AERQ_BROKER_URL a running `aerq up` is looked at.
"""
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the default where the output is no terminal.")
def doctor(as_json: bool) -> None:
    """Check broker, store, workers, versions on both sides and clocks."""
    findings = list(examine())
    if as_json or not sys.stdout.isatty():
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            mark = click.style("ok  ", fg="green") if finding.ok else click.style("FAIL", fg="red", bold=True)
            click.echo(f"{mark} {finding.what:<9} {finding.found}")
            if finding.mend:
                click.echo(f"               mend: {finding.mend}")
    if not all(finding.ok for finding in findings):
        raise SystemExit(1)


def examine() -> Iterator[Finding]:
    """Looks at everything, one finding after the other; what cannot be reached ends the look."""
    try:
        settings = Settings.from_environment()
    except AerqError as error:
        yield Finding("settings", False, str(error), "correct or unset this variable")
        return
    source = "AERQ_* environment"
    if settings.broker_url is None:
        running = find_running()
        if running is None:
            yield Finding(
                "settings",
                False,
                "no broker is configured and no `aerq up` runs",
                "set AERQ_BROKER_URL, or start a cluster here with: aerq up",
            )
            return
        settings, source = running, "a running `aerq up`"
    yield Finding("settings", True, f"from {source}")
    yield from _broker(settings)
    records = None
    try:
        settings.require_store_url()
        records = Records(settings)
        before = time.time()
        now = records.ping()
        after = time.time()
        yield Finding("store", True, f"{masked(settings.store_url or '')} answers in {(after - before) * 1000:.1f} ms")
        workers = live_workers(records, settings)
        with store_errors(settings):
            evicts = _evicts("store", records.client)
    except AerqError as error:
        mend = f"start the server, or correct {store_variable(settings)}"
        if isinstance(error.__cause__, redis.AuthenticationError):
            mend = f"put the right password into {store_variable(settings)}"
        elif isinstance(error.__cause__, redis.ResponseError):
            mend = _REFUSED
        yield Finding("store", False, str(error), mend)
        return
    finally:
        if records is not None:
            records.close()
    yield from evicts
    yield from _workers(settings, workers)
    yield from _versions(workers)
    yield _clock("this host", now - (before + after) / 2)
    for worker in workers:
        yield _clock(worker.name, worker.written - worker.clock)


def _broker(settings: Settings) -> Iterator[Finding]:
    where = masked(settings.broker_url or "")
    connection = create_app(settings).connection_for_write()
    try:
        connection.ensure_connection(max_retries=1, timeout=settings.connect_timeout_seconds)
        evicts: list[Finding] = []
        if not is_rabbitmq(settings.broker_url):
            client = connection.default_channel.client
            client.ping()
            if settings.store_url != store_url_of_broker(settings.broker_url or ""):  # else it is said of the store
                evicts = _evicts("broker", client)
        yield Finding("broker", True, f"{where} answers")
        yield from evicts
    except (OperationalError, UnavailableError, OSError, *connection.connection_errors) as error:
        cause = error.__cause__ or error
        if isinstance(cause, redis.AuthenticationError | AccessRefused):
            does = "refuses the password" if has_password(settings.broker_url) else "asks for a password"
            yield Finding("broker", False, f"{where} {does}", "put the right one into AERQ_BROKER_URL")
        elif isinstance(cause, redis.ResponseError):
            found = f"{where} refuses ({code_of(cause)})"
            yield Finding("broker", False, found, _REFUSED)
        else:
            found = f"{where} does not answer ({type(cause).__name__})"
            yield Finding("broker", False, found, "start the server, or correct AERQ_BROKER_URL")
    finally:
        connection.release()


def _evicts(what: str, client: redis.Redis) -> list[Finding]:
    """That a server throws away what it holds when it is full; nothing if it does not, or does not say."""
    try:
        policy = str(client.info("memory").get("maxmemory_policy", "noeviction"))
    except redis.ResponseError:  # its user may lack the right to ask
        return []
    if policy == "noeviction":
        return []
    found = f"a full server would throw away jobs and results: its maxmemory-policy is {policy}"
    return [Finding(what, False, found, "set maxmemory-policy to noeviction on the server")]


def _workers(settings: Settings, workers: list[WorkerRecord]) -> Iterator[Finding]:
    serving = [worker for worker in workers if worker.queue == settings.queue]
    for name in settings.queues_in_use if serving else [settings.queue]:
        # A worker that does not say what it reads, reads the queue of short tasks.
        if not any(name in (worker.reads or (worker.queue,)) for worker in serving):
            yield Finding("workers", False, f"none reads the queue {name!r}", "start one for this broker: aerq worker")
    for worker in serving:
        slots = "1 slot" if worker.slots == 1 else f"{worker.slots} slots"
        threads = "1 thread" if worker.threads == 1 else f"{worker.threads} threads"
        found = f"{worker.name}: {slots} of {threads} and {worker.memory_mb} MiB"
        if worker.allocator:
            found += f", memory from {worker.allocator}"
        yield Finding("workers", True, found)


def _versions(workers: list[WorkerRecord]) -> Iterator[Finding]:
    here = versions()
    shown = ", ".join(f"{name} {number}" for name, number in here.items())
    yield Finding("versions", True, f"here: {shown}")
    for worker in workers:
        differing = [
            f"{name} {worker.versions.get(name)} there and {here[name]} here"
            for name in _MUST_AGREE
            if worker.versions.get(name) != here[name]
        ]
        if differing:
            yield Finding(
                "versions", False, f"{worker.name}: {', '.join(differing)}", "install the same versions on both sides"
            )
        else:
            yield Finding("versions", True, f"{worker.name}: the same")


def _clock(whose: str, behind: float) -> Finding:
    found = f"{whose} is {abs(behind):.1f} s {'behind' if behind > 0 else 'ahead of'} the store"
    if abs(behind) <= CLOCK_SECONDS:
        return Finding("clock", True, found)
    return Finding("clock", False, found, "set the host's clock (NTP); jobs run, but times shown for it are off")
