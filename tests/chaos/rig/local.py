"""What local Aer gives for the same jobs, in a process of its own: Aer must not run where workers are started."""

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor

from qiskit_aer import AerSimulator

from aerq.config.local.processes import die_with_parent


def counts_of(part):
    """The counts of each experiment of a job."""
    result = AerSimulator().run(part.circuits(), max_parallel_threads=1, **part.run_options()).result()
    assert result.success, result.status
    return [result.get_counts(index) for index in range(part.experiments)]


class LocalAer:
    """Runs jobs one after the other, each once."""

    def __init__(self):
        context = multiprocessing.get_context("spawn")
        # its process is not to stay behind where the tests themselves are killed
        killed_with_us = {"initializer": die_with_parent, "initargs": (signal.SIGKILL, os.getpid())}
        self._pool = ProcessPoolExecutor(1, mp_context=context, **killed_with_us)
        self._asked = {}

    def ask(self, part):
        """A future of the counts of a job."""
        if part not in self._asked:
            self._asked[part] = self._pool.submit(counts_of, part)
        return self._asked[part]

    def end(self):
        self._pool.shutdown(cancel_futures=True)
