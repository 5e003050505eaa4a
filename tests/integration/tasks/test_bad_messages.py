"""Messages and payloads that are not what they should be: each ends as ERROR with one sentence, none stops a worker."""

import base64
import hashlib
import json

import pytest
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus

from aerq.config import LocalCluster
from aerq.config.queues import RUN_EXPERIMENTS
from aerq.jobs import AerqProvider, AerqSimulator, JobError
from aerq.tasks.message import Message
from aerq.tasks.records import keys
from aerq.tasks.records.job import JobRecord
from aerq.tasks.wire.envelope import Kind, seal

TIMEOUT = 60


def bell():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def bomb():
    data = seal(Kind.CIRCUITS, b"\0" * 300_000_000, limit=10**9).data
    return hashlib.sha256(data).hexdigest(), data


@pytest.fixture
def parts(cluster):
    """A job that is sent by hand: what its record and its message are made of."""
    backend = AerqSimulator(settings=cluster.settings)
    job = backend.run(bell(), shots=10)
    job.result(timeout=TIMEOUT)
    executor = backend.celery_executor
    return executor, executor.records.record(job.job_id()).messages[0]


def send(executor, name, kwargs, payloads=None):
    record_message = Message(**{**kwargs_of(kwargs), "job": name, "index": 0})
    record = JobRecord(name, "aer_simulator", "", ("c",), (0,), (), (record_message,), "aer", False, "0")
    executor.records.create(record, payloads or {})
    executor.app.send_task(RUN_EXPERIMENTS, kwargs=kwargs, task_id=f"{name}.0", queue=executor.settings.queue)
    return AerqProvider(executor.settings).job(name)


def kwargs_of(kwargs):
    template = {"circuits": "c" * 64, "options": "o" * 64, "noise": None, "binds": None}
    numbers = {"first": 0, "count": 1, "offset": 0, "shots": 1, "seed": 0}
    return {**template, **numbers}


def changed(message, name, **changes):
    return {**message.to_kwargs(), "job": name, "index": 0, **changes}


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("unknown-version", {"version": 99}, "version 99"),
        ("wrong-type", {"shots": "many"}, "'shots'"),
        ("payload-gone", {"circuits": "e" * 64}, "no longer in the store"),
    ],
)
def test_a_bad_message_ends_as_error(parts, name, changes, said):
    executor, message = parts
    job = send(executor, name, changed(message, name, **changes))
    with pytest.raises(JobError, match=said):
        job.result(timeout=TIMEOUT)
    assert job.status() is JobStatus.ERROR


def test_a_truncated_message_ends_as_error(parts):
    executor, message = parts
    kwargs = changed(message, "truncated")
    del kwargs["options"]
    with pytest.raises(JobError, match="missing or unknown fields"):
        send(executor, "truncated", kwargs).result(timeout=TIMEOUT)


def test_a_payload_that_was_changed_is_not_read(parts):
    executor, message = parts
    data = bytearray(executor.records.payloads([message.circuits])[0])
    data[-1] ^= 1
    digest = "d" * 64
    executor.records.client.set(keys.payload(digest), bytes(data))
    with pytest.raises(JobError, match="does not match its digest"):
        send(executor, "changed", changed(message, "changed", circuits=digest)).result(timeout=TIMEOUT)


def test_a_payload_that_decompresses_beyond_its_limit_is_not_read(parts):
    executor, message = parts
    digest, data = bomb()
    executor.records.client.set(keys.payload(digest), data)
    with pytest.raises(JobError, match="the limit is"):
        send(executor, "bomb", changed(message, "bomb", circuits=digest)).result(timeout=TIMEOUT)


def test_garbage_under_the_right_digest_is_not_run(parts):
    executor, message = parts
    sealed = seal(Kind.CIRCUITS, b"not circuits at all", limit=1000)
    executor.records.client.set(keys.payload(sealed.digest), sealed.data)
    job = send(executor, "garbage", changed(message, "garbage", circuits=sealed.digest))
    with pytest.raises(JobError):
        job.result(timeout=TIMEOUT)


def test_the_worker_still_works_and_the_same_message_twice_gives_one_result(parts):
    executor, _ = parts
    backend = AerqSimulator(settings=executor.settings)
    job = backend.run(bell(), shots=10, seed_simulator=1)
    again = executor.records.record(job.job_id()).messages[0]
    for _ in range(9):
        executor.app.send_task(
            RUN_EXPERIMENTS, kwargs=again.to_kwargs(), task_id=again.task_id, queue=executor.settings.queue
        )
    counts = job.result(timeout=TIMEOUT).get_counts()
    assert backend.run(bell(), shots=10, seed_simulator=1).result(timeout=TIMEOUT).get_counts() == counts
    assert executor.records.counts([job.job_id()])[0].done == 1
    assert len(executor.records.completions(job.job_id(), "0", None)[1]) == 1


def spoiled(raw):
    """Texts that are no message, or messages that nobody can run, made of a real one."""

    def changed(**parts):
        return json.dumps({**raw, **parts})

    def with_headers(**headers):
        return changed(headers={**raw["headers"], **headers})

    def body(data):
        return base64.b64encode(data).decode()

    whole = base64.b64decode(raw["body"])
    without_id = {name: value for name, value in raw["headers"].items() if name != "id"}
    return {
        "no-json": "not json",
        "no-text": b"\xff\xfe\x00",
        "cut-envelope": json.dumps(raw)[:300],
        "nothing": "{}",
        "a-list": "[1, 2]",
        "no-headers": changed(headers=None),
        "empty-headers": changed(headers={}),
        "no-properties": changed(properties=None),
        "no-tag": changed(properties={**raw["properties"], "delivery_tag": 7}),
        "no-base64": changed(body="%%%"),
        "no-body": changed(body=None),
        "cut-body": changed(body=body(whole[:40])),
        "body-of-a-kind": changed(body=body(b"[[], [1], {}]")),
        "body-too-short": changed(body=body(b"[]")),
        "pickle": changed(**{"content-type": "application/x-python-serialize", "body": body(b"\x80\x04.")}),
        "unknown-coding": changed(**{"content-encoding": "no-such-coding"}),
        "unknown-task": with_headers(task="aerq.future"),
        "time-limit": with_headers(timelimit="soon"),
        "start-at": with_headers(eta="never"),
        "no-id": changed(headers=without_id),
        "stamps": with_headers(stamped_headers=7),
    }


def test_what_is_no_message_ends_no_worker():
    with LocalCluster(workers=1) as own:
        backend = AerqSimulator(settings=own.settings)
        aside = AerqSimulator(settings=own.settings.evolve(queue="aside"))
        aside.run(bell(), shots=10)
        client = backend.celery_executor.records.client
        raw = json.loads(client.lindex("aside", 0))
        for name, text in spoiled(raw).items():
            client.lpush(own.settings.queue, text)
            assert backend.run(bell(), shots=10).result(timeout=TIMEOUT).success, name
            assert own.is_running(), name
        log = own.log_path.read_text()
    assert log.count("dropped what is no message") >= 9
