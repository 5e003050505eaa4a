"""What is submitted is what a slot decodes, whichever tasks share payloads and messages, and whatever it kept."""

import random

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator

from aerq.config.settings import Settings
from aerq.jobs.options import RunOptions
from aerq.jobs.split import split_job
from aerq.jobs.submission import Submission, prepare_job
from aerq.tasks.bundles import bundles_of, from_kwargs, to_kwargs
from aerq.tasks.kernel import AerKernel
from aerq.tasks.publishing import shown
from aerq.tasks.wire import payload
from aerq.tasks.wire.payload import QobjDecoder

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
    job = prepared([turned("z", theta).assign_parameters([0.1 * n]) for n in range(9)], None, max_job_size=1)
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
