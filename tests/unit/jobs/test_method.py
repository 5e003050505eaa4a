import collections
import math
import random

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter
from qiskit.circuit.library import DiagonalGate, get_standard_gate_name_mapping
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import DensityMatrix, Kraus, SparsePauliOp, StabilizerState, Statevector, SuperOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    PauliLindbladError,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    reset_error,
)

from aerq.jobs.method import Sampling, _instructions, forecast, resolve_method
from aerq.jobs.noise import NoiseFacts, job_noise_model
from aerq.jobs.options import resolve_options

FLIP = pauli_error([("X", 0.1), ("I", 0.9)])
DAMP = amplitude_damping_error(0.1)


def resolved(shots=10, **options):
    return resolve_options(AerSimulator._default_options(), {"shots": shots, "seed_simulator": 3, **options})


def everywhere(error, *gates) -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(error, list(gates))
    return model


def measured(build, qubits=2) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, qubits)
    build(circuit)
    circuit.measure(range(qubits), range(qubits))
    return circuit


class Generator:
    """Draws circuits and noise models of all sorts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def noise(self) -> NoiseModel | None:
        choose, model = self.random.choice, NoiseModel()
        kind = choose(
            [
                "none",
                "none",
                "ideal",
                "pauli",
                "kraus",
                "readout",
                "reset",
                "mixed",
                "local",
                "measure",
                "lindblad",
                "device",
            ]
        )
        if kind == "none":
            return None
        if kind == "device":
            return NoiseModel.from_backend(GenericBackendV2(4, seed=self.random.randrange(5)))
        if kind in ("pauli", "mixed"):
            model.add_all_qubit_quantum_error(FLIP, self.random.sample(["h", "x", "t", "sx", "rz", "u"], 2))
        if kind in ("kraus", "mixed"):
            model.add_all_qubit_quantum_error(DAMP, [choose(["h", "x", "sx"])])
        if kind == "pauli":
            model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
        if kind in ("readout", "mixed"):
            model.add_all_qubit_readout_error([[0.9, 0.1], [0.2, 0.8]])
        if kind == "reset":
            model.add_all_qubit_quantum_error(reset_error(0.1), ["h"])
        if kind == "local":
            model.add_quantum_error(choose([DAMP, FLIP]), ["h"], [self.random.randrange(3)])
        if kind == "measure":
            model.add_all_qubit_quantum_error(choose([DAMP, FLIP]), ["measure"])
        if kind == "lindblad":
            model.add_all_qubit_quantum_error(PauliLindbladError(["X"], [0.1]), ["h", "x"])
        return model

    def circuit(self) -> QuantumCircuit:
        draw, qubits = self.random.random, self.random.randint(1, 4)
        circuit = QuantumCircuit(qubits, qubits)
        clifford = draw() < 0.5
        if draw() < 0.1:
            circuit.initialize(np.eye(2**qubits)[self.random.randrange(2**qubits)].astype(complex), range(qubits))
        for _ in range(self.random.randint(1, 8)):
            self._instruction(circuit, self.random.randrange(qubits), clifford)
        if draw() < 0.15:
            self._save(circuit)
        last = draw()
        if last < 0.7:
            circuit.measure(range(qubits), range(qubits))
        elif last < 0.9:
            circuit.measure(0, 0)
        return circuit

    def _instruction(self, circuit, qubit, clifford) -> None:
        choose, draw, wide = self.random.choice, self.random.random(), circuit.num_qubits > 2
        if draw < 0.45:
            getattr(circuit, choose(["h", "x", "s", "z", "sx"]))(qubit)
        elif draw < 0.55:
            circuit.rz(choose([math.pi / 2, math.pi, 0, -3 * math.pi / 2, math.pi if clifford else 0.3]), qubit)
        elif draw < 0.7 and circuit.num_qubits > 1:
            circuit.cx(qubit, (qubit + 1) % circuit.num_qubits)
        elif draw < 0.75 and not clifford:
            gates = [lambda: circuit.t(qubit), lambda: circuit.unitary(np.eye(2), [qubit])]
            if wide:
                gates += [lambda: circuit.ccx(0, 1, 2), lambda: circuit.ccz(0, 1, 2)]
            choose(gates)()
        elif draw < 0.78:
            circuit.measure(qubit, qubit)
        elif draw < 0.81:
            circuit.reset(qubit)
        elif draw < 0.84:
            circuit.measure(qubit, qubit)
            with circuit.if_test((qubit, 1)):
                circuit.x(qubit)
        elif draw < 0.86:
            circuit.delay(10, qubit)
        elif draw < 0.90:
            circuit.append(choose([FLIP, DAMP]).to_instruction(), [qubit])
        elif draw < 0.91:
            circuit.append(Kraus(DAMP).to_instruction(), [qubit])
        elif draw < 0.93:
            with circuit.for_loop(range(2)):
                circuit.h(qubit)
        elif draw < 0.94:
            circuit.initialize([1j, 0], [qubit])

    def _save(self, circuit) -> None:
        self.random.choice(
            [
                lambda: circuit.save_statevector(pershot=True),
                lambda: circuit.save_density_matrix(),
                lambda: circuit.save_expectation_value(SparsePauliOp("Z"), [0]),
                lambda: circuit.save_probabilities(),
                lambda: circuit.save_stabilizer(),
                lambda: circuit.save_state(),
                lambda: circuit.save_unitary(),
                lambda: circuit.save_matrix_product_state(),
                lambda: circuit.save_superop(),
            ]
        )()


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_local_aer_on_whatever_is_drawn(seed):
    generator = Generator(seed)
    seen = collections.Counter()
    for _ in range(120):
        circuit, noise = generator.circuit(), generator.noise()
        options = {"shots": generator.random.choice([1, 2, 3, 5, 9, 17, 40])}
        if generator.random.random() < 0.1:
            options["enable_truncation"] = False
        if generator.random.random() < 0.4:
            options["method"] = generator.random.choice(
                ["statevector", "density_matrix", "stabilizer", "matrix_product_state"]
            )
        found = AerSimulator().run(circuit, noise_model=noise, seed_simulator=3, **options).result()
        if not found.results:
            continue  # not even loaded; refused at submit
        result = found.results[0]
        expected = forecast(circuit, NoiseFacts.of(job_noise_model([circuit], noise)), resolved(**options))
        if not result.success:
            assert expected.method is None
            continue
        assert expected.method in (None, result.metadata["method"])
        if expected.sampling is not Sampling.UNKNOWN:
            assert (expected.sampling is Sampling.ONE_STATE) == result.metadata["measure_sampling"]
        seen[expected.method, expected.sampling] += 1
    # Enough of it is certain to be of use.
    assert sum(count for (method, _), count in seen.items() if method) > 90
    for sampling in Sampling:
        assert sum(count for (_, kind), count in seen.items() if kind is sampling) > 8


class TestAutomatic:
    @pytest.mark.parametrize(
        ("shots", "noise", "method"),
        [
            (4, FLIP, "statevector"),
            (5, FLIP, "density_matrix"),
            (5, DAMP, "density_matrix"),
            (4, DAMP, "statevector"),
            (5, None, "statevector"),
        ],
    )
    def test_density_matrix_for_more_shots_than_amplitudes(self, shots, noise, method):
        circuit = measured(lambda c: (c.h(0), c.t(0), c.cx(0, 1)))
        model = None if noise is None else everywhere(noise, "h")
        assert resolve_method(circuit, NoiseFacts.of(model), resolved(shots)) == method
        local = AerSimulator().run(circuit, shots=shots, noise_model=model).result()
        assert local.results[0].metadata["method"] == method

    def test_counts_the_qubits_that_are_left(self):
        def build(circuit):
            circuit.h(0)
            circuit.t(5)

        circuit = QuantumCircuit(6, 1)
        build(circuit)
        circuit.measure(0, 0)
        facts = NoiseFacts.of(everywhere(FLIP, "h"))
        assert resolve_method(circuit, facts, resolved(3)) == "density_matrix"
        assert resolve_method(circuit, facts, resolved(3, enable_truncation=False)) == "statevector"
        assert resolve_method(circuit, facts, resolved(65, enable_truncation=False)) == "density_matrix"
        assert resolve_method(circuit, facts, resolved(65, enable_truncation=False), job_qubits=7) == "statevector"

    def test_is_not_told_where_it_hangs_on_an_angle(self):
        theta = Parameter("theta")
        circuit = measured(lambda c: (c.h(0), c.rz(theta, 0)))
        facts = NoiseFacts()
        assert resolve_method(circuit, facts, resolved()) is None
        for angle, method in ((math.pi / 2, "stabilizer"), (0.3, "statevector"), (math.pi / 2 + 2e-8, None)):
            assert resolve_method(circuit.assign_parameters({theta: angle}), facts, resolved()) == method

    def test_is_not_told_for_what_no_method_can_do(self):
        circuit = measured(lambda c: (c.save_unitary(), c.save_stabilizer(), c.t(0)))
        assert resolve_method(circuit, NoiseFacts(), resolved()) is None

    def test_an_explicit_method_stays(self):
        circuit = measured(lambda c: c.h(0))
        assert resolve_method(circuit, NoiseFacts(), resolved(method="statevector")) == "statevector"

    def test_an_explicit_method_that_cannot_is_not_told(self):
        circuit = measured(lambda c: c.t(0))
        assert resolve_method(circuit, NoiseFacts(), resolved(method="stabilizer")) is None


class TestSampling:
    def of(self, circuit, noise=None, **options):
        return forecast(circuit, NoiseFacts.of(noise), resolved(**options)).sampling

    def test_of_an_ideal_circuit_is_from_one_state(self):
        assert self.of(measured(lambda c: c.h(0))) is Sampling.ONE_STATE

    def test_with_gate_errors_is_shot_by_shot(self):
        circuit = measured(lambda c: (c.h(0), c.t(0)))
        assert self.of(circuit, everywhere(FLIP, "h"), method="statevector") is Sampling.EACH_SHOT
        assert self.of(circuit, everywhere(DAMP, "h"), method="statevector") is Sampling.EACH_SHOT

    def test_with_kraus_errors_on_other_gates_is_not_certain(self):
        circuit = measured(lambda c: (c.h(0), c.t(0)))
        assert self.of(circuit, everywhere(DAMP, "x"), method="statevector") is Sampling.UNKNOWN

    def test_of_branching_shots_is_not_certain(self):
        circuit = measured(lambda c: (c.h(0), c.reset(0)))
        assert self.of(circuit) is Sampling.EACH_SHOT
        assert self.of(circuit, shot_branching_enable=True) is Sampling.UNKNOWN

    def test_of_a_state_saved_from_a_density_matrix_is_an_average(self):
        circuit = measured(lambda c: (c.measure(0, 0), c.save_state()))
        facts = NoiseFacts()
        assert forecast(circuit, facts, resolved(method="density_matrix")).saves == ("average",)
        assert forecast(circuit, facts, resolved(method="statevector")).saves == ("single",)


GATES = {
    **{name: gate for name, gate in get_standard_gate_name_mapping().items() if isinstance(gate, Gate)},
    **{name: Gate(name, 3, [0.3] * count) for name, count in {"mcp": 1, "mcr": 2, "mcrx": 1, "mcu3": 3}.items()},
    **{name: Gate(name, 4, []) for name in ("mcx", "mcy", "mcz", "mcswap", "mcx_gray", "mcsx")},
    "diagonal": DiagonalGate([1, -1]),
}


@pytest.mark.parametrize("method", ["statevector", "density_matrix", "stabilizer", "matrix_product_state", "unitary"])
def test_the_tables_of_gates_are_those_of_the_kernel(method):
    """Aer's Python tables say which gates a method has; the kernel decides by its own."""
    for name, gate in GATES.items():
        if name not in _instructions("automatic") or name in ("delay", "rz"):
            continue
        circuit = QuantumCircuit(gate.num_qubits, 1)
        params = [0.3 if isinstance(value, Parameter) else value for value in gate.params]
        circuit.append(gate if not gate.params or name == "diagonal" else _with(gate, params), range(gate.num_qubits))
        circuit.save_state() if method == "unitary" else circuit.measure(0, 0)
        works = AerSimulator(method=method, enable_truncation=False).run(circuit, shots=1).result().success
        assert works == (name in _instructions(method)), name


STATES = {
    "set_statevector": lambda c: c.set_statevector(Statevector([1, 0])),
    "set_density_matrix": lambda c: c.set_density_matrix(DensityMatrix([1, 0])),
    "set_unitary": lambda c: c.set_unitary(np.eye(2)),
    "set_superop": lambda c: c.set_superop(SuperOp(np.eye(4))),
    "set_stabilizer": lambda c: c.set_stabilizer(StabilizerState(QuantumCircuit(1))),
    "set_matrix_product_state": lambda c: c.set_matrix_product_state(([([[1]], [[0]])], [])),
    "save_state": lambda c: c.save_state(label="other"),
    "save_statevector": lambda c: c.save_statevector(),
    "save_statevector_dict": lambda c: c.save_statevector_dict(),
    "save_density_matrix": lambda c: c.save_density_matrix(),
    "save_matrix_product_state": lambda c: c.save_matrix_product_state(),
    "save_stabilizer": lambda c: c.save_stabilizer(),
    "save_clifford": lambda c: c.save_clifford(),
    "save_unitary": lambda c: c.save_unitary(),
    "save_superop": lambda c: c.save_superop(),
    "save_probabilities": lambda c: c.save_probabilities(),
    "save_probabilities_dict": lambda c: c.save_probabilities_dict(),
    "save_amplitudes": lambda c: c.save_amplitudes([0]),
    "save_amplitudes_sq": lambda c: c.save_amplitudes_squared([0]),
    "save_expval": lambda c: c.save_expectation_value(SparsePauliOp("Z"), [0]),
    "save_expval_var": lambda c: c.save_expectation_value_variance(SparsePauliOp("Z"), [0]),
    "initialize": lambda c: c.initialize([1 + 0j, 0], [0]),
    "kraus": lambda c: c.append(Kraus(DAMP).to_instruction(), [0]),
    "qerror_loc": lambda c: c.append(FLIP.to_instruction(), [0]),
    "reset": lambda c: c.reset(0),
    "delay": lambda c: c.delay(10, 0),
}


@pytest.mark.parametrize(
    "method", ["statevector", "density_matrix", "stabilizer", "matrix_product_state", "unitary", "superop"]
)
def test_the_tables_of_states_are_those_of_the_kernel(method):
    for name, build in STATES.items():
        circuit = QuantumCircuit(1, 1)
        build(circuit)
        circuit.save_state() if method in ("unitary", "superop") else circuit.measure(0, 0)
        works = AerSimulator(method=method).run(circuit, shots=1).result().success
        assert works == (name in _instructions(method)), name


def _with(gate, params):
    return gate.base_class(*params) if type(gate) is not Gate else Gate(gate.name, gate.num_qubits, params)
