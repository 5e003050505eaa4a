"""Times as people type them."""

import datetime

import click
import pytest

from aerq.jobs.cli.times import TIME


def convert(text):
    return TIME.convert(text, None, None)


@pytest.mark.parametrize(
    ("age", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43200), ("1.5d", 129600), ("2w", 1209600)]
)
def test_an_age_is_that_long_ago(age, seconds):
    now = datetime.datetime.now().astimezone()
    assert abs((now - convert(age)).total_seconds() - seconds) < 60


def test_a_date_is_on_this_machines_clock():
    assert convert("2026-11-21") == datetime.datetime(2026, 11, 21).astimezone()
    assert convert("2026-11-21T18:30") == datetime.datetime(2026, 11, 21, 18, 30).astimezone()
    assert convert("2026-11-21T18:30:00+02:00").timestamp() == convert("2026-11-21T16:30:00Z").timestamp()
    assert convert("today").time() == datetime.time(0)
    assert convert("today").tzinfo is not None


@pytest.mark.parametrize("text", ["tomorrow", "12", "5y", "-3h", "2026-13-01", "9" * 20 + "w", ""])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(click.BadParameter, match="is not a time such as"):
        convert(text)
