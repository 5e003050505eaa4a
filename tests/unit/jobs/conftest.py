"""What several modules here need: the records of a job, as far as who waits for its tasks reads them."""

import threading

import pytest

from aerq.config.errors import UnavailableError
from aerq.tasks.records.job import JobCounts


class Stream:
    """The records as far as a log reads them; what a test puts in comes out of the next read."""

    def __init__(self):
        self.changed = threading.Condition()
        self.entries = []
        self.failures = 0
        self.reads = 0
        self.readers = 0
        self.most_readers = 0
        self.exists = True
        self.running = 0

    def put(self, *entries):
        with self.changed:
            self.entries += entries
            self.changed.notify_all()

    def completions(self, job_id, cursor, timeout):
        with self.changed:
            self.reads += 1
            self.changed.notify_all()
            if self.failures:
                self.failures -= 1
                raise UnavailableError("away")
            self.readers += 1
            self.most_readers = max(self.most_readers, self.readers)
            start = int(cursor)
            if timeout and len(self.entries) == start:
                self.changed.wait(min(timeout, 0.2))
            self.readers -= 1
            return str(len(self.entries)), self.entries[start:]

    def counts(self, job_ids):
        return [JobCounts(9, self.running, 0, 0, 0, 0, 0.0, None, None) if self.exists else None for _ in job_ids]


@pytest.fixture
def stream():
    return Stream()
