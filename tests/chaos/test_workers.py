"""Workers that die, are asked to end, stand still, or have a wrong clock, under a load of more than 200 experiments."""

import os
import random
import signal
import time

import psutil
from rig.load import Part, background
from rig.spans import SPANS
from rig.waiting import rest, until


def test_slots_are_killed_in_mid_kernel(cluster, ledger, seed):
    cluster.start()
    ledger.submit(*background(seed))
    killed = {}
    while len(killed) < 3:
        run = cluster.stop_in_kernel("slow", but=[run.place for run in killed])
        os.kill(run.pid, signal.SIGKILL)
        killed[run] = time.monotonic()
    ledger.expect_again(killed, SPANS.slot_seconds)
    ledger.settle()


def test_a_worker_is_killed(cluster, ledger, seed):
    cluster.start()
    ledger.submit(*background(seed))
    run = cluster.stop_in_kernel("slow")
    worker = cluster.owner(run)
    slots = worker.slots()
    worker.kill()
    at = time.monotonic()
    until("its slots are gone", lambda: not any(map(psutil.pid_exists, slots)), 30)
    ledger.expect_again({run: at}, SPANS.worker_seconds)
    ledger.settle()


def test_every_worker_is_asked_to_end_in_turn(cluster, ledger, seed):
    cluster.start(workers=3)
    ledger.submit(*background(seed), Part("tiny", SPANS.queued, 100, seed))
    until("the first tasks have ended", lambda: ledger.ended > 3)
    for worker in list(cluster.workers):
        worker.terminate()
        cluster.launch(workers=1)
        worker.await_end()
    ledger.settle()
    assert ledger.tally.extra == 0, "an operator's restart costs no attempt"


def test_workers_are_killed_every_second(cluster, ledger, seed):
    cluster.start()
    # a task that runs for long would be killed often enough to be given up
    ledger.submit(Part("tiny", SPANS.tiny, 100, seed))
    dice, tasks = random.Random(seed), ledger.tasks
    kills = 0
    while ledger.ended < tasks and kills < SPANS.kills:
        rest(1.0)
        ready = [worker for worker in cluster.living() if worker.takes_tasks]
        if kills % 3 == 1 and len(ready) > 1:  # one is left that works while another starts
            dice.choice(ready).kill()
            cluster.launch(workers=1)
        elif slots := sorted(pid for worker in ready for pid in worker.slots()):
            os.kill(dice.choice(slots), signal.SIGKILL)
        kills += 1
    ledger.settle()


def test_a_worker_stands_still_for_longer_than_its_lease(cluster, ledger, seed):
    cluster.start()
    ledger.submit(Part("long", 1, 200, seed), *background(seed))
    run = cluster.stop_in_kernel("long")
    worker = cluster.owner(run)
    worker.child.pause()
    at = time.monotonic()
    ledger.expect_again({run: at}, SPANS.worker_seconds)
    worker.child.go_on()
    ledger.settle()


def test_the_clocks_of_workers_are_wrong(cluster, ledger, seed):
    new = [cluster.launch(workers=1, slots=2, clock=60 * minutes)[0] for minutes in (0, -10, 10)]
    ledger.submit(Part("held", 3, 100, seed))  # longer than a lease, so that it has to be renewed
    for worker in new:
        worker.await_ready()
    ledger.submit(*background(seed))
    ledger.settle()
    assert ledger.tally.extra == 0, "a lease ended early"
