"""From measurements to the printed table.

The ratio of two proxies is the median over the rounds of their ratio within one round: the rounds
interleave all proxies, so what the machine did to one of them in that second it mostly did to the
other. The spread printed beside it is half the distance between the quartiles, in per cent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median, quantiles

from rows import ROWS, TARGETS, Target

BASES = ("haproxy", "relay")


@dataclass
class Results:
    """All that was measured; `json` is the documented form."""

    #: row -> proxy -> nanoseconds of CPU a unit, one a round
    cpu: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    #: row -> proxy -> (p50, p99) of the session time in microseconds, one a round
    latency: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)
    #: row -> proxy -> system calls a unit, by name
    calls: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    #: proxy -> octets of memory an idle session
    idle: dict[str, float] = field(default_factory=dict)

    def ratios(self, row: str, proxy: str, base: str) -> list[float]:
        ours, theirs = self.cpu[row].get(proxy, []), self.cpu[row].get(base, [])
        return [a / b for a, b in zip(ours, theirs)]

    def added(self, row: str, proxy: str, which: int) -> list[float]:
        """Milliseconds that the proxy adds to the session time, one a round; 0: p50, 1: p99."""
        by_proxy = self.latency.get(row, {})
        pairs = zip(by_proxy.get(proxy, []), by_proxy.get("direct", []))
        return [(through[which] - direct[which]) / 1e3 for through, direct in pairs]

    def samples(self, target: Target, proxy: str) -> list[float]:
        """What `target` limits, as measured for `proxy`; empty if it was not measured."""
        if target.against == "KiB a session":
            return [self.idle[proxy] / 1024] if proxy in self.idle else []
        if target.against == "system calls":
            counted = self.calls.get(target.row, {}).get(proxy)
            return [sum(counted.values())] if counted else []
        if target.against.startswith("added"):
            return self.added(target.row, proxy, int("p99" in target.against))
        return self.ratios(target.row, proxy, target.against) if target.row in self.cpu else []


def quartiles(values: list[float]) -> list[float]:
    return quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


def spread(values: list[float]) -> float:
    low, _, high = quartiles(values)
    return (high - low) / 2 / abs(median(values))


@dataclass(frozen=True)
class Verdict:
    target: Target
    value: float
    passed: bool
    #: the limit lies between the quartiles: another run may say the opposite
    close: bool

    @property
    def mark(self) -> str:
        return ("ok" if self.passed else "MISS") + ("?" if self.close else "")


def verdicts(results: Results, proxy: str) -> list[Verdict]:
    found = []
    for target in TARGETS:
        values = results.samples(target, proxy)
        if not values:
            continue
        value = median(values)
        low, _, high = quartiles(values)
        close = low <= target.limit < high
        found.append(Verdict(target, value, value <= target.limit, close))
    return found


def cell(values: list[float]) -> str:
    return f"{median(values):7.2f}" if values else "      -"


def human(nanoseconds: float, unit: str) -> str:
    if unit == "GB":
        return f"{nanoseconds / 1e9:.3f} s"
    return f"{nanoseconds / 1e3:.1f} us"


def beside(results: Results, row: str, proxy: str, gateway: str) -> str:
    """The targets of a row's CPU, for the end of the gateway's line."""
    if proxy != gateway:
        return ""
    marks = [
        f"<= {verdict.target.limit:.2f} x {verdict.target.against}: {verdict.mark}"
        for verdict in verdicts(results, proxy)
        if verdict.target.row == row and verdict.target.against in BASES
    ]
    return "   " + ", ".join(marks) if marks else ""


def cpu_table(results: Results, proxies: list[str], gateway: str) -> list[str]:
    lines = []
    for row in ROWS:
        if row.name not in results.cpu:
            continue
        lines += ["", f"{row.name}: {row.title}"]
        heads = f"  {'':12} {'CPU a ' + row.unit:>14}  {'x HAProxy':>9}  {'x relay':>7}   spread"
        latency = row.name in results.latency
        lines.append(heads + ("   added ms p50    p99" if latency else ""))
        for proxy in proxies:
            cpu = results.cpu[row.name].get(proxy, [])
            if not cpu:
                continue
            ratios = [results.ratios(row.name, proxy, base) for base in BASES]
            widest = max((spread(values) for values in ratios if values), default=0.0)
            line = f"  {proxy:12} {human(median(cpu), row.unit):>14}  {cell(ratios[0]):>9}"
            line += f"  {cell(ratios[1]):>7}   {100 * widest:4.0f} %"
            if latency:
                added = [results.added(row.name, proxy, which) for which in (0, 1)]
                line += f"        {cell(added[0])} {cell(added[1])}"
            lines.append(line + beside(results, row.name, proxy, gateway))
    return lines


def counted_table(results: Results, proxies: list[str]) -> list[str]:
    lines = []
    if results.calls or results.idle:
        units = {row.name: row.unit for row in ROWS}
        columns = [f"{name}/{units[name]}" for name in results.calls]
        lines += ["", "counted: system calls by row, user memory of an idle session"]
        lines.append(f"  {'':12} " + " ".join(f"{c:>17}" for c in [*columns, "KiB/idle session"]))
        for proxy in proxies:
            counted = [by[proxy] for by in results.calls.values() if proxy in by]
            cells = [f"{sum(calls.values()):17.1f}" for calls in counted]
            if proxy in results.idle:
                cells.append(f"{results.idle[proxy] / 1024:17.2f}")
            lines.append(f"  {proxy:12} " + " ".join(cells))
    return lines


def target_table(results: Results, proxy: str) -> list[str]:
    found = verdicts(results, proxy)
    if not found:
        return []
    lines = ["", f"targets for {proxy} (issue: must be shown; goal: performance.md)"]
    lines.append(f"  {'row':10} {'against':14} {'limit':>7} {'measured':>9}  {'':6} source")
    for verdict in found:
        target = verdict.target
        lines.append(
            f"  {target.row:10} {target.against:14} {target.limit:7.2f} {verdict.value:9.2f}"
            f"  {verdict.mark:6} {target.source}"
        )
    lines.append("  (? = the limit lies between the quartiles of the rounds: too close to call)")
    return lines
