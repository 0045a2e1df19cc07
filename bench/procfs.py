"""What the kernel knows about processes: their tree, CPU time, memory, and the machine's load.

CPU time is the sum of the first field of /proc/PID/task/TID/schedstat (nanoseconds on a CPU, user
and system together): /proc/PID/stat counts in ticks of 10 ms, which is a tenth of a short run.
A task that ends takes its counter with it, so `CpuMeter` refuses to give a number when the tasks
at the end are not those of the beginning (a worker that was restarted is not a measurement).
"""

from __future__ import annotations

import os
import time
from pathlib import Path


class MeasureError(Exception):
    """A number could not be taken; nothing is reported in its place."""


def parent_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name is in parentheses and may hold anything, even ")".
    return int(stat.rpartition(")")[2].split()[1])


def tree(root: int) -> list[int]:
    """`root` and all its descendants, in order of pid."""
    parents = {int(name): parent_of(int(name)) for name in os.listdir("/proc") if name.isdigit()}
    if root not in parents:
        raise MeasureError(f"process {root} is gone")
    found = {root}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        grown = bool(more)
        found |= more
    return sorted(found)


def task_cpu(pids: list[int]) -> dict[tuple[int, int], int]:
    """Nanoseconds on a CPU of every thread of `pids`."""
    result = {}
    for pid in pids:
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                nanoseconds = int((task / "schedstat").read_text().split()[0])
                result[pid, int(task.name)] = nanoseconds
        except (FileNotFoundError, ProcessLookupError) as gone:
            raise MeasureError(f"process {pid} ended while it was measured") from gone
    return result


class CpuMeter:
    """The CPU that a process and its descendants spend between __init__ and `stop`."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.before = task_cpu(tree(root))

    def stop(self) -> int:
        """Nanoseconds, once the process has come to rest (it closes its last sessions after the
        client is gone); a process that never rests is measured after half a second."""
        after = task_cpu(tree(self.root))
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            time.sleep(0.02)
            again = task_cpu(tree(self.root))
            if again == after:
                break
            after = again
        if after.keys() != self.before.keys():
            raise MeasureError(
                f"the tasks below process {self.root} changed while they were measured: "
                f"{sorted(self.before)} became {sorted(after)}"
            )
        return sum(after.values()) - sum(self.before.values())


def dirty_memory(root: int) -> int:
    """Octets of memory that only the tree below `root` accounts for: Pss_Dirty, which counts
    private pages whole and shared ones by share, so that memory shared between a master and its
    workers is counted once. Kernels before 6.0 do not have it: Private_Dirty there."""
    total = 0
    for pid in tree(root):
        fields = {}
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, value = line.split(":")
            fields[name] = int(value.split()[0]) * 1024
        total += fields["Pss_Dirty"] if "Pss_Dirty" in fields else fields["Private_Dirty"]
    return total


def machine_busy() -> float:
    """Seconds that all CPUs together were not idle, stolen time included."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    idle, iowait = fields[3], fields[4]
    # guest time (fields 8 and 9) is part of user time already
    return (sum(fields[:8]) - idle - iowait) / os.sysconf("SC_CLK_TCK")
