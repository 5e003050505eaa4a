"""What comes from RabbitMQ and is no message, or one that nobody can run: none stops a worker."""

import datetime
from decimal import Decimal

import pytest
from amqp import Message
from qiskit import QuantumCircuit

from aerq.jobs import AerqSimulator

TIMEOUT = 60
pytestmark = pytest.mark.xdist_group("messages")  # they share a worker
#: As often each is sent: if one of them kept a slot from others, none would be left.
TIMES = 3


def bell():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


@pytest.fixture(scope="module")
def genuine(settings, rabbitmq):
    """A message as a client sent it, to a queue that nobody reads: its body, headers and properties."""
    queue = f"{settings.queue}-aside"
    aside = AerqSimulator(settings=settings.evolve(queue=queue))
    aside.run(bell(), shots=10)
    with rabbitmq.client() as client:
        message = client.default_channel.basic_get(queue, no_ack=True)
    body = message.body.encode() if isinstance(message.body, str) else message.body
    headers = message.properties.pop("application_headers")
    yield body, headers, message.properties
    aside.celery_executor.shutdown()
    rabbitmq.delete(queue)


@pytest.fixture
def expect_no_harm(settings, rabbitmq, backend):
    """Puts messages into the workers' queue as they are, and looks whether both slots still take tasks."""

    def send(body, headers, properties):
        message = Message(body, application_headers=headers, **properties)
        with rabbitmq.client() as client:
            for _ in range(TIMES):
                client.default_channel.basic_publish(message, exchange="", routing_key=settings.queue)
        assert backend.run([bell()] * 4, shots=10).result(timeout=TIMEOUT).success

    return send


#: Bodies that are none, beside the headers and properties of a message.
BODIES = {
    "no-json": b"not json",
    "no-text": b"\xff\xfe\x00",
    "empty": b"",
    "cut": None,
    "of-another-kind": b"[[], [1], {}]",
    "an-object": b"{}",
    "a-number": b"7",
    "too-short": b"[]",
    "arguments-number": b"[7, {}, {}]",
    "keywords-number": b"[[], 7, {}]",
    "embed-number": b"[[], {}, 7]",
    "embed-list": b"[[], {}, [1]]",
    "callbacks-number": b'[[], {}, {"callbacks": 5, "errbacks": 5, "chain": 5, "chord": 5}]',
    "too-deep": b"[" * 100_000,
    "too-many": b"[" + b"0," * 500_000 + b"0]",
}

#: What other programs may have written into headers.
HEADERS = {
    "none": {},
    "task-list": {"task": ["aerq.run_experiments"]},
    "task-table": {"task": {"a": 1}},
    "task-bytes": {"task": b"\xff\xfe"},
    "task-number": {"task": 7},
    "task-empty": {"task": ""},
    "task-unknown": {"task": "aerq.future"},
    "id-table": {"id": {"a": 1}},
    "id-list": {"id": ["x"]},
    "id-number": {"id": 7},
    "id-none": {"id": None},
    "id-bytes": {"id": b"\xff"},
    "limit-text": {"timelimit": "soon"},
    "limit-table": {"timelimit": {"a": 1}},
    "limit-short": {"timelimit": [1]},
    "limit-texts": {"timelimit": ["a", "b"]},
    "limit-number": {"timelimit": 5},
    "limit-negative": {"timelimit": [-1, None]},
    "eta-text": {"eta": "never"},
    "eta-number": {"eta": 1e300},
    "eta-table": {"eta": {}},
    "expires-text": {"expires": "never"},
    "expires-list": {"expires": [1]},
    "expires-past": {"expires": "2001-01-01T00:00:00+00:00"},
    "retries-text": {"retries": "many"},
    "group-table": {"group": {"a": [1]}},
    "stamps": {"stamped_headers": 7, "stamps": "x"},
    "lang": {"lang": "klingon"},
    "shadow": {"shadow": {"a": 1}},
    "argsrepr": {"argsrepr": 7, "kwargsrepr": [1]},
    "compression": {"compression": "gzip"},
    "compression-unknown": {"compression": "no-such"},
    "compression-table": {"compression": {"a": 1}},
    "ignore-result": {"ignore_result": "perhaps"},
    "delivery-count": {"x-delivery-count": "often", "x-death": 7},
    "exotic": {"when": datetime.datetime(2026, 1, 1), "much": Decimal("1.5"), "raw": b"\xff", "deep": {"a": [{}]}},
}

PROPERTIES = {
    "no-content-type": {"content_type": None},
    "pickle": {"content_type": "application/x-python-serialize"},
    "unknown-type": {"content_type": "image/png"},
    "no-coding": {"content_encoding": None},
    "unknown-coding": {"content_encoding": "no-such-coding"},
    "binary": {"content_encoding": "binary"},
    "reply-to": {"reply_to": "nowhere", "correlation_id": "x" * 255},
    "expired": {"expiration": "0"},
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies(genuine, expect_no_harm, name):
    body, headers, properties = genuine
    expect_no_harm(body[:40] if BODIES[name] is None else BODIES[name], headers, properties)


@pytest.mark.parametrize("name", HEADERS)
def test_headers(genuine, expect_no_harm, name):
    body, headers, properties = genuine
    expect_no_harm(body, {**headers, **HEADERS[name]} if HEADERS[name] else {}, properties)


@pytest.mark.parametrize("name", PROPERTIES)
def test_properties(genuine, expect_no_harm, name):
    body, headers, properties = genuine
    kept = {key: value for key, value in {**properties, **PROPERTIES[name]}.items() if value is not None}
    expect_no_harm(body, headers, kept)
