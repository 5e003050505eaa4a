"""The codec of results: every value comes back with its type, dtype, shape, order and bits."""

import itertools
import math
import random
import struct
import tracemalloc
import zlib
from collections import OrderedDict

import msgpack
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

from aerq.tasks.wire.errors import DecodingError, EncodingError
from aerq.tasks.wire.results import decode_output, encode_output, join_parts, split_parts

OPERATOR = SparsePauliOp.from_list([("ZZ", 0.5), ("XI", 0.25)])
SINGLE, AVERAGE, PERSHOT = ("pershot", "conditional"), ("pershot", "conditional", "unnormalized"), ("pershot",)
#: For each save instruction: its arguments, the flags it has, and the methods that know it.
SAVES = {
    "save_state": ((), SINGLE, ["statevector", "density_matrix", "stabilizer", "matrix_product_state", "superop"]),
    "save_statevector": ((), SINGLE, ["statevector", "matrix_product_state", "extended_stabilizer"]),
    "save_statevector_dict": ((), SINGLE, ["statevector"]),
    "save_density_matrix": (([1],), AVERAGE, ["statevector", "density_matrix", "matrix_product_state"]),
    "save_expectation_value": ((OPERATOR, [0, 1]), AVERAGE, ["statevector", "density_matrix", "stabilizer"]),
    "save_expectation_value_variance": ((OPERATOR, [0, 1]), AVERAGE, ["statevector", "stabilizer"]),
    "save_probabilities": ((), AVERAGE, ["statevector", "density_matrix", "stabilizer", "matrix_product_state"]),
    "save_probabilities_dict": ((), AVERAGE, ["statevector", "density_matrix", "stabilizer"]),
    "save_amplitudes": (([0, 3],), SINGLE, ["statevector", "matrix_product_state"]),
    "save_amplitudes_squared": (([0, 3],), AVERAGE, ["statevector", "density_matrix", "stabilizer"]),
    "save_stabilizer": ((), SINGLE, ["stabilizer"]),
    "save_clifford": ((), PERSHOT, ["stabilizer"]),
    "save_matrix_product_state": ((), SINGLE, ["matrix_product_state"]),
    "save_unitary": ((), PERSHOT, ["unitary"]),
    "save_superop": ((), PERSHOT, ["superop"]),
}


def raw(circuits, binds=None, **options):
    options = {"max_parallel_threads": 1, "seed_simulator": 3, "shots": 5, "memory": True, **options}
    return AerSimulator()._execute_circuits_job(circuits, binds, options, job_id="id", format_result=False)


def differences(a, b, path="output"):
    """Where two values are not the same in type, order, layout or bits."""
    if type(a) is not type(b):
        return [f"{path}: {type(a)} became {type(b)}"]
    if isinstance(a, dict):
        if list(a) != list(b) or [type(key) for key in a] != [type(key) for key in b]:
            return [f"{path}: keys {list(a)} became {list(b)}"]
        return [found for key in a for found in differences(a[key], b[key], f"{path}[{key!r}]")]
    if isinstance(a, list | tuple):
        if len(a) != len(b):
            return [f"{path}: length {len(a)} became {len(b)}"]
        return [found for i in range(len(a)) for found in differences(a[i], b[i], f"{path}[{i}]")]
    if isinstance(a, np.ndarray):
        same = (a.dtype.str, a.shape, a.tobytes("A")) == (b.dtype.str, b.shape, b.tobytes("A"))
        flags = [(x.flags.c_contiguous, x.flags.f_contiguous) for x in (a, b)]
        if not same or flags[0] != flags[1]:
            return [f"{path}: {a!r} {flags[0]} became {b!r} {flags[1]}"]
        return [] if b.flags.writeable and b.flags.aligned else [f"{path}: not writable or not aligned"]
    if isinstance(a, np.generic):
        return [] if (a.dtype.str, a.tobytes()) == (b.dtype.str, b.tobytes()) else [f"{path}: {a!r} became {b!r}"]
    if isinstance(a, float):
        return [] if struct.pack("d", a) == struct.pack("d", b) else [f"{path}: {a!r} became {b!r}"]
    return [] if repr(a) == repr(b) else [f"{path}: {a!r} became {b!r}"]


def check_trip(output):
    data = encode_output(output)
    for sent in (data, bytearray(data), memoryview(data)):
        assert differences(output, decode_output(sent)) == []
    return data


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("name", SAVES)
def test_every_save_and_subtype_on_every_method(name, precision):
    arguments, flags, methods = SAVES[name]
    subtypes = set()
    for method, values in itertools.product(methods, itertools.product([False, True], repeat=len(flags))):
        circuit = QuantumCircuit(2, 2)
        circuit.h(0)
        circuit.cx(0, 1)
        if method not in ("unitary", "superop"):
            circuit.measure(0, 0)
            circuit.h(0)
        getattr(circuit, name)(*arguments, label="saved", **dict(zip(flags, values, strict=True)))
        if method not in ("unitary", "superop"):
            circuit.measure([0, 1], [0, 1])
        output = raw([circuit], method=method, precision=precision)
        assert output["success"], output["status"]
        assert "saved" in output["results"][0]["data"]
        subtypes.add(output["results"][0]["metadata"]["result_subtypes"]["saved"])
        check_trip(output)
    assert len(subtypes) >= 2


def test_bound_circuits_and_failed_experiments():
    theta = Parameter("θ")
    circuit = QuantumCircuit(2, 2, name="свип")
    circuit.rx(theta, 0)
    circuit.measure([0, 1], [0, 1])
    wide = QuantumCircuit(25, 25)
    wide.h(range(25))
    wide.t(range(25))
    wide.measure(range(25), range(25))
    output = raw([circuit, wide], [{theta: [0.1, 0.2]}, {}], max_memory_mb=64, method="statevector")
    assert [result["success"] for result in output["results"]] == [True, True, False]
    check_trip(output)


def test_a_result_of_aer_is_equal_in_form_after_the_trip():
    circuit = QuantumCircuit(3, 3)
    circuit.h([0, 1, 2])
    circuit.save_unitary()
    output = raw([circuit], method="unitary")
    array = decode_output(encode_output(output))["results"][0]["data"]["unitary"]
    assert array.flags.f_contiguous
    assert not array.flags.c_contiguous
    array[0, 0] = 7  # as writable as local Aer's


ARRAYS = [
    np.arange(6, dtype="<i4").reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(24, dtype=">c16").reshape(2, 3, 4),
    np.arange(24, dtype=np.float32).reshape(2, 3, 4, order="F"),
    np.array(3.5),
    np.array([], dtype=np.complex64),
    np.zeros((0, 3)),
    np.array([True, False]),
    np.array(["a", "ünï"]),
    np.array([b"x", b"yz"]),
    np.array(["", ""]),
    np.array(["2020-01-01"], dtype="datetime64[D]"),
    np.arange(3, dtype=np.longdouble),
    np.arange(100_000, dtype=np.complex128),
    np.asfortranarray(np.arange(250_000.0).reshape(500, 500)),
    np.arange(10_001, dtype=np.uint8),
    np.array([struct.unpack("d", struct.pack("Q", 0x7FF8DEADBEEF0001))[0], -0.0, math.inf]),
]
VALUES = [
    None,
    True,
    0,
    -1,
    2**63,
    -(2**63) - 1,
    10**40,
    -(2**200),
    -0.0,
    math.nan,
    -math.inf,
    5e-324,
    complex(-0.0, math.nan),
    "",
    "naïve 量子 \ud800",
    b"\x00\xff",
    (),
    (1, (2, [3, ()])),
    [[], {}, [None]],
    {1: "int", "1": "str", None: 0, (1, 2): "tuple", 2.5: "float", False: "bool"} | {10**30: 1},
    np.float64(0.1),
    np.complex64(1 + 2j),
    np.int8(-3),
    np.bool_(True),
    np.str_("ab"),
    {np.int64(3): 1},
]


@pytest.mark.parametrize("value", [*ARRAYS, *VALUES], ids=lambda value: f"{type(value).__name__}")
def test_any_value(value):
    check_trip({"value": value, "in": [{"a": [value]}, (value, value)]})


def test_an_array_that_is_not_contiguous_comes_back_in_c_order():
    array = np.arange(20_000.0).reshape(100, 200)[::2, ::3]
    back = decode_output(encode_output({"a": array}))["a"]
    assert back.flags.c_contiguous
    assert np.array_equal(back, array)


@pytest.mark.parametrize(
    "memory",
    [
        [],
        ["0x1"] * 15,
        [hex(i % 7) for i in range(1024)],
        ["0x1"] * 100,
        [""] * 40,
        ["a\nb"] + ["c"] * 40,
        ["\n"] * 40,
        ["ü", "\ud800", "\0"] * 20,
        ["0x1"] * 40 + [3],
        ["0x1"] * 40 + [None],
        [np.str_("0x1")] * 40,
        tuple(["0x1"] * 40),
        {"memory": ["0x1"] * 40},
    ],
    ids=repr,
)
def test_memory_lists_with_odd_strings(memory):
    check_trip({"results": [{"data": {"memory": memory, "counts": {"0x1": 40}}}]})


@pytest.mark.parametrize("results", [None, (), [None], [{}], [{"data": None}], [{"data": {}}]])
def test_results_without_data(results):
    check_trip({"results": results})


def test_encoding_does_not_change_the_output():
    memory = ["0x0"] * 100
    output = {"results": [{"data": {"memory": memory}}]}
    encode_output(output)
    assert output == {"results": [{"data": {"memory": ["0x0"] * 100}}]}
    assert output["results"][0]["data"]["memory"] is memory


def test_memory_and_counts_are_compact():
    circuit = QuantumCircuit(5, 5)
    circuit.h(range(5))
    circuit.measure(range(5), range(5))
    assert len(encode_output(raw([circuit], shots=1024, memory=False))) < 1500
    assert len(encode_output(raw([circuit], shots=1024))) < 2800


@pytest.mark.parametrize(
    "value",
    [
        np.array([None]),
        np.array([object()]),
        np.zeros(2, dtype=[("a", int), ("b", float)]),
        np.ma.array([1, 2]),
        np.zeros(1, dtype=[("a", int)])[0],
        {1, 2},
        object(),
        OrderedDict(a=1),
        type("Text", (str,), {})("x"),
        range(3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_travel_unchanged_is_refused(value):
    with pytest.raises(EncodingError, match="cannot travel"):
        encode_output({"results": [{"data": {"x": value}}]})


def test_nesting_without_end_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(EncodingError, match="too deeply"):
        encode_output({"loop": loop})


def test_parts():
    output = {"state": np.arange(50_000, dtype=np.complex128), "n": 1}
    data = encode_output(output)
    parts = split_parts(data, 300_000)
    assert [len(part) for part in parts] == [300_000, 300_000, len(data) - 600_000]
    assert all(part.obj is data for part in parts)
    assert bytes(join_parts(parts)) == data
    assert differences(output, decode_output(join_parts(parts))) == []
    assert join_parts(split_parts(data, len(data))) == data
    assert [bytes(part) for part in split_parts(b"", 10)] == [b""]


def test_large_results_are_copied_once_on_each_side():
    array = np.ones((1 << 21), dtype=np.complex128)
    size = array.nbytes
    tracemalloc.start()
    try:
        data = encode_output({"state": array})
        encoding = tracemalloc.get_traced_memory()[1]
        joined = join_parts([bytes(part) for part in split_parts(data, size // 3)])
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        state = decode_output(joined)["state"]
        decoding = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert encoding < 1.1 * size
    assert decoding < 0.1 * size  # it lies in the memory of the joined parts
    assert np.array_equal(state, array)


@pytest.fixture(name="encoded")
def encoded_():
    large = np.arange(3000.0)
    values = [1, 2.5, "x" * 3000, (1, 2), 1j, np.float32(1), np.arange(4), large, 2**70]
    return encode_output({"v": values, "results": [{"data": {"memory": ["0x1"] * 20}}]})


def test_damage_is_noticed(encoded):
    for length in {0, 10, 39, 40, len(encoded) // 2, len(encoded) - 1}:
        with pytest.raises(DecodingError):
            decode_output(encoded[:length])
    with pytest.raises(DecodingError):
        decode_output(encoded + b"\0")
    for place in range(0, len(encoded), 97):
        changed = bytearray(encoded)
        changed[place] ^= 0x10
        if place not in (6, 7, *range(12, 16)):  # padding in the head
            with pytest.raises(DecodingError):
                decode_output(changed)


def with_checksum(data):
    struct.pack_into("<I", data, 8, zlib.crc32(memoryview(data)[32:]))
    return data


def test_hostile_bytes_raise_nothing_but_decoding_errors(encoded):
    generator = random.Random(20261121)
    small = encode_output({"v": [1, (1, 2), 1j, np.float32(1), np.arange(4), np.arange(600.0), 2**70, {"a": None}]})
    refused = 0
    for _ in range(3000):
        data = bytearray(generator.choice([encoded, small, small, small]))
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(6, min(len(data), 400))] = generator.choice([0, 1, 0x7F, 0xC1, 0xC9, 0xDF, 0xFF])
        try:
            decode_output(with_checksum(data), limit=1 << 20)
        except DecodingError:
            refused += 1
    assert refused > 300


def test_limits_and_versions(encoded):
    assert decode_output(encoded, limit=40_000)
    with pytest.raises(DecodingError, match="over the limit of 1000 bytes"):
        decode_output(encoded, limit=1000)
    bomb = encode_output({"x": "0" * 10_000_000})
    assert len(bomb) < 10_000
    with pytest.raises(DecodingError, match="over the limit"):
        decode_output(bomb, limit=100_000)
    lying = bytearray(bomb)
    struct.pack_into("<Q", lying, 24, 100)
    with pytest.raises(DecodingError, match="not as long as it says"):
        decode_output(with_checksum(lying), limit=100_000)
    newer = bytearray(encoded)
    newer[4] = 200
    with pytest.raises(DecodingError, match=r"format 200.*same version"):
        decode_output(newer)
    with pytest.raises(DecodingError, match="does not start"):
        decode_output(b"GIF89a" + encoded)


def test_what_no_aerq_writes_is_refused():
    def packed(tree):
        body = msgpack.packb(tree)
        head = struct.pack("<4sBBxxIxxxxQQ", b"AERR", 1, 0, zlib.crc32(body), len(body), len(body))
        return head + body

    def array(*layout):
        return {"a": msgpack.ExtType(1, msgpack.packb(layout))}

    assert decode_output(packed(array("<i2", "C", [2], b"\1\0\2\0")))["a"].tolist() == [1, 2]
    for tree in (
        [1],
        array("|O", "C", [1], b"\0" * 8),
        array("i4,f8", "C", [1], b"\0" * 12),
        array("<i2", "C", [3], b"\1\0\2\0"),
        array("<i2", "C", [-1], b"\1\0\2\0"),
        array("<i2", "K", [2], b"\1\0\2\0"),
        array("no dtype", "C", [2], b"\1\0\2\0"),
        array("<i2", "C", [2**40, 2**40], b""),
        array("<i2", "C", [0, 2**63], b""),
        array("<i2", "C", 2, b"\1\0\2\0"),
        {"a": msgpack.ExtType(2, msgpack.packb(["<i2", "C", [1], 10**9]))},
        {"a": msgpack.ExtType(2, msgpack.packb(["<i2", "C", [1], -1]))},
        {"a": msgpack.ExtType(99, b"")},
    ):
        with pytest.raises(DecodingError):
            decode_output(packed(tree))
