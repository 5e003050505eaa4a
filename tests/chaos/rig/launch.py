"""Runs a command that dies with the tests: `python -m rig.launch PARENT COMMAND...`."""

import os
import sys

from aerq.config.local.processes import die_with_parent

if __name__ == "__main__":
    die_with_parent(parent=int(sys.argv[1]))  # outlives the exec
    os.execv(sys.argv[2], sys.argv[2:])
