"""What must be equal, and how it is compared: by type, and for arrays by dtype, shape and bytes."""

import re

import numpy as np
from qiskit.quantum_info.operators.base_operator import BaseOperator
from qiskit.quantum_info.states.quantum_state import QuantumState

#: Of the metadata of a result, what tells of clocks and machines (see jobs/merge.py).
OF_THE_MACHINE = frozenset(
    {"time_taken", "sample_measure_time", "parallel_shots", "parallel_state_update", "max_memory_mb"}
)
#: What Aer quotes here it has read beside its memory.
_INVALID_PAULI = re.compile('Invalid Pauli ".*"')


def differences(mine, local, path="", *, ordered=True):
    """The first differences between two values, as sentences."""
    if type(mine) is not type(local):
        return [f"{path}: {type(mine).__name__} {mine!r}, and local {type(local).__name__} {local!r}"]
    if isinstance(mine, dict):
        found = []
        if list(mine) != list(local) and (ordered or set(mine) != set(local)):
            found.append(f"{path}: keys {list(mine)}, and local {list(local)}")
        for key in mine.keys() & local.keys():
            found += differences(mine[key], local[key], f"{path}.{key}", ordered=ordered)
        return found
    if isinstance(mine, (list, tuple)):
        if len(mine) != len(local):
            return [f"{path}: {len(mine)} values, and local {len(local)}"]
        pairs = enumerate(zip(mine, local, strict=True))
        return [text for place, (a, b) in pairs for text in differences(a, b, f"{path}[{place}]", ordered=ordered)]
    if isinstance(mine, np.ndarray):
        shape = (mine.dtype, mine.shape, mine.flags.c_contiguous)
        if shape != (local.dtype, local.shape, local.flags.c_contiguous):
            return [f"{path}: array {mine.dtype} {mine.shape}, and local {local.dtype} {local.shape}"]
        if mine.tobytes() != local.tobytes():
            return [f"{path}: array {mine.tolist()!r}, and local {local.tolist()!r}"]
        return []
    if isinstance(mine, (QuantumState, BaseOperator)):
        return differences(vars(mine), vars(local), path, ordered=ordered)
    if isinstance(mine, (float, complex, np.generic)):
        same = np.asarray(mine).tobytes() == np.asarray(local).tobytes()
    else:
        same = mine == local
    return [] if same else [f"{path}: {mine!r}, and local {local!r}"]


def told(result):
    """All of a `Result` that must be the same everywhere; users' metadata is compared by identity elsewhere."""
    experiments = []
    for entry in result.results:
        header = getattr(entry, "header", None)  # what failed has none
        if header is not None:
            header = {key: value for key, value in header.items() if key != "metadata"}
        plain = {key: value for key, value in vars(entry).items() if key not in ("data", "header", "_metadata")}
        plain.update(entry._metadata)
        plain.pop("time_taken", None)
        plain["status"] = _INVALID_PAULI.sub("Invalid Pauli", str(plain["status"]))
        if isinstance(plain.get("metadata"), dict):
            kept = {key: of for key, of in plain["metadata"].items() if key not in OF_THE_MACHINE}
            if isinstance(kept.get("fusion"), dict):
                kept["fusion"] = {key: of for key, of in kept["fusion"].items() if key != "time_taken"}
            plain["metadata"] = kept
        experiments.append({**plain, "header": header, "data": dict(vars(entry.data))})
    return {
        "success": result.success,
        "status": result.status,
        "backend_name": result.backend_name,
        "backend_version": result.backend_version,
        "results": experiments,
    }
