"""The Celery application: where it connects, and what it refuses."""

import ssl

import pytest

from aerq.config import Settings, SettingsError
from aerq.config.celery import configuration, create_app

SETTINGS = Settings(broker_url="redis://:hidden@127.0.0.1:1/0", queue="mine")


def test_the_application_is_what_the_settings_say():
    app = create_app(SETTINGS)
    assert app.conf.broker_url == SETTINGS.broker_url
    assert app.conf.task_default_queue == "mine"
    assert [queue.name for queue in app.conf.task_queues] == ["mine", "mine.long"]
    assert app.conf.accept_content == ["json"]
    assert app.conf.result_backend == "aerq.tasks.backend:RecordBackend"


def test_each_queue_has_a_routing_key_of_its_own():
    queues = create_app(SETTINGS).amqp.queues
    assert {name: (queue.exchange.name, queue.routing_key) for name, queue in queues.items()} == {
        "mine": ("mine", "mine"),
        "mine.long": ("mine", "mine.long"),
    }


@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CELERY_BROKER_WRITE_URL"])
def test_a_variable_that_would_overrule_the_broker_is_refused(monkeypatch, name):
    monkeypatch.setenv(name, "redis://elsewhere")
    with pytest.raises(SettingsError, match=f"{name} overrules"):
        create_app(SETTINGS)


def test_no_broker_is_a_sentence():
    with pytest.raises(SettingsError, match="no broker is set"):
        create_app(Settings())


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("redis://host/0", None),
        ("rediss://host/0", {"ssl_cert_reqs": ssl.CERT_REQUIRED}),
        ("rediss://host/0?ssl_cert_reqs=none", None),
        ("amqp://host//", None),
        ("amqps://host//", {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}),
    ],
)
def test_certificates_are_checked_with_the_name_of_their_host(url, options):
    app = create_app(Settings(broker_url=url, store_url="redis://host/0"))
    assert (app.conf.broker_use_ssl or None) == options


class TestRabbitMQ:
    SETTINGS = Settings(broker_url="amqp://guest:guest@localhost//", store_url="redis://localhost/0")

    def test_has_a_quorum_queue_that_waits_for_long_experiments(self):
        for queue in configuration(self.SETTINGS)["task_queues"]:
            assert queue.queue_arguments["x-queue-type"] == "quorum"
            assert queue.queue_arguments["x-consumer-timeout"] > 7 * 24 * 3600 * 1000

    def test_is_not_told_what_redis_is_told(self):
        assert configuration(self.SETTINGS)["broker_transport_options"] == {}
        redis = configuration(Settings(broker_url="redis://localhost/0"))
        assert redis["broker_transport_options"]["visibility_timeout"] == 86400
        assert redis["task_queues"][0].queue_arguments is None
