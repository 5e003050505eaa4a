"""Points in time as people type them."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any

import click

_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


if TYPE_CHECKING:
    _ParamType = click.ParamType[datetime.datetime]
else:  # older versions of click have no type arguments
    _ParamType = click.ParamType


class TimeType(_ParamType):
    """A date, a date with a time, `today`, or an age such as `12h`; without a zone it is this machine's."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.datetime:
        """The point in time, with its zone."""
        if isinstance(value, datetime.datetime):
            return value
        now = datetime.datetime.now().astimezone()
        try:
            if value == "today":
                return now.replace(hour=0, minute=0, second=0, microsecond=0)
            if age := _AGE.fullmatch(value):
                return now - datetime.timedelta(**{_UNITS[age[2]]: float(age[1])})
            return datetime.datetime.fromisoformat(value).astimezone()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time such as 2026-11-21, 2026-11-21T18:30, today, 12h or 7d", param, ctx)


TIME = TimeType()
