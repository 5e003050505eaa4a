"""Local Aer in a process of its own, so that one case that ends or hangs a process does not end the tests."""

import contextlib
import logging
import multiprocessing
import warnings
from collections import deque
from dataclasses import dataclass

from qiskit_aer import AerSimulator

from .cases import draw_case
from .compare import told

#: For how many seconds a case may run before it counts as endless.
PATIENCE = 120.0
#: How often a case is run again of which the outcomes differ.
OPINIONS = 8
_ENDED = "it ended the process"


@dataclass(frozen=True)
class Outcome:
    """What local Aer made of a case.

    Attributes:
        result: all of the result that must be the same; None if there was none.
        error: why there was none.
    """

    result: dict | None = None
    error: str = ""

    @property
    def ended_process(self):
        """Whether the process did not live to tell."""
        return self.error.endswith(_ENDED)


def metadata_of(case):
    """For each experiment the metadata object of its circuit."""
    found = []
    for index, circuit in enumerate(case.circuits):
        values = case.parameter_binds[index] if case.parameter_binds and circuit.num_parameters else {}
        found += [circuit.metadata] * (len(next(iter(values.values()))) if values else 1)
    return found


def holds_metadata(result, case):
    """Whether each successful entry's header holds the very object that the circuit holds."""
    if not result.results:
        return not result.success
    # what failed has no header
    entries = zip(result.results, metadata_of(case), strict=True)
    return all(entry.header["metadata"] is metadata for entry, metadata in entries if hasattr(entry, "header"))


def run_locally(case):
    """Local Aer's outcome, with one thread."""
    try:
        for circuit in case.circuits:
            circuit.metadata = {}  # of circuits with control flow Aer copies it, and not all of it can be copied
        backend = AerSimulator(**case.backend_options)
        # Anywhere else than with one thread the order of keys is not compared, and nothing else depends on it.
        options = {**case.run_options, "max_parallel_threads": 1}
        result = backend.run(case.circuits, parameter_binds=case.parameter_binds, **options).result()
        return Outcome(told(result))
    except Exception as error:
        return Outcome(error=f"{type(error).__name__}: {error}")


def _serve(pipe):
    warnings.simplefilter("ignore")
    logging.disable()
    while True:
        seed = pipe.recv()
        pipe.send(run_locally(draw_case(seed)))


class LocalAer:
    """Runs cases in another process, one after the other."""

    def __init__(self):
        self._context = multiprocessing.get_context("spawn")
        self._process = None
        self._waiting = deque()

    def start(self):
        self._pipe, other = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(other,), daemon=True)
        self._process.start()
        other.close()
        for seed in self._waiting:
            self._pipe.send(seed)

    def ask(self, seed):
        """Starts a case; its outcome is the next that `outcome` returns."""
        self._waiting.append(seed)
        with contextlib.suppress(OSError):  # an earlier case ended the process; its outcome starts another
            self._pipe.send(seed)

    def outcome(self):
        """The outcome of the first case that was asked for and not yet given."""
        seed = self._waiting.popleft()
        try:
            if self._pipe.poll(PATIENCE):
                return self._pipe.recv()
            error = "it did not end"
        except (EOFError, OSError):
            error = _ENDED
        self.stop()
        self.start()
        return Outcome(error=f"case {seed}: {error}")

    def opinions(self, seed):
        """A case again and again, each time in a new process: some of Aer's runs depend on where its memory lies."""
        for _ in range(OPINIONS):
            self.stop()
            self.start()
            self.ask(seed)
            yield self.outcome()

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
