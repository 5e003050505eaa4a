"""Each slot's share of cores and memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from aerq.config.settings import Settings
from aerq.tasks.kernel import KernelLimits
from aerq.tasks.worker import limits

MEBIBYTE = 2**20


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine of eight cores whose control groups are files of the test."""
    monkeypatch.setattr(limits, "_ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(limits, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(limits.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


def write(root, groups, **files):
    (root / "groups").write_text(groups)
    for place, text in files.items():
        path = root / "cgroup" / place.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


def test_slots_share_cores_and_memory(machine):
    write(machine, "0::/\n", memory_DOT_max=1000 * MEBIBYTE)
    found = limits.kernel_limits(Settings(), 4)
    assert (found.threads, found.memory_mb) == (2, 200)


def test_more_slots_than_cores_have_a_thread_each(machine):
    assert limits.kernel_limits(Settings(), 20).threads == 1


def test_the_operator_has_the_last_word(machine):
    found = limits.kernel_limits(Settings(slot_memory_mb=77, threads_per_slot=3), 4)
    assert (found.threads, found.memory_mb) == (3, 77)


def test_without_a_limit_there_is_the_machine(machine):
    physical = limits.memory_mb()
    assert physical > 100
    write(machine, "0::/a\n", memory_DOT_max="max", a__memory_DOT_max="max")
    assert limits.memory_mb() == physical
    write(machine, "4:memory:/a\n", **{"memory__a__memory_DOT_limit_in_bytes": 2**63 - 4096})
    assert limits.memory_mb() == physical


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/slice/mine\n", {"slice__mine__memory_DOT_max": 50 * MEBIBYTE, "slice__memory_DOT_max": "max"}),
        ("0::/slice/mine\n", {"slice__mine__memory_DOT_max": 60 * MEBIBYTE, "slice__memory_DOT_max": 50 * MEBIBYTE}),
        ("0::/slice/mine\n", {"slice__mine__memory_DOT_high": 50 * MEBIBYTE, "slice__mine__memory_DOT_max": "max"}),
        ("0::/host/path\n", {"memory_DOT_max": 50 * MEBIBYTE}),
        ("9:cpu:/\n4:memory:/job/step\n0::/\n", {"memory__job__step__memory_DOT_limit_in_bytes": 50 * MEBIBYTE}),
        ("4:memory:/job/step\n", {"memory__job__memory_DOT_limit_in_bytes": 50 * MEBIBYTE}),
        ("4:memory:/docker/0123\n", {"memory__memory_DOT_limit_in_bytes": 50 * MEBIBYTE}),
        ("0::/../../elsewhere\n", {"memory_DOT_max": 50 * MEBIBYTE}),
    ],
    ids=["own", "outer", "high", "container", "v1", "v1-outer", "v1-container", "outside"],
)
def test_the_smallest_limit_of_all_its_groups_holds(machine, groups, files):
    write(machine, groups, **files)
    assert limits.memory_mb() == 50


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        ("0::/pod\n", {"pod__cpu_DOT_max": "150000 100000"}, 2),
        ("0::/pod\n", {"pod__cpu_DOT_max": "max 100000"}, 8),
        ("0::/pod\n", {"pod__cpu_DOT_max": "10000 100000"}, 1),
        ("0::/pod\n", {"pod__cpu_DOT_max": "9900000 100000"}, 8),
        ("2:cpu,cpuacct:/p\n", {"cpu__p__cpu_DOT_cfs_quota_us": 300000, "cpu__p__cpu_DOT_cfs_period_us": 100000}, 3),
        ("2:cpu,cpuacct:/p\n", {"cpu__p__cpu_DOT_cfs_quota_us": -1, "cpu__p__cpu_DOT_cfs_period_us": 100000}, 8),
    ],
)
def test_a_share_of_time_counts_as_cores(machine, groups, files, cores):
    write(machine, groups, **files)
    assert limits.usable_cores() == cores


def test_a_slot_has_room_beside_its_kernel():
    assert limits.slot_room_mb(KernelLimits(1, 10)) > 500
    assert limits.slot_room_mb(KernelLimits(1, 80_000)) > 100_000


def test_a_confined_slot_fails_alone_and_is_the_first_to_go():
    script = """
from pathlib import Path
from aerq.tasks.kernel import KernelLimits
from aerq.tasks.worker.limits import confine_slot
before = int(Path("/proc/self/oom_score_adj").read_text())
assert confine_slot(KernelLimits(1, 100))
assert int(Path("/proc/self/oom_score_adj").read_text()) == min(1000, before + 500)
bytearray(300 * 2**20)
try:
    bytearray(2**30)
except MemoryError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "refused\n", done.stderr


def test_where_nothing_can_be_limited_a_slot_says_so(monkeypatch, tmp_path):
    for name in ("_STATUS", "_SCORE"):
        monkeypatch.setattr(limits, name, Path(tmp_path / "missing"))
    assert not limits.confine_slot(KernelLimits(1, 100))
