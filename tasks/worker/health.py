"""The health check of a worker's container: `python -m aerq.tasks.worker.health [NAME]`.

Exit code 0 if the worker of this host has lately said that it is alive. It only reads the store, so it can run
often; `celery inspect ping` would load Aer each time.
"""

from __future__ import annotations

import socket
import sys

from ...config.errors import AerqError
from ...config.settings import Settings
from ..records.store import Records
from ..records.workers import live_workers


def main() -> int:
    """Looks for the worker and says what it found; returns the exit code."""
    name = sys.argv[1] if len(sys.argv) > 1 else f"aerq@{socket.gethostname()}"
    try:
        settings = Settings.from_environment()
        records = Records(settings)
        try:
            alive = {worker.name for worker in live_workers(records, settings)}
        finally:
            records.close()
    except AerqError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{name} is {'alive' if name in alive else 'not there'}\n")
    return 0 if name in alive else 1


if __name__ == "__main__":
    raise SystemExit(main())
