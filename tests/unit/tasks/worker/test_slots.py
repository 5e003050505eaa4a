"""What a slot's process does before its first task."""

import gc

import billiard

from aerq.tasks.kernel import KernelLimits
from aerq.tasks.worker.slots import prepare_slot

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
