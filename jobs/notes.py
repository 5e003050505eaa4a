"""What a result says of how its job was split, where that is not how the user asked for it.

A note is a sentence and the experiments that it is about. Notes stand in the metadata of the whole result, under the
key `aerq`, so that everything in it that is about an experiment stays what a local run gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..tasks.qobj import Qobj

#: Sentences, each with the indexes of the experiments that it is about.
Notes = Mapping[str, Sequence[int]]
#: Where they stand in a result's metadata.
KEY = "aerq"


def notes_of(qobjs: Sequence[Qobj]) -> dict[str, tuple[int, ...]]:
    """The notes of a whole job, from those of its tasks."""
    found: dict[str, list[int]] = {}
    for qobj in qobjs:
        for text, experiments in qobj.header.notes.items():
            found.setdefault(text, []).extend(experiments)
    return {text: tuple(experiments) for text, experiments in found.items()}


def notes_at(notes: Notes, places: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The notes on some experiments of a job, counted anew from 0.

    Args:
        notes: the notes of the whole job.
        places: the indexes of these experiments in the job.
    """
    numbers = {place: number for number, place in enumerate(places)}
    found = {
        text: tuple(numbers[place] for place in experiments if place in numbers) for text, experiments in notes.items()
    }
    return {text: experiments for text, experiments in found.items() if experiments}


def shown_notes(notes: Notes) -> dict[str, Any]:
    """Notes as a result's metadata has them: plain data."""
    return {"notes": [{"text": text, "experiments": list(experiments)} for text, experiments in notes.items()]}
