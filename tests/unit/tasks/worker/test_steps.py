"""The order of a worker's steps: what its parent announces is what its slots get."""

import random
from types import SimpleNamespace

import pytest
from celery.worker import WorkController

from aerq.config.settings import Settings
from aerq.tasks.celery import worker_app
from aerq.tasks.worker.limits import kernel_limits
from aerq.tasks.worker.steps import Keeping, SlotCount

SETTINGS = Settings(broker_url="redis://127.0.0.1:1/0")


def worker():
    return SimpleNamespace(app=worker_app(SETTINGS), hostname="w@h", pool=None, concurrency=3, max_concurrency=5)


def test_the_announced_limits_are_those_of_the_slots_in_whichever_order_steps_are_found():
    parent = worker()
    blueprint = WorkController.Blueprint(parent.app.steps["worker"])
    found = sorted(blueprint.claim_steps().items())
    for seed in range(30):
        random.Random(seed).shuffle(found)
        vars(parent.app).pop("aerq_slots", None)
        for step in blueprint._finalize_steps(dict(found)):
            if step in (SlotCount, Keeping):
                step(parent).create(parent)
        assert parent.app.aerq_keeper.limits == kernel_limits(SETTINGS, 5)


def test_a_keeper_that_does_not_know_the_slots_is_an_error_and_no_guess():
    parent = worker()
    with pytest.raises(AttributeError, match="aerq_slots"):
        Keeping(parent).create(parent)
