"""What `basic_simulator` refuses before anything is sent, checked against `BasicSimulator` itself."""

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter
from qiskit.circuit.library import CXGate, UnitaryGate
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.options import Options
from qiskit.quantum_info import Statevector

from aerq.config import Settings
from aerq.jobs import QobjValidationError
from aerq.jobs.basicoptions import OWN_OPTIONS, resolve_basic_options, validate_basic_circuits
from aerq.jobs.basicsimulator import AerqBasicSimulator

NOWHERE = Settings(broker_url="redis://127.0.0.1:1/0")


def options(**given):
    return resolve_basic_options(BasicSimulator().options, given)


def test_it_is_a_basic_simulator_with_options_of_its_own():
    backend = AerqBasicSimulator(settings=NOWHERE, shots=7, job_tags=["a"])
    assert isinstance(backend, BasicSimulator)
    assert (backend.name, backend.options.shots, backend.options.job_tags) == ("basic_simulator", 7, ["a"])
    assert set(OWN_OPTIONS) < set(dict(backend.options.items()))
    with pytest.raises(AttributeError):
        AerqBasicSimulator(settings=NOWHERE, shotz=3)


def test_the_runs_options_win_over_the_backends():
    backend = Options(**{**dict(BasicSimulator().options.items()), "shots": 5, "seed_simulator": 1, "memory": False})
    assert (resolve_basic_options(backend, {}).shots, resolve_basic_options(backend, {}).seed_simulator) == (5, 1)
    found = resolve_basic_options(backend, {"shots": np.int64(9), "seed_simulator": np.int32(4), "memory": True})
    assert (found.shots, found.seed_simulator, found.kernel["memory"]) == (9, 4, True)
    assert type(found.shots) is int
    assert type(found.seed_simulator) is int


def test_an_unseeded_run_is_given_a_seed():
    seeds = {options(seed_simulator=None).seed_simulator for _ in range(5)} | {options().seed_simulator}
    assert len(seeds) > 1
    assert all(0 <= seed < 2**31 - 1 for seed in seeds)
    assert options(seed_simulator=0).seed_simulator == 0


@pytest.mark.parametrize("state", [[0, 1], (0, 1j), np.array([[0], [1]]), Statevector([0, 1])])
def test_a_statevector_is_what_numpy_makes_of_it(state):
    found = options(initial_statevector=state).kernel["initial_statevector"]
    assert found.dtype == complex
    assert found.shape == (2,)
    assert np.array_equal(found, np.array(state, dtype=complex).ravel())


def test_as_in_basic_simulator_no_statevector_for_a_run_is_the_backends():
    backend = Options(**{**dict(BasicSimulator().options.items()), "initial_statevector": [0, 1]})
    assert "initial_statevector" in resolve_basic_options(backend, {"initial_statevector": None}).kernel


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shotz": 3}, "no option 'shotz'; the nearest name is 'shots'"),
        ({"shots": 0}, "the option shots must be a number of shots, at least 1, not 0"),
        ({"shots": None}, "not None"),
        ({"shots": 10.0}, "not 10.0"),
        ({"shots": True}, "not True"),
        ({"seed_simulator": -1}, "seed_simulator must be a whole number"),
        ({"seed_simulator": [1, 2]}, "seed_simulator must be a whole number"),
        ({"seed_simulator": 2**63}, "seed_simulator must be a whole number"),
        ({"memory": 1}, "memory must be True or False"),
        ({"use_clifford_optimization": "yes"}, "use_clifford_optimization must be True or False"),
        ({"initial_statevector": "zero"}, "initial_statevector must be a vector of numbers"),
        ({"initial_statevector": [1, 1]}, "not normalized"),
        ({"initial_statevector": [float("nan"), 1]}, "not normalized"),
        ({"initial_statevector": [[1, 0], [0, 0]]}, "must be one vector"),
        ({"max_job_size": 1}, "a job is one task"),
        ({"max_shot_size": 10}, "a job is one task"),
        ({"parameter_binds": [{}]}, "assign_parameters"),
        ({"noise_model": None}, "no option 'noise_model'"),
        ({"executor": 3}, "submit(fn, *args)"),
        ({"job_tags": "tag"}, "list of strings"),
        ({"time_limit_seconds": 0}, "above 0"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(given, words):
    with pytest.raises(QobjValidationError) as caught:
        options(**given)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def with_gate(gate):
    circuit = QuantumCircuit(gate.num_qubits, 1, name="mine")
    circuit.append(gate, range(gate.num_qubits))
    circuit.measure(0, 0)
    return circuit


def unbound():
    circuit = QuantumCircuit(1, 1, name="mine")
    circuit.rx(Parameter("angle"), 0)
    return circuit


def not_finite():
    circuit = QuantumCircuit(1, 1, name="mine")
    circuit.rx(float("nan"), 0)
    circuit.measure(0, 0)
    return circuit


def branching():
    circuit = QuantumCircuit(1, 1, name="mine")
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "given", "words"),
    [
        (with_gate(Gate("mystery", 1, [])), {}, "'mystery', which basic_simulator does not know: transpile it"),
        (with_gate(CXGate(ctrl_state=0)), {}, "'cx_o0'"),
        (branching(), {}, "'if_else'"),
        (unbound(), {}, "parameters without values (angle)"),
        (not_finite(), {}, "not a finite number"),
        (QuantumCircuit(25, 1, name="mine"), {}, "25 qubits and basic_simulator takes at most 24"),
        (QuantumCircuit(2, 1, name="mine"), {"initial_statevector": [1, 0]}, "4 amplitudes; it has 2"),
        # not a Clifford circuit, so the optimization does not help
        (with_gate(Gate("mystery", 1, [])), {"use_clifford_optimization": True}, "'mystery'"),
    ],
)
def test_what_basic_simulator_would_fail_to_run_is_refused(circuit, given, words):
    with pytest.raises(QobjValidationError) as caught:
        validate_basic_circuits([QuantumCircuit(circuit.num_qubits), circuit], options(**given))
    assert str(caught.value).startswith(f"circuit {1 if 'mine' in str(caught.value) else 0} ")
    assert words in str(caught.value)
    if circuit.name == "mine" and "25" not in words:
        with pytest.raises(Exception):  # noqa: B017, PT011  # of whatever kind: it does not run
            BasicSimulator().run(circuit, **given)


@pytest.mark.parametrize("circuits", [[], ["h 0"]])
def test_only_circuits_can_run(circuits):
    with pytest.raises(QobjValidationError):
        validate_basic_circuits(circuits, options())


def test_everything_in_its_target_is_known():
    for name in BasicSimulator().target.operation_names:
        if name in ("measure", "delay", "unitary"):
            continue
        operation = BasicSimulator().target.operation_from_name(name)
        circuit = QuantumCircuit(operation.num_qubits, 1)
        circuit.append(operation, range(operation.num_qubits))
        validate_basic_circuits([circuit.assign_parameters([0.1] * circuit.num_parameters)], options())
    validate_basic_circuits([with_gate(UnitaryGate(np.eye(4)))], options())


def test_a_wide_clifford_circuit_runs_only_with_the_optimization():
    circuit = QuantumCircuit(40, 40)
    circuit.h(0)
    circuit.cx(0, range(1, 40))
    circuit.measure(range(40), range(40))
    validate_basic_circuits([circuit], options(use_clifford_optimization=True))
    with pytest.raises(QobjValidationError, match="at most 24"):
        validate_basic_circuits([circuit], options())
    with pytest.raises(QobjValidationError, match="at most 2048"):
        validate_basic_circuits([QuantumCircuit(2049)], options(use_clifford_optimization=True))


def test_nothing_is_asked_of_a_broker_before_a_refusal():
    with pytest.raises(QobjValidationError, match="nearest name is 'shots'"):
        AerqBasicSimulator(settings=NOWHERE).run(QuantumCircuit(1), shotz=1)
