import os
import signal
import subprocess
import sys

import psutil
import pytest

from aerq.config.local.processes import has_ended, signal_group

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")

# a parent that starts a child, prints its pid and waits; the child says when it is prepared
FAMILY = """
import os, signal, sys
from aerq.config.local.processes import die_with_parent
parent = os.getpid()
child = os.fork()
if child == 0:
    reason = die_with_parent(signal.SIGKILL, parent)
    print(os.getpid(), reason, flush=True)
signal.pause()
"""

ORPHAN = """
import os, signal, sys
from aerq.config.local.processes import die_with_parent
die_with_parent(signal.SIGKILL, parent=int(sys.argv[1]))
print("alive", flush=True)
"""


@linux_only
def test_a_child_is_killed_with_its_parent():
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True) as parent:
        pid, reason = parent.stdout.readline().split()
        child = psutil.Process(int(pid))
        assert reason == "None"
        assert child.ppid() == parent.pid
        parent.kill()
        _, alive = psutil.wait_procs([child], timeout=5)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@linux_only
def test_a_parent_that_ended_before_is_noticed():
    # this process is the parent, and the child is told that another was
    other = subprocess.run([sys.executable, "-c", ORPHAN, "1"], capture_output=True, text=True)
    assert (other.returncode, other.stdout) == (-signal.SIGKILL, "")
    mine = subprocess.run([sys.executable, "-c", ORPHAN, str(os.getpid())], capture_output=True, text=True)
    assert (mine.returncode, mine.stdout) == (0, "alive\n")


def test_other_platforms_say_why_not(monkeypatch):
    from aerq.config.local import processes

    monkeypatch.setattr(sys, "platform", "darwin")
    assert "only Linux" in processes.die_with_parent()
    assert "only Linux" in processes.adopt_orphans()


def test_has_ended_does_not_reap():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not has_ended(child.pid)
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert has_ended(child.pid)
    assert has_ended(child.pid)
    assert child.wait() == 1


def test_signal_group_reaches_grandchildren_and_forgives_absence():
    code = """
import os, signal
child = os.fork()
if child:
    print(child, flush=True)
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, process_group=0) as leader:
        grandchild = psutil.Process(int(leader.stdout.readline()))
        signal_group(leader.pid, signal.SIGKILL)
        assert leader.wait() == -signal.SIGKILL
        _, alive = psutil.wait_procs([grandchild], timeout=5)
        assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    signal_group(leader.pid, signal.SIGKILL)


def test_a_forked_child_does_not_keep_a_pipe_open():
    code = """
import os, sys, time
from aerq.config.local.processes import close_in_forked_children
reading, writing = os.pipe()
end = os.fdopen(writing, "wb", buffering=0)
close_in_forked_children(end)
wait, go = os.pipe()
if os.fork() == 0:
    os.close(go)
    os.read(wait, 1)  # lives longer than its parent's end of the pipe
    os._exit(0)
end.close()
os.set_blocking(reading, True)
print(os.read(reading, 1) == b"")  # would block if the child held it
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.stderr) == ("True\n", "")
