"""Each slot's share of cores and memory."""

import pytest

from aerq.config.settings import Settings
from aerq.tasks.worker import limits


@pytest.fixture
def machine(monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "usable_cores", lambda: 8)
    for name in ("_CGROUP_V2", "_CGROUP_V1"):
        monkeypatch.setattr(limits, name, tmp_path / name)
    return tmp_path


def test_slots_share_cores_and_memory(machine):
    (machine / "_CGROUP_V2").write_text(f"{1000 * 2**20}\n")
    found = limits.kernel_limits(Settings(), 4)
    assert (found.threads, found.memory_mb) == (2, 200)


def test_more_slots_than_cores_have_a_thread_each(machine):
    assert limits.kernel_limits(Settings(), 20).threads == 1


def test_the_operator_has_the_last_word(machine):
    found = limits.kernel_limits(Settings(slot_memory_mb=77, threads_per_slot=3), 4)
    assert (found.threads, found.memory_mb) == (3, 77)


def test_a_group_without_a_limit_has_the_machine(machine):
    physical = limits.memory_mb()
    (machine / "_CGROUP_V2").write_text("max\n")
    assert limits.memory_mb() == physical > 100
    (machine / "_CGROUP_V1").write_text(f"{50 * 2**20}")
    assert limits.memory_mb() == 50
