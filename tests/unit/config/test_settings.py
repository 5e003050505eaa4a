import logging
import os
import pickle
import subprocess
import sys

import pytest

from aerq.config.errors import SettingsError
from aerq.config.settings import Settings, variable

SECRET = "geheim"
URL = f"redis://:{SECRET}@localhost:6379/0"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in os.environ:
        if name.upper().startswith("AERQ_"):
            monkeypatch.delenv(name)


def test_defaults_are_the_documented_ones():
    assert Settings().model_dump() == {
        "broker_url": None,
        "store_url": None,
        "queue": "aerq",
        "connect_timeout_seconds": 5.0,
        "result_ttl_seconds": 604800,
        "max_payload_mb": 256,
        "max_result_mb": 4096,
        "result_part_mb": 16,
        "max_attempts": 3,
        "default_time_limit_seconds": None,
        "max_time_limit_seconds": None,
        "slot_memory_mb": None,
        "threads_per_slot": None,
        "allocator": "mimalloc",
        "heartbeat_seconds": 5.0,
        "drain_seconds": 20.0,
        "visibility_timeout_seconds": 86400,
        "message_seconds": 0.25,
        "long_task_seconds": None,
        "flower_port": 5555,
        "log_level": "INFO",
    }


def test_argument_wins_over_environment_wins_over_default(monkeypatch):
    monkeypatch.setenv("AERQ_QUEUE", "from-environment")
    monkeypatch.setenv("AERQ_MAX_ATTEMPTS", "7")
    settings = Settings(queue="from-argument")
    assert (settings.queue, settings.max_attempts, settings.flower_port) == ("from-argument", 7, 5555)
    assert Settings.from_environment().queue == "from-environment"


def test_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("AERQ_BROKER_URL", "")
    assert Settings().broker_url is None


@pytest.mark.parametrize(
    ("name", "meant"), [("AERQ_BROKER_ULR", "AERQ_BROKER_URL"), ("aerq_maxattempts", "AERQ_MAX_ATTEMPTS")]
)
def test_unknown_variable_is_refused_with_the_nearest(monkeypatch, name, meant):
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(SettingsError, match=f"{name} is not a setting; did you mean {meant}") as caught:
        Settings()
    assert SECRET not in str(caught.value)


def test_no_variable_is_suggested_that_only_begins_alike(monkeypatch):
    monkeypatch.setenv("AERQ_X", "1")
    with pytest.raises(SettingsError, match=r"AERQ_X is not a setting$"):
        Settings()


def test_variable_of_clicks_completion_is_not_ours(monkeypatch):
    monkeypatch.setenv("_AERQ_COMPLETE", "bash_source")
    assert Settings().queue == "aerq"


def test_unknown_argument_is_refused_with_the_nearest():
    with pytest.raises(SettingsError, match=r"^broker_ulr is not a setting; did you mean broker_url\?$"):
        Settings(broker_ulr=URL)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"broker_url": f"http://:{SECRET}@h"},
            r"broker_url \(AERQ_BROKER_URL\) must be a URL",
        ),
        ({"broker_url": f"redis://:{SECRET}@h:port"}, "its port must be a number"),
        ({"broker_url": 5}, "should be a valid string"),
        ({"store_url": f"amqp://u:{SECRET}@h"}, r"store_url \(AERQ_STORE_URL\) must be a URL"),
        ({"max_attempts": 0}, r"max_attempts \(AERQ_MAX_ATTEMPTS\) should be greater than 0"),
        ({"max_attempts": "many"}, "should be a valid integer"),
        ({"heartbeat_seconds": float("nan")}, "finite"),
        ({"flower_port": 70000}, "65535"),
        ({"queue": "a b"}, "pattern"),
        ({"log_level": "LOUD"}, "'DEBUG'"),
        (
            {"default_time_limit_seconds": 9, "max_time_limit_seconds": 8},
            "^default_time_limit_seconds is longer",
        ),
        ({"visibility_timeout_seconds": 5}, "^visibility_timeout_seconds must be longer"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_without_the_value(values, text):
    with pytest.raises(SettingsError, match=text) as caught:
        Settings(**values)
    message = str(caught.value)
    assert SECRET not in message
    assert "\n" not in message
    assert "pydantic" not in message
    assert caught.value.__suppress_context__


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(SettingsError, match=r"result_ttl_seconds.*; .*max_payload_mb"):
        Settings(result_ttl_seconds=0, max_payload_mb=0)


def test_passwords_show_nowhere_but_in_the_attribute(caplog):
    settings = Settings(broker_url=URL)
    assert settings.broker_url == URL
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r", settings, settings)
    shown = [repr(settings), str(settings), f"{settings}", caplog.text, repr([settings])]
    assert all("redis://:***@localhost:6379/0" in text and SECRET not in text for text in shown)


def test_frozen_and_the_refusal_shows_no_value():
    settings = Settings()
    with pytest.raises(SettingsError, match="frozen") as caught:
        settings.broker_url = URL
    assert SECRET not in str(caught.value)
    assert settings.broker_url is None


def test_redis_broker_is_the_store_unless_one_is_named():
    assert Settings(broker_url=URL).store_url == URL
    assert Settings(broker_url=URL, store_url="redis://other").store_url == "redis://other"
    assert Settings(broker_url="redis+socket:///run/v.sock?virtual_host=2").store_url == "unix:///run/v.sock?db=2"


def test_rabbitmq_is_no_store():
    settings = Settings(broker_url="amqp://guest:guest@localhost//")
    assert settings.store_url is None
    assert settings.require_broker_url() == "amqp://guest:guest@localhost//"
    with pytest.raises(SettingsError, match="RabbitMQ cannot be one; set AERQ_STORE_URL"):
        settings.require_store_url()


def test_missing_servers_are_named_when_used():
    with pytest.raises(SettingsError, match="AERQ_BROKER_URL"):
        Settings().require_broker_url()
    with pytest.raises(SettingsError, match="AERQ_STORE_URL"):
        Settings().require_store_url()
    assert Settings(broker_url=URL).require_store_url() == URL


def test_evolve_checks_and_derives_again():
    settings = Settings(broker_url=URL, queue="mine")
    other = settings.evolve(broker_url="redis://other")
    assert (other.broker_url, other.store_url, other.queue) == ("redis://other", "redis://other", "mine")
    assert settings.broker_url == URL
    kept = Settings(broker_url=URL, store_url="redis://store").evolve(broker_url="redis://other")
    assert kept.store_url == "redis://store"
    with pytest.raises(SettingsError, match="max_attempts"):
        settings.evolve(max_attempts=0)


def test_to_environment_gives_a_child_exactly_these_settings():
    settings = Settings(broker_url=URL, max_time_limit_seconds=12.5, log_level="debug")
    # a variable that the parent has and these settings do not must not reach the child
    environment = {**os.environ, "AERQ_SLOT_MEMORY_MB": "5", **settings.to_environment()}
    code = "from aerq.config.settings import Settings; print(Settings().model_dump_json())"
    child = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert child.stdout.strip() == settings.model_dump_json()


def test_none_is_allowed_only_where_it_is_the_default():
    for name, field in Settings.model_fields.items():
        if "None" in str(field.annotation):
            assert field.default is None, name


def test_every_field_is_described_and_has_a_variable():
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert variable(name) in Settings().to_environment()


def test_pickle_for_child_processes_of_users():
    settings = Settings(broker_url=URL)
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_importing_settings_imports_no_celery():
    code = "import sys, aerq.config.settings; sys.exit(bool({'celery', 'redis'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("settings", "seconds", "queue"),
    [
        ({}, 0.0, "aerq"),
        ({}, 60.0, "aerq"),
        ({}, 60.1, "aerq.long"),
        ({"broker_url": "redis://host"}, 1e300, "aerq.long"),
        ({"long_task_seconds": 5, "queue": "mine"}, 5.1, "mine.long"),
        ({"long_task_seconds": 0}, 1e300, "aerq"),
        ({"broker_url": "amqp://host", "store_url": "redis://host"}, 1e300, "aerq"),
        ({"broker_url": "amqp://host", "store_url": "redis://host", "long_task_seconds": 60}, 61.0, "aerq.long"),
    ],
)
def test_long_tasks_have_a_queue_of_their_own(settings, seconds, queue):
    found = Settings(**settings)
    assert found.queue_of(seconds) == queue
    assert queue in found.queues_in_use
    # Workers read both whatever they are told: a client may be told otherwise.
    assert found.queues == (found.queue, f"{found.queue}.long")


def test_a_queue_with_the_name_of_another_one_s_long_tasks_is_refused():
    with pytest.raises(SettingsError, match=r"must not end in '\.long'"):
        Settings(queue="aerq.long")


@pytest.mark.parametrize(("long", "seconds"), [(None, 60.0), (0, 90.0), (7, 7.0), (100, 90.0)])
def test_several_short_tasks_make_no_long_message(long, seconds):
    found = Settings(broker_url="redis://h/0", message_seconds=90, long_task_seconds=long)
    assert found.shared_message_seconds == seconds
