"""What is measured: the rows of the table, how the load makes each, and the targets.

A row of CPU time divides the proxy's CPU by `units` (messages, sessions, GB). Sizes are for a run
of about half a second, so that a round goes through all proxies before the machine changes its
mood; `quick` sizes only show that it works.
"""

from __future__ import annotations

from dataclasses import dataclass

BODY_MIB = 64


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    #: "session", "message" or "GB": what the CPU is divided by
    unit: str
    #: sessions of a run, full and quick
    sessions: tuple[int, int]
    concurrency: int = 20
    messages: int = 1
    body: int = 1024
    flags: tuple[str, ...] = ()
    rate: int = 0
    #: also run without a proxy, for the latency that one adds
    direct: bool = False

    def load_arguments(self, quick: bool) -> list[str]:
        arguments = ["--sessions", str(self.sessions[quick]), "--messages", str(self.messages)]
        arguments += ["--body", str(self.body), "--concurrency", str(self.concurrency)]
        if self.rate:
            arguments += ["--rate", str(self.rate)]
        return arguments + list(self.flags)

    def units(self, result: dict[str, float]) -> float:
        """How many units a run of the load was, by the load's own result."""
        if self.unit == "GB":
            return result["octets"] / 1e9
        return result["messages"] if self.unit == "message" else result["sessions"]


ROWS = (
    Row("small", "one message of 1 KiB a connection, 20 at once", "session", (1000, 400)),
    Row(
        "serial",
        "the same, one connection after the other",
        "session",
        (500, 200),
        concurrency=1,
    ),
    Row(
        "hundred",
        "100 messages a connection, 20 at once",
        "message",
        (40, 20),
        messages=100,
    ),
    Row(
        "pipelined",
        "the same in pipelined groups",
        "message",
        (80, 20),
        messages=100,
        flags=("--pipelined",),
    ),
    Row(
        "bodies",
        f"bodies of {BODY_MIB} MiB by DATA, one after the other",
        "GB",
        (2, 1),
        messages=4,
        body=BODY_MIB << 20,
        concurrency=1,
    ),
    Row(
        "bdat",
        f"bodies of {BODY_MIB} MiB by BDAT, one after the other",
        "GB",
        (2, 1),
        messages=4,
        body=BODY_MIB << 20,
        concurrency=1,
        flags=("--bdat",),
    ),
    Row(
        "paced",
        "500 sessions a second, one message each",
        "session",
        (750, 400),
        rate=500,
        direct=True,
    ),
)

#: Rows that are counted once and not timed, with what they need.
COUNTED = {
    "syscalls": "system calls (strace)",
    "idle": "memory of an idle session",
}

#: Which rows' system calls are counted, with sessions of a run (full, quick).
TRACED = {"small": (300, 100), "hundred": (20, 5), "pipelined": (20, 5)}

IDLE_SESSIONS = (2000, 500)


@dataclass(frozen=True)
class Target:
    """`value(row, against) <= limit`, where `against` is a proxy (a ratio of CPU) or a unit."""

    row: str
    against: str
    limit: float
    #: "issue": what the gateway must show; "goal": what performance.md aims at
    source: str


TARGETS = (
    Target("small", "haproxy", 0.90, "issue"),
    Target("small", "relay", 1.10, "issue"),
    Target("hundred", "haproxy", 1.00, "issue"),
    Target("hundred", "relay", 1.12, "goal"),
    Target("pipelined", "haproxy", 1.00, "issue"),
    Target("pipelined", "relay", 1.12, "goal"),
    Target("bodies", "haproxy", 0.60, "issue"),
    Target("bodies", "relay", 1.25, "issue"),
    Target("bodies", "relay", 1.20, "goal"),
    Target("bdat", "relay", 0.70, "goal"),
    Target("paced", "relay", 1.15, "goal"),
    Target("paced", "added p50 ms", 0.25, "goal"),
    Target("paced", "added p99 ms", 0.50, "goal"),
    Target("small", "system calls", 40.0, "issue"),
    Target("hundred", "system calls", 17.5, "goal"),
    Target("pipelined", "system calls", 9.0, "goal"),
    Target("idle", "KiB a session", 1.0, "issue"),
)
