"""Generated jobs: on workers the same bits as with local Aer, or a refusal at submit.

A failure names its seed; `make fidelity SEED=<seed> CASES=1` draws that case again.
"""

import collections
import re
import traceback
import warnings
from pathlib import Path

import pytest
from generator.cases import draw_case
from generator.compare import differences, told
from generator.local import holds_metadata
from qiskit_aer import AerError

from aerq.jobs import AerqSimulator, JobError, JobStatus, JobTimeoutError, QobjValidationError

pytestmark = pytest.mark.fidelity

DOCUMENT = Path(__file__).parents[2] / "docs" / "fidelity.md"
LOST = "the worker process that ran it was lost"
#: Jobs that are under way at once.
BATCH = 50
#: For how many seconds a case may run before it counts as endless; longer than `generator.local.PATIENCE`.
TIMEOUT = 150
#: What comes of a case that Aer does not run twice alike: nothing that could be compared.
ENDS, DIFFERS, LOST_ONCE = "ends Aer's process now and then", "Aer differs from itself", "lost its worker once"


def documented_refusals():
    """The sentences, or beginnings of them, of refusals of what local Aer runs, as the documentation lists them."""
    section = DOCUMENT.read_text().partition("## Refused, though local Aer runs it")[2].partition("\n## ")[0]
    return [re.compile(row.replace("…", ".*")) for row in re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)]


class Remote:
    """Runs cases on the clusters."""

    def __init__(self, clusters):
        self._settings = {slots: cluster.settings for slots, cluster in clusters.items()}
        self._backends = {}

    def submit(self, case):
        """The job, or the error with which it was refused."""
        backend = self._backends.get(case.slots)
        if backend is None or case.backend_options:
            try:
                backend = AerqSimulator(settings=self._settings[case.slots], **case.backend_options)
            except AerError as error:  # Aer's own refusal of an option of a backend
                return QobjValidationError(str(error))
        if not case.backend_options:
            self._backends[case.slots] = backend
        try:
            return backend.run(case.circuits, parameter_binds=case.parameter_binds, **case.run_options, **case.own)
        except Exception as error:
            return error


def verdict(case, job, local, refusals):
    """What came of the case in a word, and what is wrong with that."""
    if isinstance(job, Exception):
        if not isinstance(job, QobjValidationError):
            return "broke", ["".join(traceback.format_exception(job)[-4:])]
        if local.result is None:
            return "refused by both", []
        if any(pattern.search(str(job)) for pattern in refusals):
            return "refused as documented", []
        if not local.result["success"] and not any(entry["success"] for entry in local.result["results"]):
            return "refused, and failed locally", []
        return "refused", [f"refused, and local Aer runs it: {job}"]
    try:
        result = job.result(timeout=TIMEOUT)
    except JobTimeoutError:
        job.cancel()
        wrong = [] if "it did not end" in local.error else [f"did not end in {TIMEOUT} s, and local Aer ends"]
        return "did not end", wrong
    except JobError as error:
        if local.result is None:
            return "failed in both", []
        return "failed", [f"failed with {error!r}, and local Aer runs it"]
    if local.result is None:
        return "ran", [f"ran, and local Aer does not run it: {local.error}"]
    split = (
        case.own.get("max_shot_size") is not None and len(job.worker_job() if hasattr(job, "worker_job") else [1]) > 1
    )
    mine = told(result)
    if not case.ordered:  # what Aer tells of a simulation that failed depends on its number of threads
        for entry in (*mine["results"], *local.result["results"]):
            entry["metadata"] = entry["metadata"] if entry["success"] else None
    wrong = differences(mine, local.result, "result", ordered=case.ordered and not split)
    if not holds_metadata(result, case):
        wrong.append("the headers do not hold the circuits' own metadata objects")
    status = JobStatus.DONE if result.success else JobStatus.ERROR
    if job.status() is not status:
        wrong.append(f"the job's status is {job.status()}, and success is {result.success}")
    return "ran and succeeded" if result.success else "ran and failed alike", wrong


def settled(case, job, local, refusals, remote, local_aer):
    """The verdict, after what is wrong was looked at again: some cases Aer itself does not run twice alike."""
    word, texts = verdict(case, job, local, refusals)
    if not texts:
        return word, texts
    opinions = list(local_aer.opinions(case.seed))
    if any(opinion.ended_process for opinion in opinions):
        return ENDS, []
    if any(differences(opinion.result, opinions[0].result, ordered=case.ordered) for opinion in opinions[1:]):
        return DIFFERS, []
    # An earlier case may have written beside the memory of the worker's process, or of the one that runs local Aer.
    if any(LOST in text for text in texts):
        job, lost = remote.submit(case), True
    else:
        lost = local.ended_process or "did not end" in local.error
    word, texts = verdict(case, job, opinions[0], refusals)
    return (LOST_ONCE, []) if lost and not texts else (word, texts)


@pytest.mark.timeout(0)  # as long as the number of cases makes it; each has its own limit
def test_generated_jobs_are_those_of_local_aer(clusters, local_aer, seeds):
    remote, refusals = Remote(clusters), documented_refusals()
    outcomes, wrong = collections.Counter(), []
    for batch in _batches(seeds):
        jobs = []
        for seed in batch:
            local_aer.ask(seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                case = draw_case(seed)
                jobs.append((case, remote.submit(case)))
        found = []
        for case, job in jobs:
            found.append((case, job, local_aer.outcome()))
        for case, job, local in found:
            word, texts = settled(case, job, local, refusals, remote, local_aer)
            if word in (ENDS, DIFFERS, LOST_ONCE):
                print(f"\nseed {case.seed}: {word}")
            outcomes[word] += 1
            if texts:
                told_wrong = "\n".join(text[:600] for text in texts[:6])
                wrong.append(f"make fidelity SEED={case.seed} CASES=1\n{told_wrong}\n{case}")
                print(f"\n{wrong[-1]}")
    print(f"\n{sum(outcomes.values())} cases from seed {seeds[0]}: {dict(outcomes)}; {len(wrong)} differ")
    assert not wrong, "\n\n".join([f"{len(wrong)} cases differ", *wrong[:5]])
    if len(seeds) >= 100:  # else it would not test what it says
        assert outcomes["ran and succeeded"] > 0.6 * len(seeds), outcomes
        assert outcomes[ENDS] + outcomes[DIFFERS] + outcomes[LOST_ONCE] < 0.02 * len(seeds), outcomes


def _batches(seeds):
    return (seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH))


def test_cases_are_the_same_for_a_seed():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(30):
            first, second = draw_case(seed), draw_case(seed)
            assert repr((first.own, first.slots, first.run_options)) == repr(
                (second.own, second.slots, second.run_options)
            )
            # the builder of blocks itself gives a block's bits in no certain order
            assert [circuit.count_ops() for circuit in first.circuits] == [c.count_ops() for c in second.circuits]
