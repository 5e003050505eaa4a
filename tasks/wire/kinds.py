"""The instructions that Aer knows: which of them QPY keeps, and which classes need a table beside it."""

from __future__ import annotations

from typing import Any

from qiskit.circuit import ControlledGate, Delay, Gate, Instruction, Store
from qiskit.circuit.library import Initialize, UCGate, get_standard_gate_name_mapping
from qiskit_aer import AerSimulator, library
from qiskit_aer.backends import name_mapping
from qiskit_aer.library.control_flow_instructions import AerJump, AerMark, AerStore
from qiskit_aer.library.save_instructions.save_data import SaveData
from qiskit_aer.noise.errors.base_quantum_error import QuantumChannelInstruction
from qiskit_aer.noise.noise_model import QuantumErrorLocation

#: Gates and instructions, by name, of which QPY keeps all there is. Everything else is looked at one by one.
PLAIN_NAMES = frozenset(get_standard_gate_name_mapping()) - {"delay"} | {"barrier", "measure", "reset", "unitary"}

#: Those of them that have no numbers of their own. (A unitary's matrix is looked at when it is submitted.)
WITHOUT_NUMBERS = frozenset(
    name for name, gate in get_standard_gate_name_mapping().items() if name in PLAIN_NAMES and not gate.params
) | {"barrier", "measure", "reset", "unitary"}

#: Gates that Aer takes by name (`_assemble_op`), of those that Qiskit holds as standard gates.
STANDARD_GATES = frozenset(
    name
    for line in (
        "ccx ccz cp cswap csx cx cy cz ecr h id p r rx rxx ry ryy rz rzx rzz s sdg swap sx sxdg t tdg",
        "u x y z u1 u2 u3 cu cu1 cu3 crx cry crz",
    )
    for name in line.split()
)

#: Names that Aer's compiler knows; an instruction of any other name needs a definition.
AER_NAMES = frozenset(
    [
        *AerSimulator._DEFAULT_CONFIGURATION["basis_gates"],
        *AerSimulator._DEFAULT_CONFIGURATION["custom_instructions"],
        *("barrier", "measure", "reset", "delay", "jump", "mark", "store", "aer_store"),
    ]
)

SAVES: tuple[type[Instruction], ...] = (
    library.SaveAmplitudes,
    library.SaveAmplitudesSquared,
    library.SaveClifford,
    library.SaveDensityMatrix,
    library.SaveExpectationValue,
    library.SaveExpectationValueVariance,
    library.SaveMatrixProductState,
    library.SaveProbabilities,
    library.SaveProbabilitiesDict,
    library.SaveStabilizer,
    library.SaveState,
    library.SaveStatevector,
    library.SaveStatevectorDict,
    library.SaveSuperOp,
    library.SaveUnitary,
)
SETS: tuple[type[Instruction], ...] = (
    library.SetDensityMatrix,
    library.SetMatrixProductState,
    library.SetStabilizer,
    library.SetStatevector,
    library.SetSuperOp,
    library.SetUnitary,
)
#: Gates with controls that Aer's own target offers. Its other ones (`MCYGate` and so on) cannot be constructed: they
#: ask for more controls than their base gate leaves.
GATES: tuple[type[ControlledGate], ...] = (name_mapping.MCRGate, name_mapping.MCU2Gate)
OTHERS: tuple[type[Instruction], ...] = (
    *(AerJump, AerMark, AerStore, QuantumChannelInstruction, QuantumErrorLocation),
    *(Delay, UCGate, Instruction, Gate),
)
#: Every class that the table beside QPY can hold, by name.
CLASSES: dict[str, Any] = {kind.__name__: kind for kind in (*SAVES, *SETS, *GATES, *OTHERS)}
#: Instructions that Aer recognises by class or attribute; a subclass of one would arrive as something else.
SPECIAL = (SaveData, *SETS, *OTHERS[:-2], Initialize, Store)
