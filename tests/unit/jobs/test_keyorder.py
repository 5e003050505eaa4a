"""The order of keys in merged counts is the one in which Aer's own maps hand them out."""

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from aerq.jobs.keyorder import combined_keys

EXPECTED_14 = "0xd 0x0 0x2 0x1 0x3 0x7 0xb 0x4 0x6 0x8 0x5 0x9 0xc 0xa"
EXPECTED_32 = (
    "0x1e 0x1d 0xa 0x9 0x5 0x11 0x1a 0xc 0x8 0x4 0xb 0x7 0x3 0x6 0x1 0x12 "
    "0x15 0x1c 0x2 0xd 0xe 0xf 0x10 0x1f 0x1b 0x13 0x17 0x14 0x16 0x18 0x0 0x19"
)
EXPECTED_36 = (
    "a_longer_key_3 a_longer_key_0 0x1e 0x1d 0xa 0x9 0x5 0x11 0x1a 0xc 0x8 a_longer_key_1 0x4 0xb 0x7 0x3 "
    "0x6 0x1 0x12 0x15 0x1c 0x2 0xd 0xe 0xf 0x10 0x1f 0x1b 0x13 0x17 0x14 0x16 a_longer_key_2 0x18 0x0 0x19"
)


def test_keys_as_they_are_where_nothing_is_new():
    assert combined_keys([["b", "a"]]) == ["b", "a"]
    assert combined_keys([["b", "a"], ["a"], [], ["a", "b"]]) == ["b", "a"]
    assert combined_keys([[], []]) == []


def test_order_of_libstdcxx():
    # std::unordered_map<std::string, int> of GCC 12: "0x0" to "0x1f" in this order, then "a_longer_key_0" to "..._3".
    keys = [hex(number) for number in range(32)]
    assert " ".join(combined_keys([[], keys[:14]])) == EXPECTED_14
    first = combined_keys([[], keys])
    assert " ".join(first) == EXPECTED_32
    assert " ".join(combined_keys([first, [f"a_longer_key_{number}" for number in range(4)]])) == EXPECTED_36


@pytest.mark.parametrize("qubits", [1, 3, 4, 6, 9])
@pytest.mark.parametrize("shots", [2, 30, 900])
def test_order_of_aers_threads(qubits, shots):
    """Two threads of Aer and two ranges of shots combine in the same way."""
    circuit = QuantumCircuit(qubits, qubits)
    circuit.h(range(qubits))
    circuit.measure(range(qubits), range(qubits))
    circuit.reset(0)
    circuit.measure(0, 0)
    circuit.measure(range(1, qubits), range(1, qubits))

    def run(shots, seed, threads):
        options = {"shots": shots, "seed_simulator": seed, "max_parallel_threads": threads, "method": "statevector"}
        options |= {"enable_truncation": False, "memory": True}
        output = AerSimulator()._execute_circuits_job([circuit], None, options, format_result=False)
        (result,) = output["results"]
        assert not result["metadata"]["measure_sampling"]
        return result

    whole, first, last = run(shots, 5, 2), run(shots // 2, 5, 1), run(shots - shots // 2, 5 + shots // 2, 1)
    memory = whole["data"]["memory"]
    assert memory == first["data"]["memory"] + last["data"]["memory"]
    one_by_one = combined_keys([[], first["data"]["memory"]])
    assert one_by_one == list(first["data"]["counts"])
    alone = run(shots, 5, 1)["data"]
    assert combined_keys([[], alone["memory"]]) == list(alone["counts"])
    if whole["metadata"]["parallel_shots"] == 2:
        assert combined_keys([first["data"]["counts"], last["data"]["counts"]]) == list(whole["data"]["counts"])
