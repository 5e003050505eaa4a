"""What Flower shows of our tasks."""

from __future__ import annotations

#: Columns of Flower's list of tasks. `kwargs` is what the task says of itself (circuit, qubits, shots, job), never
#: its real arguments; `args` and `result` would only take space from it.
TASK_COLUMNS = "name,uuid,state,kwargs,received,started,runtime,worker"


def flower_options(address: str, port: int) -> list[str]:
    """The options after `celery -A aerq.tasks flower`. The login stays in the environment (FLOWER_BASIC_AUTH)."""
    return [f"--address={address}", f"--port={port}", f"--tasks_columns={TASK_COLUMNS}"]
