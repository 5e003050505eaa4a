"""The keys of the store. All begin with `aerq:`."""

#: All jobs, by the time of their submit.
JOBS = "aerq:jobs"
#: Jobs with tasks that have not ended; the reconciler takes off what has.
OPEN = "aerq:open"
#: Instances of workers by their last heartbeat, and those that hold tasks though they are dead.
WORKERS = "aerq:workers"


def job(job_id: str) -> str:
    """The record of a job and its counters."""
    return f"aerq:job:{job_id}"


def tasks(job_id: str) -> str:
    """The states of a job's tasks, by index."""
    return f"aerq:job:{job_id}:tasks"


def losses(job_id: str) -> str:
    """The runs of a job's tasks that were lost, oldest first."""
    return f"aerq:job:{job_id}:losses"


def completions(job_id: str) -> str:
    """The stream of a job's completions, in the order in which they happened."""
    return f"aerq:job:{job_id}:completions"


def result(job_id: str, index: int, run: str, part: int = 0) -> str:
    """One part of a task's result. Each run has its own, so that a late one cannot touch what was accepted."""
    return f"aerq:result:{job_id}:{index}:{run}:{part}"


def payload(digest: str) -> str:
    """A payload, under its digest."""
    return f"aerq:payload:{digest}"


def reconciler(queue: str) -> str:
    """The instance of a worker that looks for what was lost of a queue, for all."""
    return f"aerq:reconciler:{queue}"


def worker(instance: str) -> str:
    """What an instance of a worker says of itself; gone soon after it is silent."""
    return f"aerq:worker:{instance}"


def held(instance: str) -> str:
    """The ids of the tasks that an instance of a worker runs."""
    return f"aerq:held:{instance}"


def speeds(queue: str) -> str:
    """How long kernels took beside what was estimated, on the workers of a queue."""
    return f"aerq:speeds:{queue}"
