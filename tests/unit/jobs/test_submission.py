"""What is submitted is what a slot decodes, whichever tasks share payloads and messages, and whatever it kept."""

import random

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Parameter
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, RelaxationNoisePass, depolarizing_error

from aerq.config.settings import Settings
from aerq.jobs.options import RunOptions
from aerq.jobs.split import split_job
from aerq.jobs.submission import Submission, prepare_job
from aerq.tasks.bundles import bundles_of, from_kwargs, to_kwargs
from aerq.tasks.kernel import AerKernel
from aerq.tasks.plain import PlainCircuit
from aerq.tasks.publishing import shown
from aerq.tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader
from aerq.tasks.wire import payload
from aerq.tasks.wire.binds import bind
from aerq.tasks.wire.errors import DecodingError
from aerq.tasks.wire.payload import QobjDecoder
from aerq.tasks.wire.plain import decode_plain, encode_plain

SETTINGS = Settings(broker_url="redis://127.0.0.1:1/0", message_seconds=10)
LIMIT = 2**28


class Slot:
    """Decodes and runs what it is given, as a slot does: one after the other, with what it keeps."""

    def __init__(self):
        self.payloads = {}
        self.decoder = QobjDecoder(LIMIT, lambda digests: [self.payloads[digest] for digest in digests])
        self.kernel = AerKernel()

    def counts(self, circuits, binds, **options):
        job = prepared(circuits, binds, **options)
        self.payloads.update(job.payloads)
        record = job.record
        found = []
        for bundle in bundles_of(record.messages, record.bundles, range(len(record.messages))):
            for message in from_kwargs(to_kwargs(bundle)):
                output = self.kernel.run(self.decoder.decode(message))
                found += [result["data"].get("counts", {}) for result in output["results"]]
        return found, record


def prepared(circuits, binds, **changes):
    options = RunOptions(**{"shots": 100, "memory": False, "seed_simulator": 3, "method": "statevector", **changes})
    qobjs = split_job(
        circuits, binds, options, job_id="j", backend_name="aer_simulator", backend_version="", snapshot=False
    )
    return prepare_job(qobjs, "j", Submission(slots=1), SETTINGS)


def expected(circuits, binds):
    result = AerSimulator(method="statevector").run(circuits, binds, shots=100, seed_simulator=3).result()
    return [each.data.counts for each in result.results]


def turned(basis, parameter):
    circuit = QuantumCircuit(1, name=basis)
    circuit.ry(parameter, 0)
    if basis == "x":
        circuit.h(0)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize("apart", [True, False], ids=["a-job-each", "one-job"])
def test_the_same_values_on_other_circuits_are_not_mixed_up(apart):
    """An estimator measures one ansatz in several bases, with the same values each time."""
    theta, slot = Parameter("t"), Slot()
    circuits = [turned("z", theta), turned("x", theta), turned("z", theta)]
    binds = [{theta: [0.1, 1.2, 2.3]}] * 3
    for some in [[0], [1], [2]] if apart else [[0, 1, 2]]:
        chosen, values = [circuits[n] for n in some], [binds[n] for n in some]
        assert slot.counts(chosen, values)[0] == expected(chosen, values)


@pytest.mark.parametrize("seed", range(12))
def test_drawn_jobs_come_out_as_local_ones(seed):
    draw, slot = random.Random(seed), Slot()
    theta = Parameter("t")
    plain = QuantumCircuit(2, name="plain")
    plain.h(0)
    plain.cx(0, 1)
    plain.measure_all()
    many = [turned("z", theta), turned("x", theta), plain]
    for _ in range(4):
        circuits = [draw.choice(many) for _ in range(draw.randint(2, 9))]
        binds = [
            {theta: [draw.choice([0.1, 0.7, 2.0]) for _ in range(draw.randint(1, 4))]} if one.parameters else {}
            for one in circuits
        ]
        found, _ = slot.counts(circuits, binds, max_job_size=draw.choice([1, 1, 2, 3]))
        assert found == expected(circuits, binds)


def test_short_tasks_share_messages_and_payloads():
    theta = Parameter("t")
    _, record = Slot().counts([turned("z", theta)], [{theta: [0.1 * n for n in range(40)]}])
    assert len(record.bundles) < 40
    assert len({message.circuits for message in record.messages}) == 1
    assert len({message.binds for message in record.messages}) == len(record.bundles)


def test_a_time_limit_is_that_of_a_task_so_each_has_a_message_of_its_own():
    theta = Parameter("t")
    options = RunOptions(shots=1, memory=False, seed_simulator=3, method="statevector")
    qobjs = split_job(
        [turned("z", theta)],
        [{theta: [0.1] * 40}],
        options,
        job_id="j",
        backend_name="aer_simulator",
        backend_version="",
        snapshot=False,
    )
    assert prepare_job(qobjs, "j", Submission(slots=1), SETTINGS).record.bundles
    assert not prepare_job(qobjs, "j", Submission(slots=1, time_limit_seconds=5), SETTINGS).record.bundles


def test_what_cannot_be_foreseen_has_a_message_of_its_own():
    loop = QuantumCircuit(1, 1)
    loop.measure(0, 0)
    with loop.while_loop((loop.clbits[0], 1)):
        loop.x(0)
        loop.measure(0, 0)
    plain = QuantumCircuit(1)
    plain.measure_all()
    assert not prepared([loop] * 20, None).record.bundles
    assert not prepared([plain] * 20, None, method="extended_stabilizer").record.bundles
    assert prepared([plain] * 20, None).record.bundles


def test_long_names_are_cut_where_they_are_shown():
    """All that is shown of the tasks of a message has to fit one frame of AMQP, 128 KiB."""
    circuits = []
    for number in range(3):
        circuit = QuantumCircuit(1, name=f"{number}" + "ψ" * 5000)
        circuit.measure_all()
        circuits.append(circuit)
    record = prepared(circuits, None, max_job_size=3).record
    assert len(shown(record, record.messages[0]).encode()) < 500


def fetched_again(monkeypatch, **bounds):
    """Payloads that a decoder fetches for a job's tasks, and for the same ones once more."""
    for name, value in bounds.items():
        monkeypatch.setattr(payload, name, value)
    theta, asked = Parameter("t"), []
    job = prepared([turned("z", theta).assign_parameters([0.1 * n]) for n in range(19)], None, max_job_size=1)
    stored = dict(job.payloads)
    decoder = QobjDecoder(LIMIT, lambda digests: asked.extend(digests) or [stored[digest] for digest in digests])
    for _ in range(2):
        for message in job.record.messages:
            decoder.decode(message)
    return len(asked), len(set(asked)), len(decoder._kept), decoder._kept_bytes


def test_what_is_run_again_is_not_decoded_again(monkeypatch):
    fetched, different, kept, size = fetched_again(monkeypatch)
    assert fetched == different == kept > 2
    assert size > 0


@pytest.mark.parametrize(
    ("bounds", "most"), [({"_CACHED": 2}, 2), ({"_CACHED_BYTES": 1}, 3)], ids=["payloads", "bytes"]
)
def test_a_slot_keeps_no_more_than_it_may_but_what_its_last_task_needed(monkeypatch, bounds, most):
    all_of_them = fetched_again(monkeypatch)[3]
    fetched, different, kept, size = fetched_again(monkeypatch, **bounds)
    assert fetched > different
    assert kept <= most
    assert 0 < size < all_of_them / 2


def gates(name="gates", count=3):
    circuit = QuantumCircuit(2, name=name)
    for _ in range(count):
        circuit.h(0)
        circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def saving():
    circuit = gates("saving")
    circuit.save_statevector()
    return circuit


def decoded(job):
    decoder = QobjDecoder(LIMIT, lambda digests: [job.payloads[digest] for digest in digests])
    return [decoder.decode(message) for message in job.record.messages]


@pytest.mark.parametrize(
    ("circuits", "binds", "plain"),
    [
        ([gates("one"), gates("two")], None, True),
        ([gates("one"), saving()], None, False),
        ([gates("one"), turned("z", Parameter("theta"))], "last", False),
        ([gates("one")], [{}], True),
        ([gates("one")], [{Parameter("unused"): [1.0, 2.0]}], True),
    ],
    ids=["plain", "one saves", "one is bound", "nothing bound", "bound to nothing"],
)
def test_plain_circuits_go_to_aer_without_qiskits_objects(circuits, binds, plain):
    if binds == "last":
        binds = [{}] * (len(circuits) - 1) + [{circuits[-1].parameters[0]: [0.5]}]
    qobjs = decoded(prepared(circuits, binds, max_job_size=None))
    found = [experiment.circuit for qobj in qobjs for experiment in qobj.experiments]
    assert [type(circuit) is PlainCircuit for circuit in found] == [plain] * len(found)
    assert [each.quantum_circuit for qobj in qobjs for each in qobj.with_quantum_circuits().experiments] == circuits


def test_a_plain_circuit_with_a_table_of_no_bindings_is_run():
    bound = QobjExperiment(gates(), {})
    given = Qobj("j", QobjHeader(), QobjConfig(10, 3), (bound, QobjExperiment(gates("other"))))
    (qobj,) = decoded(prepare_job([given], "j", Submission(), SETTINGS))
    assert [experiment.circuit for experiment in qobj.experiments] == [gates(), gates("other")]
    assert AerKernel().run(qobj)["success"]


def test_the_same_circuit_with_a_table_and_without_is_two_payloads():
    circuit = gates()
    qobjs = [
        Qobj("j", QobjHeader(number), QobjConfig(10, 3), (QobjExperiment(circuit, binds),))
        for number, binds in enumerate([None, {}])
    ]
    job = prepare_job(qobjs, "j", Submission(time_limit_seconds=9), SETTINGS)  # so that each has its own message
    plain, bound = (qobj.experiments[0].circuit for qobj in decoded(job))
    assert plain.quantum_circuit() == bound == circuit


def test_bindings_of_plain_circuits_are_refused():
    (plain,) = decode_plain(encode_plain([gates()]))
    with pytest.raises(DecodingError, match="do not fit the circuits"):
        list(bind([[0, [], 0.0]], [plain]))


def relaxing():
    """Noise at gates, and a pass of Aer's own that puts noise where a circuit waits."""
    model = NoiseModel(basis_gates=["h", "cx", "delay"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), ["h"])
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.2, 0.8]])
    model._custom_noise_passes.append(RelaxationNoisePass([50e-6] * 2, [30e-6] * 2, dt=1e-9, op_types=[Delay]))
    return model


@pytest.mark.parametrize("size", [1, None])
def test_plain_circuits_meet_the_noise_that_they_meet_locally(size):
    waiting = QuantumCircuit(2, name="waits")
    waiting.x(0)
    waiting.delay(40_000, 0)
    waiting.measure_all()
    circuits = [gates("one"), waiting, gates("two", 1)]
    noise_model = relaxing()
    found, record = Slot().counts(circuits, None, max_job_size=size, noise_model=noise_model)
    local = AerSimulator(method="statevector", noise_model=noise_model).run(circuits, shots=100, seed_simulator=3)
    assert found == [each.data.counts for each in local.result().results]
    assert len(record.messages) == (3 if size else 1)


def test_the_many_objects_of_short_instructions_count_among_what_a_slot_keeps():
    job = prepared([gates(count=400)], None)
    decoder = QobjDecoder(LIMIT, lambda digests: [job.payloads[digest] for digest in digests])
    (qobj,) = [decoder.decode(message) for message in job.record.messages]
    assert qobj.experiments[0].circuit.num_operations == 803
    assert decoder._kept_bytes > 803 * 100
