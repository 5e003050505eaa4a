"""The typed settings, from arguments and `AERQ_*` environment variables. Importing this imports no Celery."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import SettingsError
from .urls import broker_url, is_rabbitmq, masked, store_url, store_url_of_broker

__all__ = ["Settings", "masked", "variable"]

#: Every field is also read from the environment under this prefix and its name in capitals.
ENV_PREFIX = "AERQ_"

#: What the name of the queue of long tasks has behind that of the others.
LONG_QUEUE = ".long"
#: Estimated seconds from which a task is long, where the broker lets a worker read two queues fairly.
_LONG_TASK_SECONDS = 60.0

BrokerUrl = Annotated[str, AfterValidator(broker_url)]
StoreUrl = Annotated[str, AfterValidator(store_url)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(gt=0)]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


class Settings(BaseSettings):
    """What both sides, producers and workers, must know; frozen.

    An argument wins over the environment variable, which wins over the default. An empty variable counts as
    not set. Unknown arguments and unknown `AERQ_*` variables are refused.

    The URLs are plain strings, passwords included, because they are passed on to clients; `repr`, `str` and
    errors mask them. A field may only allow None if None is its default (`to_environment` relies on it).

    Raises:
        SettingsError: if a setting is unknown or cannot be used.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    broker_url: BrokerUrl | None = Field(
        default=None,
        description="Server that carries the messages: redis, valkey, amqp; rediss, redis+socket, amqps.",
    )
    store_url: StoreUrl | None = Field(
        default=None,
        description="Server that keeps state and results: redis, rediss, valkey, unix; not set: the broker.",
    )
    queue: str = Field(default="aerq", pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Name of the queue of tasks.")
    connect_timeout_seconds: Seconds = Field(default=5.0, description="How long to wait for a connection.")
    result_ttl_seconds: PositiveInt = Field(default=604800, description="How long jobs and results are kept.")
    max_payload_mb: PositiveInt = Field(default=256, description="Largest payload in MiB, before compression.")
    max_result_mb: PositiveInt = Field(default=4096, description="Largest result of one task, in MiB.")
    result_part_mb: PositiveInt = Field(default=16, description="Results are stored in parts of this many MiB.")
    max_attempts: PositiveInt = Field(default=3, description="How often a task is started before it has failed.")
    default_time_limit_seconds: Seconds | None = Field(
        default=None, description="Time limit of a task whose job names none; not set: none."
    )
    max_time_limit_seconds: Seconds | None = Field(
        default=None,
        description="Longest time limit a job may ask for, and that of jobs that ask for none; not set: any.",
    )
    slot_memory_mb: PositiveInt | None = Field(
        default=None,
        description="Memory of one slot in MiB; not set: the worker's share of its memory limit.",
    )
    threads_per_slot: PositiveInt | None = Field(
        default=None, description="Threads of one slot's kernel; not set: the worker's share of its cores."
    )
    allocator: Literal["mimalloc", "system"] = Field(
        default="mimalloc",
        description="Where workers take memory from: mimalloc, which short circuits are faster with, or the system.",
    )
    heartbeat_seconds: Seconds = Field(default=5.0, description="How often a worker says that its tasks are alive.")
    drain_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=20.0,
        description="How long a worker that is told to stop lets its tasks run, before it gives them back.",
    )
    visibility_timeout_seconds: PositiveInt = Field(
        default=86400,
        description="After how long a Redis or Valkey broker gives out a message again of which it heard nothing.",
    )
    message_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.25,
        description="Short tasks share a message up to about this time; 0: each task has a message of its own.",
    )
    long_task_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Tasks estimated to last longer have a queue of their own; 0: none; not set: 60, none on RabbitMQ.",
    )
    flower_port: int = Field(default=5555, ge=1, le=65535, description="Port of the Flower web page.")
    log_level: LogLevel = Field(default="INFO", description="Level of the workers' logs.")

    if not TYPE_CHECKING:  # type checkers see the constructor that the fields make

        def __init__(self, **values: Any) -> None:
            """Reads, checks and freezes the settings; see the class."""
            _refuse_unknown_variables(os.environ, type(self).model_fields)
            try:
                super().__init__(**values)
            except ValidationError as error:
                # `from None`: pydantic's own text shows what was passed, and that may be a password
                raise SettingsError(_sentence(error, type(self).model_fields)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuses: settings are frozen."""
        raise SettingsError(f"settings are frozen; use settings.evolve({name}=...) to get changed ones")

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """What `repr`, `str` and rich show: all fields, with masked URLs."""
        for name, value in super().__repr_args__():
            yield name, masked(value) if name and name.endswith("_url") and value else value

    @model_validator(mode="after")
    def _check_together(self) -> Settings:
        if self.store_url is None and self.broker_url is not None:
            # past `frozen`, and not into model_fields_set: evolve() derives it anew for another broker
            self.__dict__["store_url"] = store_url_of_broker(self.broker_url)
        default, longest = self.default_time_limit_seconds, self.max_time_limit_seconds
        if default is not None and longest is not None and default > longest:
            raise ValueError("default_time_limit_seconds is longer than max_time_limit_seconds")
        if self.queue.endswith(LONG_QUEUE):
            raise ValueError(f"queue must not end in {LONG_QUEUE!r}: that is the long tasks' queue of another name")
        if self.visibility_timeout_seconds <= self.heartbeat_seconds:
            raise ValueError(
                "visibility_timeout_seconds must be longer than heartbeat_seconds, or running tasks are delivered again"
            )
        return self

    @property
    def queues(self) -> tuple[str, str]:
        """The queues that a worker reads: that of short tasks, and that of long ones."""
        return self.queue, self.queue + LONG_QUEUE

    def queue_of(self, seconds: float) -> str:
        """The queue of a message.

        Args:
            seconds: estimated time of the longest task that it carries on one thread; 0 if that cannot be told.
        """
        return self.queues[seconds > self._longest_of_short()]

    def _longest_of_short(self) -> float:
        longest = self.long_task_seconds
        if longest is None:
            # RabbitMQ gives a worker as many messages of each queue as it has slots, so that a short task could be
            # held by a worker that is busy for hours. Whoever sets the limit gives each queue its own workers.
            longest = 0.0 if is_rabbitmq(self.broker_url) else _LONG_TASK_SECONDS
        return longest or float("inf")

    @property
    def shared_message_seconds(self) -> float:
        """How much work one message may carry where it carries several tasks: so that short ones make no long one."""
        return min(self.message_seconds, self._longest_of_short())

    @property
    def queues_in_use(self) -> tuple[str, ...]:
        """The queues that get messages by these settings."""
        return self.queues if self._longest_of_short() < float("inf") else (self.queue,)

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of this process's environment."""
        return cls()

    def evolve(self, **changes: Any) -> Settings:
        """The same settings with some changed, checked again.

        Raises:
            SettingsError: if a change is unknown or cannot be used.
        """
        values = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**{**values, **changes})

    def require_broker_url(self) -> str:
        """The broker's URL.

        Raises:
            SettingsError: if there is none.
        """
        if self.broker_url is None:
            raise SettingsError("no broker is set; set AERQ_BROKER_URL or start one with `aerq up`")
        return self.broker_url

    def require_store_url(self) -> str:
        """The store's URL.

        Raises:
            SettingsError: if there is none.
        """
        if self.store_url is not None:
            return self.store_url
        if self.broker_url is not None:
            raise SettingsError(
                "no store is set and RabbitMQ cannot be one; set AERQ_STORE_URL to a Redis or Valkey server"
            )
        raise SettingsError("no store is set; set AERQ_STORE_URL or start one with `aerq up`")

    def to_environment(self) -> dict[str, str]:
        """These settings as the variables of a child process, passwords included.

        Every field is there, with an empty text for None, so that
        `{**os.environ, **settings.to_environment()}` gives a child exactly these settings.
        """
        values = self.model_dump(mode="json")
        return {variable(name): "" if value is None else str(value) for name, value in values.items()}


def variable(field: str) -> str:
    """The environment variable of a field."""
    return ENV_PREFIX + field.upper()


def _refuse_unknown_variables(environment: Iterable[str], fields: Iterable[str]) -> None:
    """Raises for a variable with our prefix that is no field; pydantic-settings would ignore it."""
    names = list(fields)
    known = {variable(field) for field in names}
    for name in sorted(environment):
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known:
            # without the prefix, which would make any short name near to any other
            near = _nearest(name.upper().removeprefix(ENV_PREFIX), [field.upper() for field in names], ENV_PREFIX)
            raise SettingsError(f"the environment variable {name} is not a setting{near}")


def _nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Names the known word that was probably meant, or says nothing."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def _sentence(error: ValidationError, fields: Iterable[str]) -> str:
    """One sentence on everything that pydantic found, with names and without values."""
    return "; ".join(
        _clause(".".join(str(part) for part in found["loc"]), found["type"], found["msg"], fields)
        for found in error.errors(include_url=False, include_input=False)
    )


def _clause(name: str, kind: str, message: str, fields: Iterable[str]) -> str:
    """What is wrong with one setting."""
    name = name.split(".")[0]
    if kind == "extra_forbidden":
        return f"{name} is not a setting{_nearest(name, fields)}"
    message = message.removeprefix("Value error, ").replace("Input should", "should").replace("String should", "should")
    if not name:  # from a check of several fields together, which names them itself
        return message
    return f"the setting {name} ({variable(name)}) {message}"
