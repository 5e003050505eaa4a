"""Ten lines for a notebook: GHZ circuits on queue workers.

python examples/ghz_on_workers.py                                           a cluster for this process
AERQ_BROKER_URL=redis://:password@host:6379/0 python examples/ghz_on_workers.py     a cluster that is there
"""

from qiskit import QuantumCircuit, transpile

from aerq.jobs import AerqSimulator


def ghz(qubits: int) -> QuantumCircuit:
    """A GHZ state, measured."""
    circuit = QuantumCircuit(qubits, name=f"ghz_{qubits}")
    circuit.h(0)
    circuit.cx(0, range(1, qubits))
    circuit.measure_all()
    return circuit


def main() -> None:
    backend = AerqSimulator()
    circuits = transpile([ghz(qubits) for qubits in range(2, 10)], backend)
    job = backend.run(circuits, shots=1024, seed_simulator=7)
    print(f"job {job.job_id()}")
    for done in job.as_completed(timeout=120):
        print(f"{done.job_id()}: {done.status().name}")
    result = job.result()
    for circuit in circuits:
        print(f"{circuit.name}: {result.get_counts(circuit)}")


if __name__ == "__main__":
    main()
