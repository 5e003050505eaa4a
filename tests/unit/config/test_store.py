import pytest
import redis

from aerq.config.errors import UnavailableError
from aerq.config.settings import Settings
from aerq.config.store import store_errors


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), "refuses (MISCONF)"),
        (
            redis.ResponseError("Command # 1 (SET secret 5) of pipeline caused error: MISCONF Errors writing"),
            "refuses (MISCONF)",
        ),
        (redis.ResponseError("BUSY Valkey is busy running a script"), "refuses (BUSY)"),
        (redis.ResponseError("secret is not a number"), "refuses (ResponseError)"),
        (redis.exceptions.NoPermissionError("this user has no permissions"), "refuses (NoPermissionError)"),
        (redis.OutOfMemoryError("command not allowed"), "is full"),
        (redis.BusyLoadingError("loading"), "does not answer"),
    ],
)
def test_an_error_says_what_the_server_says_and_not_what_was_sent(error, said):
    with pytest.raises(UnavailableError) as raised, store_errors(Settings(broker_url="redis://:word@host/0")):
        raise error
    assert said in str(raised.value)
    assert "word@" not in str(raised.value)
    assert "secret" not in str(raised.value)
