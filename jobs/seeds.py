"""The seed of each experiment, and the warning where Aer's own seeds give two experiments the same random numbers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..tasks.qobj import SEED_STRIDE
from .options import RunOptions
from .shots import ShotPlanner

logger = logging.getLogger(__name__)

_WORD = 1 << 64
#: Circuits that are looked at before a warning is given up; the circuits of a job are mostly alike.
_LOOKED_AT = 16


@dataclass(frozen=True)
class Seeds:
    """The seeds of a job's experiments.

    Attributes:
        base: the job's seed.
        own: for each experiment a seed of its own, or None for Aer's `base + 2113 * experiment`.
    """

    base: int
    own: tuple[int, ...] | None = None

    @classmethod
    def of(cls, options: RunOptions, experiments: int) -> Seeds:
        """The seeds for a number of experiments."""
        if not options.independent_streams:
            return cls(options.seed_simulator)
        # A SeedSequence takes no negative numbers; seeds stay positive so that shots can be added to them.
        sequence = np.random.SeedSequence(options.seed_simulator % _WORD)
        words = (child.generate_state(1, np.uint64)[0] for child in sequence.spawn(experiments))
        return cls(options.seed_simulator, tuple(int(word) >> 2 for word in words))

    def at(self, experiment: int, shot: int = 0) -> int:
        """The seed with which a kernel starts at a shot of an experiment."""
        if self.own is not None:
            return self.own[experiment] + shot
        # Aer counts in 64 bits with wrap-around, and takes a signed number.
        seed = (self.base + SEED_STRIDE * experiment + shot) % _WORD
        return seed - _WORD if seed >= _WORD // 2 else seed


def warn_of_shared_shots(options: RunOptions, counts: Sequence[int], planner: ShotPlanner) -> None:
    """Warns where shot *s* + 2113 of one experiment has the seed of shot *s* of the next.

    Args:
        options: the options of the run.
        counts: for each circuit the number of its experiments.
        planner: knows where each shot has a seed of its own.
    """
    if options.independent_streams or options.shots <= SEED_STRIDE or sum(counts) < 2:
        return
    each_shot = [planner.simulates_each_shot(index) for index in range(min(len(counts), _LOOKED_AT))]
    neighbours = any(first and second for first, second in pairwise(each_shot))
    if neighbours or any(each and count > 1 for each, count in zip(each_shot, counts, strict=False)):
        logger.warning(
            "%d shots are more than %d: as in Aer, neighbouring noisy experiments of this job share random numbers "
            "(shot s + %d of one has the seed of shot s of the next); independent_streams=True gives each its own",
            options.shots,
            SEED_STRIDE,
            SEED_STRIDE,
            extra={"action": "warn_of_shared_shots"},
        )
