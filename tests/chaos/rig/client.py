"""A client that submits one job after the other until it is killed: `python -m rig.client SEED MARKER`."""

import sys
from pathlib import Path

from aerq.config import Settings
from aerq.jobs import AerqSimulator

from .load import background


def main(seed, marker):
    backend = AerqSimulator(settings=Settings.from_environment())
    part = next(part for part in background(int(seed)) if part.kind == "noisy")
    circuits = part.circuits()
    Path(marker).touch()
    while True:
        backend.run(circuits, **part.run_options(), **part.options_of_ours())


if __name__ == "__main__":
    main(*sys.argv[1:])
