"""Reads of many results hold no more than a given number of bytes at a time."""

import numpy as np
import pytest

from aerq.jobs import JobError
from aerq.jobs.outputs import fetch_outputs
from aerq.tasks.records import keys
from aerq.tasks.records.bulk import read_results, read_states
from aerq.tasks.records.states import TaskState
from aerq.tasks.records.store import Completion
from aerq.tasks.wire.errors import DecodingError
from aerq.tasks.wire.results import encode_output, split_parts


def store(records, index, *parts):
    for number, part in enumerate(parts):
        records.client.set(keys.result("j", index, "1:1", number), part)
    return index, Completion(index, TaskState.DONE, "1:1", len(parts))


def reads(records):
    """How many scripts the store has run, each one read."""
    return records.client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)


def test_results_come_in_order_whole_or_not_at_all(records, settings):
    ended = dict([store(records, 2, b"two"), store(records, 0, b"ze", b"ro"), store(records, 1, b"", b"one")])
    records.client.delete(keys.result("j", 1, "1:1", 0))
    found = [(index, data and bytes(data)) for index, data in read_results(records, "j", ended, 100)]
    assert found == [(2, b"two"), (0, b"zero"), (1, None)]
    assert list(read_results(records, "j", {}, 100)) == []


@pytest.mark.parametrize(("most", "expected"), [(10**9, 3), (1000, 120), (1, 1200), (2500, 60 * 10)])
def test_a_read_brings_no_more_than_it_may(records, settings, most, expected):
    size = 1000 if most == 2500 else 100
    ended = dict(store(records, index, b"x" * size) for index in range(1200))
    before = reads(records)
    assert sum(len(data) for _, data in read_results(records, "j", ended, most)) == 1200 * size
    assert reads(records) - before == expected


def test_an_expired_result_is_named(records, settings):
    ended = dict([store(records, 3, b"x")])
    records.client.flushdb()
    with pytest.raises(JobError, match="the result of task 3 of job j is no longer in the store"):
        fetch_outputs(records, settings, "j", ended)


def test_states_of_another_version_are_refused(records, settings):
    assert read_states(records, settings, "j") == {}
    records.client.hset(keys.tasks("j"), "0", b"\xff")
    with pytest.raises(DecodingError, match="written by another version"):
        read_states(records, settings, "j")


def test_large_results_are_read_part_by_part_among_the_others_in_order(records, settings):
    """One script for each run of small results, none for a large one."""
    small = [encode_output({"results": [], "number": number}) for number in range(4)]
    large = encode_output({"results": [], "array": np.arange(300_000.0)})
    parts = [bytes(part) for part in split_parts(large, 2**20)]
    assert len(parts) == 3
    places = (5, 1, 2, 9, 0)
    ended = dict(
        store(records, index, *(parts if index in (1, 9) else [small[number % 4]]))
        for number, index in enumerate(places)
    )
    before = reads(records)
    found = fetch_outputs(records, settings, "j", ended)
    assert reads(records) - before == 3
    assert tuple(found) == places
    assert [found[index].get("number") for index in (5, 2, 0)] == [0, 2, 0]
    for index in (1, 9):
        assert np.array_equal(found[index]["array"], np.arange(300_000.0))
        found[index]["array"][0] = 1  # it is the caller's own
    records.client.delete(keys.result("j", 9, "1:1", 1))
    with pytest.raises(JobError, match="the result of task 9 of job j is no longer in the store"):
        fetch_outputs(records, settings, "j", ended)
