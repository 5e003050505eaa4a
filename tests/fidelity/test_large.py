"""One large statevector, in parts: 20 qubits in CI, any number on demand (`make fidelity-large QUBITS=26`, 1 GiB)."""

import os

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from aerq.jobs import AerqSimulator

pytestmark = pytest.mark.fidelity

QUBITS = int(os.environ.get("FIDELITY_QUBITS") or 20)


@pytest.mark.timeout(1200)
def test_a_large_statevector_comes_back_bit_for_bit(cluster):
    circuit = QuantumCircuit(QUBITS)
    for qubit in range(QUBITS):
        circuit.ry(0.1 + 0.05 * qubit, qubit)
    for qubit in range(QUBITS - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.save_statevector()
    settings = cluster.settings
    job = AerqSimulator(settings=settings, method="statevector").run(circuit, shots=1, seed_simulator=1)
    mine = job.result(timeout=1000).data(0)["statevector"]
    local = AerSimulator(method="statevector").run(circuit, shots=1, seed_simulator=1).result().data(0)["statevector"]
    assert type(mine) is type(local)
    assert np.array_equal(mine.data.view(np.uint8), local.data.view(np.uint8))
