"""Which processes a worker's slots may be, and what each does before its first task."""

import gc
from types import SimpleNamespace

import billiard
import pytest

from aerq.tasks.kernel import KernelLimits
from aerq.tasks.worker.slots import prepare_slot, refuse_other_pools

TIMEOUT = 30


def _prepared(said):
    kept = {"inherited"}, object()
    before = len(gc.get_objects())
    prepare_slot(KernelLimits())
    said.put((before, gc.get_freeze_count(), len(gc.get_objects()), kept is not None))


def test_a_slot_does_not_look_for_garbage_in_what_it_has_inherited():
    context = billiard.get_context("fork")
    said = context.Queue()
    slot = context.Process(target=_prepared, args=(said,))
    slot.start()
    try:
        before, frozen, looked_at, _ = said.get(timeout=TIMEOUT)
    finally:
        slot.terminate()
        slot.join(TIMEOUT)
    assert before > 10_000
    assert frozen > 0.9 * before
    assert looked_at < 0.1 * before


@pytest.mark.parametrize("pool", ["solo", "threads", "celery.concurrency.thread:TaskPool"])
def test_a_worker_that_would_run_kernels_in_its_own_process_does_not_start(pool):
    with pytest.raises(SystemExit, match="--pool prefork"):
        refuse_other_pools(SimpleNamespace(pool_cls=pool, pool_start_method="fork"))


def test_a_worker_whose_slots_would_know_no_tasks_does_not_start():
    with pytest.raises(SystemExit, match="--pool-start-method fork"):
        refuse_other_pools(SimpleNamespace(pool_cls="prefork", pool_start_method="spawn"))


@pytest.mark.parametrize("pool", ["prefork", "processes"])
def test_a_worker_that_forks_its_slots_starts(pool):
    refuse_other_pools(SimpleNamespace(pool_cls=pool, pool_start_method="fork"))
