"""What happens to a message that its broker does not take back."""

from types import SimpleNamespace

import pytest
from kombu import Connection
from kombu.transport import virtual

from aerq.tasks.worker import deliveries


@pytest.fixture
def let_go(monkeypatch):
    found = []
    monkeypatch.setattr(deliveries, "let_go", lambda _, tag: found.append(tag))
    return found


def failing(error):
    def give(delivery_tag, **options):
        raise error

    return give


def test_a_closed_connection_is_an_error_of_connections(let_go):
    """kombu's Redis channel stumbles over what it has closed; a worker ends on that and survives lost connections."""
    stumble = AttributeError("'NoneType' object has no attribute 'hostname'")
    with pytest.raises(Connection("redis://").connection_errors):
        deliveries._return(SimpleNamespace(), failing(stumble), "tag")
    assert let_go == ["tag"]


def test_other_errors_stay_what_they_are(let_go):
    with pytest.raises(ValueError, match="other"):
        deliveries._return(SimpleNamespace(), failing(ValueError("other")), "tag", requeue=True)
    assert let_go == ["tag"]


def test_what_is_let_go_of_counts_no_longer():
    channel = SimpleNamespace(qos=None, do_restore=False)
    qos = virtual.QoS(channel, prefetch_count=1)
    qos._delivered["tag"] = object()
    assert not qos.can_consume()
    deliveries.let_go(qos, "tag")
    assert qos.can_consume()


def test_a_channel_closes_though_its_connection_is_gone():
    def restore(stderr=None):
        raise AttributeError("'NoneType' object has no attribute 'hostname'")

    qos = SimpleNamespace(_delivered={"tag": object()})
    deliveries._restore(qos, restore, stderr=None)
    assert qos._delivered == {}, "kombu takes what is left for an error when it closes again"
