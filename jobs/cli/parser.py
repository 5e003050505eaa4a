"""The parent's side of the disposable process that parses circuit files."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from types import TracebackType

from .failures import InputError
from .parse_child import CIRCUITS, REPLY, REQUEST, SECONDS
from .sources import Source


class Parser:
    """A process that parses files one after the other and dies with the first that kills it.

    Entering the context starts it and leaving ends it; it starts while the caller does other things.
    """

    def __init__(self, deadline_seconds: float = SECONDS + 30) -> None:
        """Prepares a parser.

        Args:
            deadline_seconds: wall time per file; the default lets the process's own limit of processor time act
                first.
        """
        self._deadline_seconds = deadline_seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Parser:
        """Starts the process."""
        # no password reaches a process that reads hostile files; one thread each, because it is small work
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AERQ_")}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
        # -P: this process was not started with the working directory on its path, and the child must not be
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-P", "-W", "ignore", "-m", f"{__package__}.parse_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def parse(self, source: Source) -> bytes:
        """The circuits of a file as QPY that is safe to load.

        Raises:
            InputError: if the file holds no circuits that can give counts, or ends the process.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("the parser is not started; use it as a context")
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(self._deadline_seconds, end)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(REQUEST.pack(source.kind, len(source.data)) + source.data)
            process.stdin.flush()
            head = process.stdout.read(REPLY.size)
            if len(head) < REPLY.size:
                raise InputError(self._why_it_ended(process, source, late.is_set()))
            status, digest, length = REPLY.unpack(head)
            body = process.stdout.read(length)
        except BrokenPipeError:
            raise InputError(self._why_it_ended(process, source, late.is_set())) from None
        finally:
            timer.cancel()
        if hashlib.sha256(body).digest() != digest:
            raise InputError(self._why_it_ended(process, source, late.is_set()))
        if status != CIRCUITS:
            raise InputError(f"{source.path} {body.decode(errors='replace')}")
        return body

    def _why_it_ended(self, process: subprocess.Popen[bytes], source: Source, late: bool) -> str:
        """The sentence for a file that ended its parser."""
        process.kill()  # no effect on one that has ended; its own exit code stands
        code = process.wait()
        if late or code == -signal.SIGXCPU:
            return (
                f"{source.path} takes more than {SECONDS} s to read; save the circuit as QPY, which reads much faster"
            )
        return f"{source.path} is not a readable circuit (the parser stopped)"
