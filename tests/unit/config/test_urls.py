import pytest

from aerq.config.urls import broker_url, has_password, masked, store_url, store_url_of_broker


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:geheim@host:6379/0", "redis://:***@host:6379/0"),
        ("amqp://user:geheim@host//", "amqp://user:***@host//"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://geheim@host", "redis://***@host"),
        ("redis://:ge/he@im@host/0", "redis://:***@host/0"),
        ("redis://u:ge#he?im@host/0", "redis://u:***@host/0"),
        ("redis://u/geheim:x@host/0", "redis://***@host/0"),
        ("redis://host/0?db=1&password=geheim&x=1", "redis://host/0?db=1&password=***&x=1"),
        ("unix://:geheim@/run/v.sock?db=1", "unix://:***@/run/v.sock?db=1"),
        ("amqp://u:geheim@a;amqp://u:geheim@b", "amqp://u:***@b"),
        ("user:geheim@host", "***"),
        ("host:6379", "host:6379"),
    ],
)
def test_masked(url, shown):
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("redis://localhost", "redis://localhost"),
        ("rediss://:p@h:6380/3?ssl_cert_reqs=required", "rediss://:p@h:6380/3?ssl_cert_reqs=required"),
        ("valkey://:p%40@h:1/", "redis://:p%40@h:1/"),
        ("VALKEYS://h", "rediss://h"),
        ("valkey+socket:///run/v.sock", "redis+socket:///run/v.sock"),
        ("redis+socket://:p@/run/v.sock?virtual_host=1", "redis+socket://:p@/run/v.sock?virtual_host=1"),
        ("amqp://guest:guest@[::1]:5672//", "amqp://guest:guest@[::1]:5672//"),
        ("amqps://h/vhost", "amqps://h/vhost"),
    ],
)
def test_brokers(url, inside):
    assert broker_url(url) == inside


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://h",
        "sentinel://h",
        "unix:///run/v.sock",
        "redis://",
        "redis://:pw@",
        "redis://h:0",
        "redis://h:99999",
        "redis://h:x",
        "redis://h/database",
        "redis://a/0;redis://b/0",
        "redis://:p/w@h",
        "redis://:p#w@h",
        "redis://[::1",
        "redis://h /0",
        "redis+socket://host/run/v.sock",
        "redis+socket://",
    ],
)
def test_refused_brokers(url):
    with pytest.raises(ValueError, match=r"must|valid|names") as caught:
        broker_url(url)
    assert not url or url not in str(caught.value)


def test_stores():
    assert store_url("unix:///run/v.sock?db=1") == "unix:///run/v.sock?db=1"
    assert store_url("valkey+unix:///run/v.sock") == "unix:///run/v.sock"
    assert store_url("valkey://h/1") == "redis://h/1"
    for url in ("amqp://h", "redis+socket:///run/v.sock", "unix://"):
        with pytest.raises(ValueError, match="must"):
            store_url(url)


def test_store_of_broker():
    assert store_url_of_broker("rediss://:p@h/1") == "rediss://:p@h/1"
    assert store_url_of_broker("redis+socket://:p@/run/v.sock") == "unix://:p@/run/v.sock?db=0"
    assert store_url_of_broker("amqp://h") is None


@pytest.mark.parametrize(
    ("url", "has"),
    [
        ("redis://:word@host/0", True),
        ("redis://user:word@host/0", True),
        ("redis://host/0?password=word", True),
        ("redis://user@host/0", False),
        ("redis://:@host/0", False),
        ("redis://host/0", False),
        (None, False),
    ],
)
def test_a_url_has_a_password_or_none(url, has):
    assert has_password(url) is has
