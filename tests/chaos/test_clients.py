"""Clients that die while they submit: the job is whole, or it is not there."""

import random
import sys

from rig.load import background
from rig.processes import Child
from rig.waiting import rest, until

from aerq.jobs import AerqProvider


def test_clients_are_killed_while_they_submit(cluster, ledger, seed):
    cluster.start()
    ledger.submit(*background(seed))
    provider = AerqProvider(cluster.settings())
    known = {job.job_id() for job in provider.jobs(limit=None)}
    part = next(part for part in background(seed) if part.kind == "noisy")
    for number in range(4):
        marker = cluster.folder / f"submits-{number}"
        command = [sys.executable, "-P", "-m", "rig.client", cluster.store.url, str(seed), str(marker)]
        client = Child(command, cluster.folder / "client.log")
        until("the client submits", marker.exists)
        rest(random.Random(f"{seed} {number}").uniform(0, 0.15))
        client.kill()
    for job in provider.jobs(limit=None):
        if job.job_id() not in known:
            ledger.adopt(part, job)
    ledger.settle()
