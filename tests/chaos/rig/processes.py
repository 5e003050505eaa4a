"""Child processes that can be killed, paused and waited for, and are gone at the end whatever happens."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

RIG = Path(__file__).resolve().parent.parent


class Child:
    """A process with a group of its own.

    Args:
        command: program and arguments.
        log: file for what it prints.
        environment: its variables.
        standard_input: what it reads.
        pipes: descriptors that it inherits.
    """

    def __init__(self, command, log, environment=None, standard_input="", pipes=()):
        self.log = Path(log)
        environment = dict(os.environ if environment is None else environment)
        environment["PYTHONPATH"] = str(RIG)
        launched = [sys.executable, "-P", "-m", "rig.launch", str(os.getpid()), *command]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                launched,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=pipes,
                process_group=0,
            )
        self.process.stdin.write(standard_input.encode())
        self.process.stdin.close()
        self.pid = self.process.pid

    @property
    def alive(self):
        return self.process.poll() is None

    def children(self):
        """Its children that live."""
        try:
            found = psutil.Process(self.pid).children()
            return [child for child in found if child.status() != psutil.STATUS_ZOMBIE]
        except psutil.NoSuchProcess:
            return []

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """Kills it alone, as `kill -9 PID`; what becomes of its children is its own affair."""
        self.process.kill()
        self.process.wait()

    def pause(self):
        """Stops it and its children where they are."""
        os.killpg(self.pid, signal.SIGSTOP)

    def go_on(self):
        os.killpg(self.pid, signal.SIGCONT)

    def end(self):
        """Ends it and its children at once."""
        if self.alive:
            os.killpg(self.pid, signal.SIGKILL)  # also ends what is stopped
        self.process.wait()

    def last_lines(self, number=40):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-number:])
