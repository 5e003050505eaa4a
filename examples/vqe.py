"""A VQE loop: the ground state of the hydrogen molecule with Aer's `EstimatorV2` on queue workers.

Each step needs the energy at the parameters and at two shifted points for each of them; all of them are one job.

python examples/vqe.py
AERQ_BROKER_URL=redis://:password@host:6379/0 python examples/vqe.py --steps 40
"""

import argparse

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.primitives import EstimatorV2

from aerq.jobs import AerqSimulator

#: Two qubits, 0.735 angstrom, parity mapping (Qiskit Nature); energies in hartree without the nuclei's.
HYDROGEN = SparsePauliOp.from_list(
    [
        ("II", -1.052373245772859),
        ("IZ", 0.39793742484318045),
        ("ZI", -0.39793742484318045),
        ("ZZ", -0.01128010425623538),
        ("XX", 0.18093119978423156),
    ]
)


def energies(estimator: EstimatorV2, ansatz: QuantumCircuit, points: np.ndarray) -> np.ndarray:
    """The energy at each point, a row of parameter values."""
    values: np.ndarray = estimator.run([(ansatz, HYDROGEN, points)], precision=0.0).result()[0].data.evs
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12, help="steps down the gradient (12)")
    arguments = parser.parse_args()
    ansatz = real_amplitudes(2, reps=1)
    estimator = EstimatorV2.from_backend(AerqSimulator())
    exact = float(np.linalg.eigvalsh(HYDROGEN.to_matrix()).min())
    point = np.random.default_rng(3).uniform(-0.5, 0.5, ansatz.num_parameters)
    shifts = np.pi / 2 * np.eye(len(point))
    for step in range(arguments.steps + 1):
        found = energies(estimator, ansatz, np.vstack([point, point + shifts, point - shifts]))
        plus, minus = found[1 : 1 + len(point)], found[1 + len(point) :]
        if step == 0:
            print("step     energy  above the exact")
        print(f"{step:4}  {found[0]:+.6f}  {found[0] - exact:.6f}")
        point = point - (plus - minus)  # by the parameter-shift rule twice the gradient
    print(f"exact {exact:+.6f}")


if __name__ == "__main__":
    main()
