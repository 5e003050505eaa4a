"""Celery's command line with a wrong clock: `python -m rig.clock SECONDS ARGUMENTS...`.

Everything in Python asks `time.time` or takes it over when it is imported, so it is shifted before anything else is.
"""

import sys
import time


def main(shift, arguments):
    right = time.time
    time.time = lambda: right() + shift
    sys.argv = ["celery", *arguments]
    from celery.__main__ import main as celery

    celery()


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
