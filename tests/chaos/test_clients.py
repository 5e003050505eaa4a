"""Clients that die while they submit, and clients that cancel while workers die."""

import os
import random
import sys
import time
from collections import Counter

from rig.load import Part, background
from rig.processes import Child
from rig.waiting import rest, until

from aerq.jobs import AerqProvider

#: A slot that was allowed to start may write that into the diary a moment after the cancel.
GRACE_SECONDS = 2.0


def test_cancelled_stays_cancelled_while_workers_die(cluster, ledger, seed):
    cluster.start()
    job = ledger.submit_apart(Part("slow", 40, 100, seed).circuits())
    ledger.submit(*background(seed))
    worker = cluster.owner(cluster.stop_in_kernel("slow"))
    job.cancel()
    at = time.monotonic()
    worker.kill()
    cluster.start(workers=1)
    ledger.settle()
    late = [run for run in cluster.diary.runs() if run.job == job.job_id() and run.began > at + GRACE_SECONDS]
    assert not late, "it started after it was cancelled"
    ends = Counter(line.index for line in ledger.completions(job.job_id()))
    assert ends == dict.fromkeys(range(40), 1)
    assert {status.name for status in job.statuses()} <= {"DONE", "CANCELLED"}


def test_clients_are_killed_while_they_submit(cluster, ledger, seed):
    cluster.start()
    ledger.submit(*background(seed))
    provider = AerqProvider(cluster.settings())
    known = {job.job_id() for job in provider.jobs(limit=None)}
    part = next(part for part in background(seed) if part.kind == "noisy")
    clients, environment = {}, {**os.environ, **cluster.settings().to_environment()}
    for number in range(3):
        marker = cluster.folder / f"submits-{number}"
        command = [sys.executable, "-P", "-m", "rig.client", str(seed), str(marker)]
        clients[marker] = Child(command, cluster.folder / f"client-{number}.log", environment)
    for marker, client in clients.items():
        until("the client submits", marker.exists)
        rest(random.Random(f"{seed} {marker.name}").uniform(0, 0.1))
        client.kill()
    for job in provider.jobs(limit=None):
        if job.job_id() not in known:
            ledger.adopt(part, job)
    ledger.settle()
