"""What nobody plans for, one after the other in an order by chance: things done to the store, and to workers."""

import contextlib
import os
import random
import signal
import threading

import psutil
import redis
from rig.load import Part, background
from rig.spans import SPANS
from rig.waiting import rest, until

#: What carries the messages; the faults are those of a store that does so.
BROKERS = ("redis",)
#: How long one fault lasts or is repeated.
FAULT_SECONDS = 1.0


def connections_cut(cluster, store):
    """Again and again, so that what tries a second time is cut a second time."""
    for _ in range(40):
        for kind in ("normal", "pubsub"):
            with contextlib.suppress(redis.ConnectionError):
                store.execute_command("CLIENT", "KILL", "TYPE", kind)
        rest(FAULT_SECONDS / 40)


def full(cluster, store):
    store.config_set("maxmemory", 1)
    rest(FAULT_SECONDS)
    store.config_set("maxmemory", 0)


def full_while_a_slot_dies(cluster, store):
    store.config_set("maxmemory", 1)
    for worker in cluster.living():
        for pid in sorted(worker.slots())[:1]:
            os.kill(pid, signal.SIGKILL)
    rest(FAULT_SECONDS)
    store.config_set("maxmemory", 0)


def writes_refused(cluster, store):
    """As after a failover: what answers is a replica for a while."""
    store.execute_command("REPLICAOF", "127.0.0.1", "1")
    rest(FAULT_SECONDS)
    store.execute_command("REPLICAOF", "NO", "ONE")


def writes_paused(cluster, store):
    store.execute_command("CLIENT", "PAUSE", int(1000 * FAULT_SECONDS), "WRITE")
    rest(FAULT_SECONDS)


def scripts_forgotten(cluster, store):
    for _ in range(10):
        store.script_flush()
        rest(FAULT_SECONDS / 20)


def keys_lost(cluster, store):
    """Each alone; not what a job consists of, and not the stream of ends, by which this test counts."""
    lost = ["unacked", "unacked_index", cluster.settings().queue, "aerq:workers", "aerq:held:*", "aerq:worker:*"]
    for pattern in [*lost, "aerq:reconciler:*", "_kombu.binding.*"]:
        for key in store.scan_iter(pattern):
            store.delete(key)
        rest(FAULT_SECONDS / 20)


def disk_fails(cluster, store):
    """Its snapshots fail, so it refuses all writes (`MISCONF`)."""
    in_its_way = cluster.store.folder / "dump.rdb"
    in_its_way.mkdir()

    def saved(how):
        with contextlib.suppress(redis.ResponseError):  # one is being made
            store.bgsave()
        return store.info("persistence")["rdb_last_bgsave_status"] == how

    store.config_set("save", "1 1")
    until("a snapshot has failed", lambda: saved("err"))
    rest(FAULT_SECONDS)
    in_its_way.rmdir()
    until("a snapshot is made", lambda: saved("ok"))
    store.config_set("save", "")


def hogged(cluster, store):
    """Somebody's script does not end, so it answers `BUSY` to all others."""
    store.config_set("busy-reply-threshold", 10)

    def hog():
        with cluster.store.client() as own, contextlib.suppress(redis.RedisError):
            own.eval("while true do end", 0)

    thread = threading.Thread(target=hog)
    thread.start()
    rest(FAULT_SECONDS)

    def killed():
        with contextlib.suppress(redis.ResponseError):
            store.script_kill()
        return not thread.is_alive()

    until("the script is killed", killed)
    store.config_set("busy-reply-threshold", 5000)


STORE_FAULTS = [
    connections_cut,
    full,
    full_while_a_slot_dies,
    writes_refused,
    writes_paused,
    scripts_forgotten,
    keys_lost,
    disk_fails,
    hogged,
]


def test_the_store_meets_one_fault_after_the_other(cluster, ledger, seed):
    workers = cluster.start()
    ledger.submit(*background(seed), Part("tiny", 400, 100, seed))
    until("the first tasks have ended", lambda: ledger.ended > 10)
    with cluster.store.client() as store:
        for fault in random.Random(seed).sample(STORE_FAULTS, len(STORE_FAULTS)):
            fault(cluster, store)
    ledger.settle()
    assert all(worker.child.alive for worker in workers), "a worker has ended"


def test_slots_die_in_the_middle_of_messages_of_many_tasks(cluster, ledger, seed):
    """Short tasks share messages, so a slot that dies has some behind it and some before it."""
    workers = cluster.start()
    dice = random.Random(seed)
    ledger.submit(Part("tiny", SPANS.queued, 100, seed))
    until("the first tasks have ended", lambda: ledger.ended)
    for _ in range(6):
        slots = until("there are slots", lambda: sorted(pid for worker in workers for pid in worker.slots()))
        with contextlib.suppress(ProcessLookupError):
            os.kill(dice.choice(slots), signal.SIGKILL)
        rest(dice.uniform(0, 0.2))
    ledger.settle()
    assert all(worker.child.alive for worker in workers), "a worker has ended"


def test_whoever_reconciles_is_killed_again_and_again(cluster, ledger, seed):
    cluster.start()
    ledger.submit(*background(seed), Part("long", 2, 100, seed))
    with cluster.store.client() as store:
        for _ in range(2):

            def leader():
                name = (store.get(f"aerq:reconciler:{cluster.settings().queue}") or b"").decode().partition("#")[0]
                return next((worker for worker in cluster.living() if worker.name == name), None)

            worker = until("somebody reconciles", leader)
            slots = worker.slots()
            worker.kill()
            cluster.launch(workers=1)
            until("its slots are gone", lambda slots=slots: not any(map(psutil.pid_exists, slots)), 30)
    ledger.settle()
