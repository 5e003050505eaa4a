"""Plain values come back as what they were, bit for bit."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerq.tasks.wire.errors import DecodingError, EncodingError
from aerq.tasks.wire.values import pack, unpack

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text("ab") | st.integers(), inner),
    max_leaves=10,
)


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_any_value(assert_same, value):
    assert_same(unpack(pack(value)), value)


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0xFFF8000000000001, 0x8000000000000000, 0x0000000000000001])
def test_every_bit_of_a_float(bits):
    value = struct.unpack("<d", struct.pack("<Q", bits))[0]
    arrived = unpack(pack([value, complex(value, value)]))
    assert struct.pack("<d", arrived[0]) == struct.pack("<Q", bits)
    assert struct.pack("<d", arrived[1].imag) == struct.pack("<Q", bits)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="<i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)[::2],
        np.array(1.5),
        np.zeros((0, 3), dtype=complex),
        np.array([1 + 2j], dtype=np.complex64),
        np.array([math.nan, -0.0]),
        np.array([True, False]),
        np.array(["é", "ab"]),
        np.array([1.5], dtype=">f8"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays(array, assert_same):
    arrived = unpack(pack({"a": array}))["a"]
    assert_same(arrived, array)
    assert arrived.dtype.str == array.dtype.str
    assert arrived.flags.writeable
    assert not array.flags.f_contiguous or arrived.flags.f_contiguous


@pytest.mark.parametrize("scalar", [np.float32(0.1), np.complex128(1j), np.int8(-3), np.bool_(True), np.str_("é")])
def test_scalars(scalar):
    arrived = unpack(pack(scalar))
    assert type(arrived) is type(scalar)
    assert arrived.tobytes() == scalar.tobytes()


class Text(str):
    pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (object(), "object"),
        ({1, 2}, "set"),
        ([lambda: 0], "function"),
        (np.array([object()]), "dtype object"),
        (Text("a"), "Text"),
        ("\ud800", "plain data"),
    ],
)
def test_refused(value, text):
    with pytest.raises(EncodingError, match=text):
        pack([value])


def test_too_deep_is_refused():
    value = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(EncodingError):
        pack(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x91",
        b"\xd4\x09\x00",
        b"\xd4\x03\x00",
        b"\xc7\x05\x03\x93\xa3|O8\x90",
        b"\xd4\x02\x00",
        b"\x90\x90",
        b"\x81\x90\x01",
    ],
)
def test_bytes_that_are_not_values(data):
    with pytest.raises(DecodingError):
        unpack(data)
