#!/usr/bin/env python3
"""Compares the gateway's cost with that of HAProxy, nginx and a bare relay, side by side.

All proxies run at once in front of one sink, and one load drives them in turn, round after round,
so that each round sees the same machine. bench/README.md says how to read the result.

    python3 bench/run.py                     all of it, some minutes
    python3 bench/run.py --quick             does it work? (the numbers are rough)
    python3 bench/run.py --rows small,bodies --rounds 11

Exit status: 0; 1 when something did not run, or, with --check, when a target was missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator

import procfs
import proxies
import report
from proxies import BenchError, Binaries, Proxy, Sink
from rows import COUNTED, IDLE_SESSIONS, ROWS, TRACED, Row

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 9
QUICK_ROUNDS = 2
#: With more of the machine in other hands than this, the report says so.
BUSY = 0.15
ROW_NAMES = [*(row.name for row in ROWS), *COUNTED]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Bench:
    """The sink, the chosen proxies, and the measurements taken of them."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.binaries = Binaries(options.build)
        self.kinds = [kind for kind in proxies.ALL if kind.name in options.proxies]
        # Where the scheduler puts whom is otherwise the largest part of the noise. The sink shares
        # the proxies' CPU: a real server is another machine, so waking it must not cost the proxy
        # an interrupt across CPUs, nor may the sink free the pages of a body into another cache.
        cpus = sorted(os.sched_getaffinity(0))
        pin = options.pin and len(cpus) > 1
        self.proxy_cpu, self.load_cpu = (cpus[0], cpus[1]) if pin else (None, None)
        self.sink = Sink(self.binaries.sink, folder / "sink", self.proxy_cpu)
        self.results = report.Results()
        self.foreign = 0.0

    def check_programs(self) -> None:
        """Everything that is asked for must be there: nothing is left out in silence."""
        reasons = [(kind.name, kind.missing(self.binaries)) for kind in self.kinds]
        missing = [f"{name}: {reason}" for name, reason in reasons if reason]
        for path in (self.binaries.sink, self.binaries.load):
            if not path.exists():
                missing.append(f"{path} is not built")
        if "syscalls" in self.options.rows and not shutil.which("strace"):
            missing.append("strace: not found: apt-get install strace")
        if missing:
            hint = "(--proxies and --rows choose what to run)"
            raise BenchError("cannot run:\n  " + "\n  ".join(missing) + "\n" + hint)

    @contextlib.contextmanager
    def running(self, kind: type[Proxy], use: str) -> Iterator[Proxy]:
        folder = self.folder / f"{kind.name}-{use}"
        proxy = kind(self.binaries, self.sink.address, folder, self.proxy_cpu)
        proxy.start()
        try:
            yield proxy
        finally:
            proxy.stop()

    def load(self, target: str, arguments: list[str]) -> dict[str, float]:
        """One run of the load; what it says was taken must be what the sink took."""
        before = self.sink.counters()
        result = proxies.run_load(self.binaries.load, target, arguments, self.load_cpu)
        after = self.sink.counters()
        for name in ("sessions", "messages", "octets"):
            if after[name] - before[name] != result[name]:
                raise BenchError(
                    f"{name} through {target}: the load counts {result[name]}, the sink "
                    f"{after[name] - before[name]}"
                )
        return result

    # -- CPU and latency

    def timed_run(self, row: Row, proxy: Proxy | None) -> None:
        name = proxy.name if proxy else "direct"
        meter = procfs.CpuMeter(proxy.pid) if proxy else None
        target = proxy.address if proxy else self.sink.address
        result = self.load(target, row.load_arguments(self.options.quick))
        if meter:
            by_proxy = self.results.cpu.setdefault(row.name, {})
            by_proxy.setdefault(name, []).append(meter.stop() / row.units(result))
        if row.direct:
            by_proxy_latency = self.results.latency.setdefault(row.name, {})
            by_proxy_latency.setdefault(name, []).append((result["p50_us"], result["p99_us"]))

    def timed_rows(self, rows: list[Row]) -> None:
        with contextlib.ExitStack() as stack:
            running = [stack.enter_context(self.running(kind, "cpu")) for kind in self.kinds]
            for proxy in running:
                self.load(proxy.address, ["--sessions", "200", "--concurrency", "20"])
            for row in rows:
                say(f"{row.name}: {row.title}")
                for number in range(self.options.rounds):
                    order: list[Proxy | None] = [*running, None] if row.direct else [*running]
                    turn = number % len(order)
                    order = order[turn:] + order[:turn]
                    # Backwards every other time: nobody always follows the same neighbour.
                    for each in order if number % 2 == 0 else reversed(order):
                        self.timed_run(row, each)

    # -- system calls

    def traced_calls(self, proxy: Proxy, row: Row) -> dict[str, float]:
        """System calls a unit by name, counted by strace over one run of the load."""
        pids = procfs.tree(proxy.pid)
        summary = proxy.folder / f"strace-{row.name}"
        log = proxy.folder / f"strace-{row.name}.log"
        attach = [argument for pid in pids for argument in ("-p", str(pid))]
        tasks = len(procfs.task_cpu(pids))
        with log.open("wb") as errors:
            tracer = subprocess.Popen(
                [proxies.program("strace"), "-f", "-c", "-o", str(summary), *attach],
                stdin=subprocess.DEVNULL,
                stderr=errors,
            )
        try:
            proxies.wait_until(
                "strace", log, tracer, lambda: log.read_bytes().count(b" attached") >= len(pids)
            )
            sessions = TRACED[row.name][self.options.quick]
            arguments = row.load_arguments(self.options.quick)
            result = self.load(proxy.address, [*arguments, "--sessions", str(sessions)])
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(proxies.STOP_SECONDS)
        if len(procfs.task_cpu(procfs.tree(proxy.pid))) != tasks:
            raise BenchError(f"{proxy.name} changed its tasks while it was traced")
        calls = {
            match[2]: int(match[1]) / row.units(result)
            for match in re.finditer(
                r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$",
                summary.read_text(),
                re.MULTILINE,
            )
            if match[2] != "total"
        }
        if not calls:
            raise BenchError(f"strace counted nothing for {proxy.name}: {log.read_text()}")
        return calls

    def count_calls(self) -> None:
        say(COUNTED["syscalls"])
        for kind in self.kinds:
            with self.running(kind, "strace") as proxy:
                self.load(proxy.address, ["--sessions", "50", "--concurrency", "20"])
                for row in (row for row in ROWS if row.name in TRACED):
                    by_proxy = self.results.calls.setdefault(row.name, {})
                    by_proxy[kind.name] = self.traced_calls(proxy, row)

    # -- memory

    def measure_idle(self) -> None:
        say(COUNTED["idle"])
        sessions = IDLE_SESSIONS[self.options.quick]
        for kind in self.kinds:
            with self.running(kind, "idle") as proxy:
                # What is allocated once is there before the baseline is taken.
                self.load(proxy.address, ["--sessions", "50", "--concurrency", "20"])
                before = procfs.dirty_memory(proxy.pid)
                holder = proxies.start_hold(
                    self.binaries.load, proxy.address, sessions, self.load_cpu
                )
                try:
                    after = procfs.dirty_memory(proxy.pid)
                finally:
                    errors = proxies.end_hold(holder)
                if holder.returncode != 0:
                    raise BenchError(f"idle sessions through {kind.name}: {errors}")
                self.results.idle[kind.name] = (after - before) / sessions

    # -- all of it

    def own_seconds(self) -> float:
        """CPU seconds of this process, its reaped children, the sink."""
        total = procfs.task_cpu(procfs.tree(self.sink.pid))
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(total.values()) / 1e9 + sum(u.ru_utime + u.ru_stime for u in used)

    def run(self) -> None:
        self.check_programs()
        self.sink.start()
        began, busy, own = time.monotonic(), procfs.machine_busy(), self.own_seconds()
        try:
            timed = [row for row in ROWS if row.name in self.options.rows]
            if timed:
                self.timed_rows(timed)
            if "syscalls" in self.options.rows:
                self.count_calls()
            if "idle" in self.options.rows:
                self.measure_idle()
            # The proxies are reaped by now, so their CPU is in own_seconds() as well.
            others = procfs.machine_busy() - busy - (self.own_seconds() - own)
            available = (time.monotonic() - began) * (os.cpu_count() or 1)
            self.foreign = max(0.0, others) / available
        finally:
            self.sink.stop()


def machine() -> dict[str, object]:
    return {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "cpu": next(
            (
                line.split(":", 1)[1].strip()
                for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")
            ),
            platform.machine(),
        ),
    }


def print_report(bench: Bench) -> None:
    options = bench.options
    names = [kind.name for kind in bench.kinds]
    about = machine()
    print(f"{about['cpu']}, {about['cpus']} CPUs, kernel {about['kernel']}; ", end="")
    print(f"{options.rounds} rounds; others used {100 * bench.foreign:.0f} % of the machine")
    if bench.foreign > BUSY:
        print("  a busy machine: caches were shared with strangers, and latencies mean nothing")
    for kind in bench.kinds:
        print(f"  {kind.name:12} {kind.title}")
    lines = report.cpu_table(bench.results, names, proxies.Gateway.name)
    lines += report.counted_table(bench.results, names)
    lines += report.target_table(bench.results, proxies.Gateway.name)
    print("\n".join(lines))
    if options.quick:
        print("\n--quick: this shows that it runs; so few short rounds decide nothing")


def as_json(bench: Bench) -> dict[str, object]:
    results = bench.results
    return {
        "version": 1,
        "machine": machine(),
        "rounds": bench.options.rounds,
        "quick": bench.options.quick,
        "foreign_share": round(bench.foreign, 4),
        "units": {row.name: row.unit for row in ROWS},
        "cpu_ns_per_unit": results.cpu,
        "session_us_p50_p99": results.latency,
        "system_calls_per_unit": results.calls,
        "idle_octets_per_session": results.idle,
        "targets": [
            {
                "row": v.target.row,
                "against": v.target.against,
                "limit": v.target.limit,
                "source": v.target.source,
                "measured": round(v.value, 4),
                "passed": v.passed,
                "close": v.close,
            }
            for v in report.verdicts(results, proxies.Gateway.name)
        ],
    }


def name_list(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return names

    return parse


def parse_options() -> argparse.Namespace:
    known_proxies = [kind.name for kind in proxies.ALL]
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="small counts: does it work?")
    parser.add_argument("--rows", type=name_list(ROW_NAMES), default=ROW_NAMES,
                        help=f"of {','.join(ROW_NAMES)}")
    parser.add_argument("--proxies", type=name_list(known_proxies), default=known_proxies,
                        help=f"of {','.join(known_proxies)}")
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}, with --quick {QUICK_ROUNDS}")
    parser.add_argument("--no-pin", dest="pin", action="store_false",
                        help="let the scheduler place the processes")
    parser.add_argument("--check", nargs="?", const="issue", choices=("issue", "all"),
                        help="exit 1 when a target is missed; `all` includes the goals")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every measurement")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="the build directory")
    options = parser.parse_args()
    options.build = options.build.resolve()
    if options.rounds is None:
        options.rounds = QUICK_ROUNDS if options.quick else ROUNDS
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    return options


def main() -> int:
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="ehlogate-bench-") as name:
        # nginx's worker gives up root and still opens its log below this folder.
        os.chmod(name, 0o755)
        bench = Bench(options, Path(name))
        try:
            bench.run()
        except (BenchError, procfs.MeasureError) as problem:
            say(f"bench: {problem}")
            return 1
    print_report(bench)
    if options.json:
        options.json.write_text(json.dumps(as_json(bench), indent=1) + "\n")
    missed = [
        v
        for v in report.verdicts(bench.results, proxies.Gateway.name)
        if not v.passed and options.check in ("all", v.target.source)
    ]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
