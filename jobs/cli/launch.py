"""`aerq worker` and `aerq flower`: Celery's own commands, with the options that aerq's workers want."""

from __future__ import annotations

import os
import secrets
import sys

import click
import redis

from ...config.allocator import allocator_environment
from ...config.errors import UnavailableError
from ...config.flower import flower_options
from ...config.settings import Settings
from ...config.store import connect_store, store_errors
from .cluster import running_settings
from .environment import settings_help


@click.command(context_settings={"ignore_unknown_options": True}, epilog=settings_help())
@click.option("--slots", "-c", type=click.IntRange(min=1), help="Tasks run at a time; by default the number of cores.")
@click.option("--name", "-n", help="Name of this worker; by default aerq@HOST.")
@click.argument("celery_options", nargs=-1, type=click.UNPROCESSED)
def worker(slots: int | None, name: str | None, celery_options: tuple[str, ...]) -> None:
    """Start a worker in the foreground.

    Broker and store come from AERQ_BROKER_URL and AERQ_STORE_URL; without them it joins a running `aerq up`.
    It is `celery -A aerq.tasks worker` with a faster allocator (AERQ_ALLOCATOR); everything after -- goes to Celery.
    SIGTERM or Ctrl-C lets running experiments end for AERQ_DRAIN_SECONDS (20), then other workers get them; a second
    one does not wait.
    """
    settings = _settings()
    _check_password(settings)
    command = [
        *_celery(),
        "worker",
        "--hostname",
        name or "aerq@%h",
        "--loglevel",
        settings.log_level,
        # Workers of aerq have nothing to tell each other; without these a worker starts a second sooner.
        "--without-mingle",
        "--without-gossip",
    ]
    if slots:
        command += ["--concurrency", str(slots)]
    os.environ.update(allocator_environment(os.environ))
    _become([*command, *celery_options])


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
Environment:
  AERQ_BROKER_URL    the broker, e.g. redis://:PASSWORD@HOST:6379/0
  AERQ_FLOWER_PORT   port of the page (5555)
  FLOWER_BASIC_AUTH  its login, USER:PASSWORD
""",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the page (environment: AERQ_FLOWER_PORT).")
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.argument("celery_options", nargs=-1, type=click.UNPROCESSED)
def flower(port: int | None, address: str, celery_options: tuple[str, ...]) -> None:
    """Start the Flower page in the foreground.

    The login is FLOWER_BASIC_AUTH=user:password from the environment; without one, a password is made and shown once.
    """
    settings = _settings()
    environment = flower_environment()
    user, _, password = environment["FLOWER_BASIC_AUTH"].partition(":")
    if "FLOWER_BASIC_AUTH" not in os.environ:
        click.echo(f"Flower: http://{address}:{port or settings.flower_port}  user {user}  password {password}")
    os.environ.update(environment)
    _become([*_celery(), "flower", *flower_options(address, port or settings.flower_port), *celery_options])


def flower_environment() -> dict[str, str]:
    """Flower's variables: the login that is set, or one with a new password."""
    return {"FLOWER_BASIC_AUTH": os.environ.get("FLOWER_BASIC_AUTH") or f"aerq:{secrets.token_urlsafe(12)}"}


def _settings() -> Settings:
    """The settings of the broker that is set or of a running `aerq up`, also in the environment that Celery gets."""
    settings = running_settings()
    settings.require_store_url()
    os.environ.update(settings.to_environment())
    return settings


def _check_password(settings: Settings) -> None:
    """Refuses to start with a password that the store refuses: a worker would try it for ever.

    A store that does not answer yet is waited for by the worker.

    Raises:
        UnavailableError: if the store wants another password, or one at all.
    """
    client = connect_store(settings, patient=False)
    try:
        with store_errors(settings):
            client.ping()
    except UnavailableError as error:
        if isinstance(error.__cause__, redis.AuthenticationError):
            raise
    finally:
        client.close()


def _celery() -> list[str]:
    return [sys.executable, "-m", "celery", "--app", "aerq.tasks", "--quiet"]


def _become(command: list[str]) -> None:
    """Replaces this process, so that signals reach Celery itself."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 (no shell is wanted)
