"""The ledger of a row: each submit, start, finish and collect, and what must be true of them at the end."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import pairwise

from aerq.jobs import AerJobSet, AerqSimulator
from aerq.tasks.publishing import publish_tasks
from aerq.tasks.records.states import TaskState
from aerq.tasks.records.store import Records

from .spans import DEADLINE
from .waiting import until


@dataclass
class Tally:
    """The sums of a row.

    Attributes:
        experiments: submitted.
        tasks: in which they travelled.
        lost: tasks that have no end, or not the one that they must have.
        doubled: tasks with more than one end.
        differing: experiments whose counts are not those of local Aer.
        extra: attempts that were charged beyond the first.
        beside: runs of a task while another process ran the same task.
        back_seconds: the longest time from a fault until what it had hit ran again.
    """

    experiments: int = 0
    tasks: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    extra: int = 0
    beside: int = 0
    back_seconds: float = 0.0

    def __iadd__(self, other):
        for field in fields(self):
            one, two = getattr(self, field.name), getattr(other, field.name)
            setattr(self, field.name, max(one, two) if field.name == "back_seconds" else one + two)
        return self


@dataclass(frozen=True)
class Entry:
    """One job: what was asked for, its handle, and the future of the client that waits for it."""

    part: object
    job: object
    result: object


class Ledger:
    """Submits jobs, waits for each in a thread from the beginning, and compares at the end.

    Args:
        client: settings of the submitting and waiting client.
        direct: settings that reach the store past every proxy.
        local: local Aer.
        diary: what the kernels tell.
    """

    def __init__(self, client, direct, local, diary):
        self._backend = AerqSimulator(settings=client)
        self.records = Records(direct)
        self._local = local
        self._diary = diary
        self._entries = []
        self._collected = []
        self._waiting = ThreadPoolExecutor(8, thread_name_prefix="collect")
        self.tally = Tally()

    def submit(self, *parts):
        """Submits jobs; local Aer computes the same beside."""
        jobs = []
        for part in parts:
            self._local.ask(part)
            job = self._backend.run(part.circuits(), **part.run_options(), **part.options_of_ours())
            self._entries.append(Entry(part, job, self._waiting.submit(self._collect, job)))
            jobs.append(job)
        return jobs

    def _collect(self, job):
        """What each client does: it takes the tasks as they end, then the whole result."""
        for _ in job.as_completed(DEADLINE) if isinstance(job, AerJobSet) else ():
            self._collected.append(time.time())
        result = job.result(DEADLINE)
        self._collected.append(time.time())
        return result

    def adopt(self, part, job):
        """Takes on a job that another client has submitted."""
        self._local.ask(part)
        self._entries.append(Entry(part, job, self._waiting.submit(self._collect, job)))

    def submit_apart(self, circuits, **options):
        """Submits a job that is not to end as local Aer would end it, so `settle` does not look at it."""
        return self._backend.run(circuits, shots=10, seed_simulator=1, **options)

    def expect_again(self, killed, seconds):
        """Waits until each of these runs was begun anew, and looks how long that took from the time it was killed at.

        Args:
            killed: when each of them was killed, by the machine's monotonic clock.
            seconds: the longest time that it may take.
        """
        for run, at in killed.items():
            again = until(f"{run} runs again", lambda run=run, at=at: self._diary.begun(run.place, at))
            self._note(again - at)
            assert again - at <= seconds, f"{run} ran again after {again - at:.1f} s"

    def expect_back(self, at, seconds):
        """Waits until a worker has ended a task and a client has heard of one since the store is back.

        Args:
            at: when the store was back, in seconds since the epoch.
            seconds: the longest time that it may take.
        """
        for who, times in (("a worker", self._ends), ("a client", lambda: list(self._collected))):
            first = until(f"{who} is back", lambda times=times: min((t for t in times() if t > at), default=None))
            self._note(first - at)
            assert first - at <= seconds, f"{who} was back after {first - at:.1f} s"

    def expect_end(self, job, seconds):
        """Looks how long a job that has ended took from its submit, by the store's clock."""
        count = self.records.counts([job.job_id()])[0]
        assert count.finished - count.created <= seconds, count

    def _ends(self):
        """When each task has ended, by the store's clock, which is this machine's."""
        return [task.finished for entry in self._entries for task in self.records.tasks(entry.job.job_id()).values()]

    def _note(self, seconds):
        self.tally.back_seconds = max(self.tally.back_seconds, round(seconds, 2))

    def publish_again(self, jobs, times):
        """Sends all messages of jobs so many times more."""
        executor = self._backend.celery_executor
        for job in jobs * times:
            publish_tasks(executor.app, executor.settings, self.records.record(job.job_id()))

    @property
    def tasks(self):
        """How many tasks were submitted."""
        return sum(len(self.records.record(entry.job.job_id()).messages) for entry in self._entries)

    @property
    def ended(self):
        """How many tasks have ended."""
        counts = self.records.counts([entry.job.job_id() for entry in self._entries])
        return sum(count.ended for count in counts)

    def completions(self, job_id):
        """Each line of a job's completions."""
        cursor, lines = "0", []
        while True:
            cursor, more = self.records.completions(job_id, cursor, None)
            if not more:
                return lines
            lines += more

    def attempts(self):
        """How many attempts each task was charged, by job and index."""
        found = {}
        for entry in self._entries:
            for index, task in self.records.tasks(entry.job.job_id()).items():
                found[entry.job.job_id(), index] = charged(task)
        return found

    def settle(self):
        """Waits for every client, then checks that nothing was lost, doubled or changed."""
        said = []
        for entry in self._entries:
            result = entry.result.result(DEADLINE)
            self._settle(entry, result, said)
        self._look_for_runs_beside(said)
        assert not said, f"{self.tally}\n" + "\n".join(said[:40])

    def _settle(self, entry, result, said):
        tally, job_id = self.tally, entry.job.job_id()
        messages = self.records.record(job_id).messages
        tally.experiments += entry.part.experiments
        tally.tasks += len(messages)
        lines = Counter(line.index for line in self.completions(job_id))
        tasks = self.records.tasks(job_id)
        for index in range(len(messages)):
            task = tasks.get(index)
            if lines[index] == 0 or task is None or task.state is not TaskState.DONE:
                tally.lost += 1
                said.append(f"{entry.part.kind} task {index} of {job_id}: {lines[index]} completions, {task}")
            if lines[index] > 1:
                tally.doubled += 1
                said.append(f"{entry.part.kind} task {index} of {job_id} has {lines[index]} completions")
            tally.extra += max(charged(task) - 1, 0) if task else 0
        counted = self.records.counts([job_id])[0]
        if (counted.done, counted.running) != (len(messages), 0):
            said.append(f"the counters of {job_id} say {counted}")
        for index, expected in enumerate(self._local.ask(entry.part).result(DEADLINE)):
            counts = result.get_counts(index)
            if counts != expected or sum(counts.values()) != entry.part.shots:
                tally.differing += 1
                said.append(f"{entry.part.kind}-{index} of {job_id}: {counts}, local Aer has {expected}")

    def _look_for_runs_beside(self, said):
        """The same task in two processes at once. The end of a run that was killed is not known, so it is left out."""
        for runs in self._diary.by_place().values():
            for one, other in pairwise(runs):
                if one.ended is not None and other.began < one.ended:
                    self.tally.beside += 1

    def close(self):
        self._waiting.shutdown(wait=False, cancel_futures=True)
        self._backend.celery_executor.shutdown()
        self.records.close()


def charged(task):
    """How many of a task's attempts count."""
    return task.attempt - getattr(task, "spared", 0)
