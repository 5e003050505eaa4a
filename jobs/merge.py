"""From the raw outputs of a job's tasks to the one output that a local run of the whole job gives.

What may differ from a local run, because it tells of clocks and machines: in the output `date`, `time_taken`, `job_id`
and all of `metadata`; in each result `time_taken` and, of its metadata, `time_taken`, `sample_measure_time`,
`parallel_shots`, `parallel_state_update` and `max_memory_mb`. Nothing else does.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.result import Result
from qiskit_aer.backends.aerbackend import AerBackend

from ..tasks.qobj import Share
from .errors import JobError
from .keyorder import combined_keys
from .notes import KEY, Notes, shown_notes

#: Whose warning of a simulation that failed local Aer logs; the same goes to whoever listens for it.
_aer_logger = logging.getLogger(AerBackend.__module__)

#: Subtypes of saved data that come out the same when an experiment's shots are spread over tasks. Lists keep one
#: entry a shot, in order; of a "single" every shot overwrites the one before, so the last range holds what the last
#: shot saved. "accum" and "average" are sums of floating-point numbers: adding the sums of ranges rounds otherwise
#: than adding shot after shot, so an experiment that saves one must not be split.
MERGEABLE_SUBTYPES = frozenset({"single", "c_single", "list", "c_list"})

_ERROR = "ERROR: "
#: What Aer itself adds to the data of an experiment, after everything saved.
MEASURED = ("memory", "counts")
#: The one saved type of which Aer makes an array of a list, one number a shot.
_ONE_ARRAY = "save_expval"
_SUMMED = frozenset({"time_taken", "time_taken_execute", "time_taken_parameter_binding", "sample_measure_time"})


@dataclass(frozen=True)
class _Piece:
    """The result of one range of an experiment's shots."""

    offset: int
    shots: int
    result: dict[str, Any]


def merge_outputs(
    outputs: Sequence[tuple[Share, dict[str, Any]]],
    *,
    job_id: str,
    backend_name: str,
    backend_version: str,
    metadata: Sequence[object],
    circuits: Sequence[int] | None = None,
    notes: Notes | None = None,
) -> dict[str, Any]:
    """Merges the raw outputs of a job's tasks into one.

    Args:
        outputs: for each task the part of the job that it ran and Aer's raw output; they are not changed.
        job_id: the job's id.
        backend_name: name of the backend that the user ran on.
        backend_version: its version.
        metadata: the circuit's metadata object for each experiment of the job, which goes into the result's header.
        circuits: for each experiment the index in the job of its circuit, if that is not the experiment's own (with
            parameter bindings several experiments share one circuit). Aer shows it in results that failed.
        notes: what to say of how the job was split; it stands in the metadata under `aerq`, if there is anything.

    Raises:
        JobError: if an experiment is missing or was run twice, or its ranges of shots cannot be merged exactly.
    """
    ordered = sorted(outputs, key=lambda pair: (pair[0].first, pair[0].offset))
    if not ordered:
        raise JobError(f"job {job_id} has no results to merge")
    first = ordered[0][1]
    whole = {
        **first,
        "backend_name": backend_name,
        "backend_version": backend_version,
        "date": max(str(output.get("date", "")) for _, output in ordered),
        "job_id": job_id,
        "time_taken": sum(output.get("time_taken", 0.0) for _, output in ordered),
        "metadata": _merged_metadata([output.get("metadata", {}) for _, output in ordered], later_wins=False),
    }
    if notes:
        whole["metadata"][KEY] = shown_notes(notes)
    unloaded = next((output for _, output in ordered if not output["results"]), None)
    if unloaded is not None:  # Aer loads all circuits before it runs any: if one cannot be loaded, there are no results
        return {**whole, "results": [], "success": False, "status": unloaded["status"]}
    results = []
    for index, pieces in enumerate(_by_experiment(ordered, job_id, len(metadata))):
        result = _merged_result(pieces, f"experiment {index} of job {job_id}")
        if "header" in result:
            result["header"] = {**result["header"], "metadata": metadata[index]}
        else:
            result = _with_circuit(result, circuits[index] if circuits is not None else index)
        results.append(result)
    whole["results"] = results
    whole["success"] = all(result["success"] for result in results)
    whole["status"] = _status(results, ordered)
    return whole


def to_result(output: dict[str, Any]) -> Result:
    """Aer's own `Result` of a raw output, saved data in the classes that local Aer gives; the output stays as it is.

    Where an experiment failed, Aer's warning is logged.

    Args:
        output: Aer's raw output, or merged ones.
    """
    if not output["success"]:
        _aer_logger.warning("Simulation failed and returned the following error message:\n%s", output["status"])
    results = [{**result, "data": dict(result["data"])} if "data" in result else result for result in output["results"]]
    return AerBackend._format_results({**output, "results": results})


def _by_experiment(
    ordered: Iterable[tuple[Share, dict[str, Any]]], job_id: str, experiments: int
) -> list[list[_Piece]]:
    """The results of each experiment, in the order of its shots; each shot there once."""
    found: list[list[_Piece]] = [[] for _ in range(experiments)]
    for share, output in ordered:
        results = output["results"]
        if len(results) != share.count or share.first + share.count > experiments:
            raise JobError(
                f"a task of job {job_id} gave {len(results)} results for {share.count} experiments from "
                f"experiment {share.first} on, and the job has {experiments}"
            )
        for index, result in enumerate(results, share.first):
            earlier = found[index]
            if earlier and earlier[-1].offset + earlier[-1].shots > share.offset:
                raise JobError(f"shot {share.offset} of experiment {index} of job {job_id} was run by two tasks")
            earlier.append(_Piece(share.offset, share.shots, result))
    missing = next((index for index, pieces in enumerate(found) if not pieces), None)
    if missing is not None:
        raise JobError(f"no task of job {job_id} ran experiment {missing}")
    return found


def _merged_result(pieces: Sequence[_Piece], name: str) -> dict[str, Any]:
    """One result of all ranges of an experiment's shots."""
    results = [piece.result for piece in pieces]
    if len(results) == 1:
        return dict(results[0])
    failed = next((result for result in results if not result["success"]), None)
    if failed is not None:  # one shot that fails makes Aer give up the experiment
        return dict(failed)
    infos = [result["metadata"] for result in results]
    if len({info.get("method") for info in infos}) > 1:
        methods = ", ".join(sorted({str(info.get("method")) for info in infos}))
        raise JobError(f"the shots of {name} ran with different methods ({methods}); name one in `method`")
    if any(info.get("measure_sampling") for info in infos):
        raise JobError(
            f"the shots of {name} were spread over tasks although Aer draws all of them from one state, which gives "
            "other counts than a local run; run it without max_shot_size"
        )
    if any(info.get("shot_branching_enabled") for info in infos):
        raise JobError(
            f"the shots of {name} were spread over tasks although Aer ran them with shot branching, where the order "
            "of shots depends on which run together; run it without max_shot_size or without shot_branching_enable"
        )
    merged = _merged_metadata(infos, later_wins=True)
    return {
        **results[0],
        "shots": sum(result["shots"] for result in results),
        "time_taken": sum(result["time_taken"] for result in results),
        "metadata": merged,
        "data": _merged_data([result["data"] for result in results], merged, name),
    }


def _merged_metadata(infos: Sequence[dict[str, Any]], *, later_wins: bool) -> dict[str, Any]:
    """Times are added up; of everything else the later value wins, as with the shots of one run, or the earlier."""
    merged: dict[str, Any] = {}
    for info in infos:
        for key, value in info.items():
            if key not in merged:
                merged[key] = value
            elif key in _SUMMED:
                merged[key] = merged[key] + value
            elif later_wins:
                both = isinstance(value, dict) and isinstance(merged[key], dict)
                merged[key] = {**merged[key], **value} if both else value
    return merged


def _merged_data(datas: Sequence[dict[str, Any]], info: dict[str, Any], name: str) -> dict[str, Any]:
    """The data of all ranges, by label."""
    labels = dict.fromkeys(itertools.chain(*datas))
    saved = [label for label in labels if label not in MEASURED]
    subtypes, types = info.get("result_subtypes", {}), info.get("result_types", {})
    merged: dict[str, Any] = {}
    for label in [*saved, *(label for label in MEASURED if label in labels)]:
        parts = [data[label] for data in datas if label in data]
        subtype = subtypes.get(label)
        if label in MEASURED and subtype is None:
            merged[label] = _sum_by_key(parts) if label == "counts" else _concatenated(parts)
        elif label in MEASURED or subtype not in MERGEABLE_SUBTYPES:
            raise JobError(
                f"{label!r} of {name} is saved as {subtype!r}, which cannot be put together exactly from ranges of "
                "shots; run it without max_shot_size"
            )
        else:
            merged[label] = _merged_saves(parts, subtype, types.get(label), f"{label!r} of {name}")
    return merged


def _merged_saves(parts: Sequence[Any], subtype: str, save_type: str | None, name: str) -> Any:
    """What was saved under one label in all ranges."""
    if subtype.startswith("c_"):
        if not all(isinstance(part, dict) for part in parts):
            raise _mixed(name)
        return {
            key: _merged_saves([part[key] for part in parts if key in part], subtype[2:], save_type, name)
            for key in combined_keys(parts)
        }
    if subtype == "single":
        return parts[-1]
    if all(isinstance(part, list) for part in parts):
        return _concatenated(parts)
    if save_type == _ONE_ARRAY and all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    raise _mixed(name)


def _mixed(name: str) -> JobError:
    return JobError(
        f"{name} is saved in more than one way under one label, which cannot be put together from ranges of shots; "
        "give each save its own label, or run it without max_shot_size"
    )


def _concatenated(parts: Iterable[list[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(parts))


def _sum_by_key(parts: Sequence[dict[str, int]]) -> dict[str, int]:
    """Counts of all ranges, keys in Aer's order."""
    totals = dict.fromkeys(combined_keys(parts), 0)
    for part in parts:
        for key, count in part.items():
            totals[key] += count
    return totals


def _with_circuit(result: dict[str, Any], circuit: int) -> dict[str, Any]:
    """A result that failed, with the index of its circuit where Aer leaves it: second."""
    return {"shots": result.get("shots", 0), "circ_id": circuit, **{k: v for k, v in result.items() if k != "circ_id"}}


def _status(results: Sequence[dict[str, Any]], ordered: Sequence[tuple[Share, dict[str, Any]]]) -> str:
    """The status of the whole job in Aer's words."""
    if all(result["success"] for result in results):
        return "COMPLETED"
    if any(result["success"] for result in results):
        return "PARTIAL COMPLETED"
    # Aer lists the messages of all experiments, after one of its own if their memory together is too much for it.
    statuses = (str(output.get("status", "")).removeprefix(_ERROR) for _, output in ordered)
    before = next((part for part in (status.partition(" [Experiment 0] ")[0] for status in statuses) if part), "")
    messages = (str(result["status"]).removeprefix(_ERROR) for result in results)
    return _ERROR + before + "".join(f" [Experiment {index}] {text}" for index, text in enumerate(messages))
