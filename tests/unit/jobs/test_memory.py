"""Estimates of memory, and what is refused for its size before anything is sent."""

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from aerq.jobs import QobjValidationError
from aerq.jobs.memory import LARGEST_MB, needed_mb, shown_mb
from aerq.jobs.options import resolve_options
from aerq.jobs.split import split_job

NOISE = NoiseModel()
NOISE.add_all_qubit_quantum_error(depolarizing_error(0.01, 1), ["h"])
GIBIBYTE = 1024


def circuit(qubits, *, clifford=False):
    made = QuantumCircuit(qubits, name="wide")
    made.h(range(qubits))
    if not clifford:
        made.t(0)
    made.measure_all()
    return made


def split(circuits, largest=lambda fresh: 12 * GIBIBYTE, binds=None, **options):
    resolved = resolve_options(AerSimulator._default_options(), options)
    return split_job(
        circuits,
        binds,
        resolved,
        job_id="job",
        backend_name="aer_simulator",
        backend_version="",
        largest_slot_mb=largest,
    )


class TestEstimates:
    @pytest.mark.parametrize(
        ("method", "qubits"),
        [("statevector", 24), ("density_matrix", 12), ("unitary", 12), ("stabilizer", 1500)],
    )
    @pytest.mark.parametrize("precision", ["double", "single"])
    def test_are_those_by_which_aer_refuses(self, method, qubits, precision):
        made = QuantumCircuit(qubits, qubits)
        made.h(range(qubits))
        if method == "unitary":
            made.save_unitary()
        else:
            made.measure(range(qubits), range(qubits))
        result = AerSimulator(method=method, precision=precision, max_memory_mb=1).run(made, shots=1).result()
        aers = result.results[0].metadata["required_memory_mb"]
        assert not result.success
        assert aers <= needed_mb(method, qubits, precision) <= aers + 1

    def test_of_a_superoperator_is_its_true_size(self):
        assert needed_mb("superop", 7) == 16 * 16**7 // 2**20

    @pytest.mark.parametrize("method", ["matrix_product_state", "extended_stabilizer"])
    def test_are_not_made_where_nobody_can_tell(self, method):
        assert needed_mb(method, 100) == 0

    def test_have_an_end(self):
        assert needed_mb("statevector", 5000) == needed_mb("superop", 60) == LARGEST_MB
        assert needed_mb("statevector", 1) == 1

    @pytest.mark.parametrize(
        ("mebibytes", "text"),
        [(1, "1 MiB"), (1536, "1.5 GiB"), (65536, "64 GiB"), (2**50, "more than any machine has"), (2**41, "2048 PiB")],
    )
    def test_are_said_as_people_say_them(self, mebibytes, text):
        assert shown_mb(mebibytes) == text


class TestWhatNoSlotCanHold:
    def test_is_refused_by_name(self):
        with pytest.raises(QobjValidationError) as caught:
            split([circuit(2), circuit(32)])
        assert str(caught.value).startswith("circuit 1 ('wide') needs 64 GiB, the largest slot has 12 GiB; ")
        assert "max_memory_mb=-1" in str(caught.value)

    @pytest.mark.parametrize(
        "options",
        [
            {"method": "density_matrix"},
            {"method": "unitary"},
            {"method": "superop"},
            {"noise_model": NOISE, "shots": 10**6},
        ],
    )
    def test_depends_on_the_method(self, options):
        made = QuantumCircuit(16)
        made.h(range(16))
        made.t(0)
        if options.get("method") in ("unitary", "superop"):
            getattr(made, f"save_{options['method']}")()
        else:
            made.measure_all()
        with pytest.raises(QobjValidationError, match="needs"):
            split([made], **options)
        assert split([made.copy_empty_like()], method="statevector")

    @pytest.mark.parametrize(
        ("made", "options"),
        [
            (circuit(29), {}),
            (circuit(30), {"precision": "single", "max_memory_mb": 0}),
            (circuit(40, clifford=True), {}),
            (circuit(40), {"method": "matrix_product_state"}),
            (circuit(40), {"method": "extended_stabilizer"}),
            (circuit(20), {"noise_model": NOISE, "shots": 1000}),
        ],
    )
    def test_is_not_what_fits(self, made, options):
        assert len(split([made], **options)) == 1

    def test_counts_the_qubits_that_aer_keeps(self):
        made = QuantumCircuit(40, 1)
        made.h(0)
        made.t(0)
        made.measure(0, 0)
        assert split([made])[0].header.memory_mb == 1

    def test_can_be_tried_all_the_same(self):
        assert len(split([circuit(32)], max_memory_mb=-1)) == 1

    def test_is_left_to_aer_within_the_users_own_limit(self):
        assert len(split([circuit(32)], max_memory_mb=100)) == 1

    def test_is_not_known_while_no_worker_is_up(self):
        assert len(split([circuit(32)], largest=lambda fresh: None)) == 1

    def test_is_asked_anew_before_it_is_refused(self):
        asked = []

        def largest(fresh):
            asked.append(fresh)
            return 128 * GIBIBYTE if fresh else GIBIBYTE

        assert split([circuit(32)], largest)[0].header.memory_mb == 64 * GIBIBYTE
        assert asked == [False, True]

    def test_of_a_sweep_is_told_by_its_first_binding(self):
        angle = Parameter("angle")
        made = QuantumCircuit(33)
        made.rz(angle, range(33))
        made.measure_all()
        with pytest.raises(QobjValidationError, match="needs 128 GiB"):
            split([made], binds=[{angle: [0.3, 0.4]}])


def test_each_task_carries_its_estimate():
    found = split([circuit(2), circuit(24), circuit(20)], max_job_size=2)
    assert [qobj.header.memory_mb for qobj in found] == [256, 16]
