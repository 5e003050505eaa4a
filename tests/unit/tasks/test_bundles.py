"""Messages that carry several tasks: what they say of each is checked like that of one."""

import json
from dataclasses import replace

import pytest

from aerq.tasks.bundles import (
    HEADER,
    MOST_TASKS,
    bundles_of,
    carried_by,
    from_kwargs,
    header_of,
    memory_estimates,
    to_kwargs,
)
from aerq.tasks.message import Message
from aerq.tasks.wire.errors import DecodingError

FIRST = Message("job", 3, "c" * 64, "o" * 64, None, "b" * 64, 4, 2, 0, 100, -5, 16, 0, 0.002)
TASKS = [
    replace(FIRST, index=3 + n, first=4 + 2 * n, seed=n, place=n, memory_mb=16 + n, seconds=0.1 * n) for n in range(3)
]


def test_tasks_survive_their_trip_together():
    assert from_kwargs(json.loads(json.dumps(to_kwargs(TASKS)))) == TASKS
    assert from_kwargs(to_kwargs([FIRST])) == [FIRST]


def test_one_task_travels_as_it_did_alone():
    assert to_kwargs([FIRST], "1", "0.18") == FIRST.to_kwargs("1", "0.18")


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("many", "more tasks than it may"),
        ([[1, 2, 3]], "missing or unknown fields"),
        ([5], "missing or unknown fields"),
        ([[4, 0, 1, 0, 0, 0, "soon"]], "'seconds'"),
        ([[4, 0, 1, 0, 0, 0, float("nan")]], "'seconds'"),
        ([[4, -1, 1, 0, 0, 0, 0.0]], "'first'"),
        ([[3, 0, 1, 0, 0, 0, 0.0]], "carries a task twice"),
        ([[4 + n, 0, 1, 0, 0, 0, 0.0] for n in range(MOST_TASKS)], "more tasks than it may"),
    ],
)
def test_a_changed_message_of_several_tasks_is_refused(then, said):
    with pytest.raises(DecodingError, match=said):
        from_kwargs({**FIRST.to_kwargs(), "then": then})


def test_the_header_names_each_task_and_what_is_shown_of_it():
    header = json.loads(json.dumps(header_of(TASKS, lambda message: f"circuit={message.index}")))
    carried = carried_by({"id": "job.3", "kwargsrepr": "circuit=3", **header})
    assert [(one.task_id, one.shown) for one in carried] == [(f"job.{n}", f"circuit={n}") for n in (3, 4, 5)]
    assert header_of([FIRST], str) == {}


@pytest.mark.parametrize(
    "value", [None, 5, [], [[1]], [["x", "y"]], [[-1, "y"]], [[True, "y"]], [[0, ""]] * (MOST_TASKS + 1)]
)
def test_a_header_that_cannot_be_read_stands_for_the_message_s_own_task(value):
    assert [one.task_id for one in carried_by({"id": "job.3", HEADER: value})] == ["job.3"]


def test_the_estimate_of_each_task_is_found():
    assert memory_estimates(to_kwargs(TASKS)) == {"job.3": 16, "job.4": 17, "job.5": 18}
    assert memory_estimates({"memory_mb": 5}) == {}


def test_tasks_are_sent_again_with_those_that_they_were_with():
    messages = [replace(FIRST, index=n) for n in range(7)]

    def indexes(*sizes, of=range(7)):
        return [[message.index for message in bundle] for bundle in bundles_of(messages, sizes, of)]

    assert indexes() == [[n] for n in range(7)]
    assert indexes(3, 1, 3) == [[0, 1, 2], [3], [4, 5, 6]]
    assert indexes(3, 1, 3, of=[6, 1, 2, 3]) == [[1, 2], [3], [6]]


def test_tasks_whose_payloads_differ_are_not_sent_together():
    messages = [replace(FIRST, index=n, circuits=("x" if n < 2 else "y") * 64) for n in range(4)]
    assert [[one.index for one in bundle] for bundle in bundles_of(messages, [4], range(4))] == [[0, 1], [2, 3]]
