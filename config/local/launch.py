"""The owner's side of a supervisor: starting it, hearing from it, ending it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any, cast

from ..errors import ClusterError
from ..settings import Settings
from .order import GRACE_SECONDS, REAP_SECONDS, Order
from .processes import close_in_forked_children

_LOG = "supervisor.log"
#: After this the supervisor itself is killed, and the kernel kills its children.
_END_SECONDS = GRACE_SECONDS + REAP_SECONDS + 5.0


class Launched:
    """A running supervisor. Only the process that started it ends it, not a forked child.

    Args:
        order: what to start; its directory is chosen here.
        settings: the worker's settings; their URLs are not used.

    Raises:
        ClusterError: if the supervisor cannot be started.
    """

    def __init__(self, order: Order, settings: Settings) -> None:
        self.owner = os.getpid()
        self.directory = Path(tempfile.mkdtemp(prefix="aerq-"))  # with mode 0700
        self._order = replace(order, owner=self.owner, directory=str(self.directory))
        self._heard = b""
        try:
            with (self.directory / _LOG).open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "aerq.config.local.supervisor"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    bufsize=0,
                    env=_environment(settings),
                    # a Ctrl-C in the owner's terminal is the owner's business
                    start_new_session=True,
                )
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        self._lifeline = cast("IO[bytes]", self._process.stdin)
        self._reports = cast("IO[bytes]", self._process.stdout)
        # a forked child must neither seem to be the owner nor hear in its place
        close_in_forked_children(self._lifeline)
        close_in_forked_children(self._reports)
        with contextlib.suppress(BrokenPipeError):
            self._lifeline.write(json.dumps(asdict(self._order)).encode() + b"\n")

    def await_ready(self) -> dict[str, Any]:
        """Waits until the cluster is ready.

        Returns:
            The supervisor's report.

        Raises:
            ClusterError: if it did not get ready; the supervisor is ending then.
        """
        # the supervisor keeps the time; a little more, so that its own words are heard
        report = self._next_report(self._order.start_timeout_seconds + _END_SECONDS)
        if report is None:
            raise ClusterError(f"the embedded cluster did not start; its log ends with:\n{self._last_lines()}")
        if "error" in report:
            log = f"; its log ends with:\n{report['log']}" if report["log"] else ""
            raise ClusterError(f"the embedded cluster did not start: {report['error']}{log}")
        return report

    def reason_of_end(self) -> str | None:
        """Why the cluster ended, where that was not the owner's wish."""
        report = self._next_report(0)
        return str(report["error"]) if report and "error" in report else None

    def is_running(self) -> bool:
        """Whether the supervisor lives; asked in the process that started it."""
        return self._process.poll() is None

    def end(self) -> None:
        """Ends everything and waits for it; does nothing in a forked child."""
        if os.getpid() != self.owner:
            return
        self._lifeline.close()
        # the closed pipe alone would do, if no forked child held it open
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
        except KeyboardInterrupt:  # the user does not want to wait for goodbyes
            self._kill()
            raise
        finally:
            self._reports.close()
            # the supervisor does this too, unless it was killed
            shutil.rmtree(self.directory, ignore_errors=True)

    def end_at_exit(self) -> None:
        """Ends everything while the interpreter shuts down, where a Ctrl-C has nobody left to hear it."""
        with contextlib.suppress(KeyboardInterrupt):
            self.end()

    def _kill(self) -> None:
        """Kills the supervisor; the kernel kills its children then."""
        self._process.kill()
        self._process.wait()

    def _next_report(self, seconds: float) -> dict[str, Any] | None:
        """The supervisor's next line, or None if it says none in time or no more."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._heard:
            left = max(deadline - time.monotonic(), 0)
            if self._reports.closed or not select.select([self._reports], [], [], left)[0]:
                return None
            part = os.read(self._reports.fileno(), 65536)
            if not part:
                return None
            self._heard += part
        line, _, self._heard = self._heard.partition(b"\n")
        report: dict[str, Any] = json.loads(line)
        return report

    def _last_lines(self) -> str:
        log = self.directory / _LOG
        return "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""


def _environment(settings: Settings) -> dict[str, str]:
    """The supervisor's environment: the owner's, and the worker's settings without the URLs of other servers."""
    environment = {**os.environ, **settings.evolve(broker_url=None, store_url=None).to_environment()}
    if path := environment.get("PYTHONPATH"):  # the cluster works in a directory of its own
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
    return environment
