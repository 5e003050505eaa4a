"""Metadata of circuits as it is kept in a job's record: whatever it holds, it never stands in the way of a job."""

import math

import numpy as np

from aerq.tasks.wire.metadata import decode_metadata, encode_metadata


class Awkward:
    def __str__(self):
        raise RuntimeError("no words")


def kept(value):
    return decode_metadata(encode_metadata([value]))[0]


def test_plain_metadata_is_kept():
    value = {"n": [1, 2.5, None, True], 5: {"b": b"x"}, "text": "ψ", "big": -(2**63)}
    assert kept(value) == value
    assert math.isnan(kept({"x": math.nan})["x"])


def test_metadata_that_holds_itself():
    value = {"id": 3}
    value["self"] = value
    found = kept(value)
    assert found["id"] == found["self"]["id"] == 3


def test_metadata_that_branches_without_end():
    value = ["leaf"]
    for _ in range(60):
        value = [value, value]
    assert len(encode_metadata([{"tree": value}])) < 2_000_000


def test_metadata_nested_deeper_than_python_recurses():
    value = []
    for _ in range(5000):
        value = [value]
    kept({"deep": value})


def test_keys_and_values_of_any_kind():
    value = {Awkward(): Awkward(), 2**70: 2**70, "half \ud800": "\udfff", np.str_("s"): np.float64(0.5), (1, 2): len}
    found = kept(value)
    assert found == {
        "<Awkward>": "<Awkward>",
        str(2**70): str(2**70),
        "half ?": "?",
        "s": 0.5,
        "(1, 2)": "<builtin_function_or_method>",
    }


def test_no_metadata_takes_no_room():
    assert encode_metadata([{}, {}]) is None
