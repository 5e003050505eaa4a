"""The application of the workers in these tests: that of `aerq.tasks`, with a kernel that keeps a diary.

The kernel is Aer's and everything around it is the worker's own. Circuits of certain names take their time, or do to
their process what a bug in a kernel would do.
"""

import ctypes
import os
import signal
import time

from aerq.config.settings import Settings
from aerq.tasks import celery as aerq_celery
from aerq.tasks import message
from aerq.tasks.kernel import AerKernel

from .diary import Diary
from .spans import SPANS

#: After this much the kernel of the operating system ends a process that allocates without end.
MEMORY_MB = 512


class WatchedKernel(AerKernel):
    """Writes down each run before and after it."""

    def run(self, qobj, job_id=None):
        diary = Diary(os.environ["CHAOS_DIARY"])
        name = qobj.experiments[0].circuit.name
        place = (qobj.qobj_id, qobj.header.first_experiment, qobj.header.shot_offset)
        diary.write("begin", *place, name)
        FATES.get(name.partition("-")[0], lambda: None)()
        output = super().run(qobj, job_id)
        diary.write("end", *place, name)
        return output


def allocate():
    """Takes memory until the machine has no more, and is killed for it as by the OOM killer."""
    hoard = []
    while len(hoard) < MEMORY_MB // 16:
        hoard.append(b"\1" * (16 * 1024 * 1024))
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)


FATES = {
    "held": lambda: time.sleep(SPANS.held_seconds),
    "abort": os.abort,
    "segfault": lambda: ctypes.string_at(0),
    "allocate": allocate,
}

message.MESSAGE_VERSION += int(os.environ["CHAOS_VERSION"])
aerq_celery.AerKernel = WatchedKernel
app = aerq_celery.worker_app(Settings.from_environment())
