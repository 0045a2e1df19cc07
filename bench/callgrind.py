#!/usr/bin/env python3
"""Does the cost of the engine grow in proportion to its input? Counted, not timed.

    python3 bench/callgrind.py [--build DIR] [--engine PROGRAM] [--shapes a,b] [--factor 1.05]

Runs the engine's driver under callgrind with a quarter, a half and the whole of each shape's size
and compares the growth of the instruction count from half to whole with that from a quarter to
half. Twice the input, twice the growth: what costs in proportion gives 2, what is quadratic gives
4. Taking differences removes what a run costs whatever its size, so a big constant cannot hide a
small square. Instructions do not depend on the machine's mood: this is a test, part of
`make check`.

The driver (`bench-engine`, bench/engine_bench.c) has no sockets and no clock:

    bench-engine --shape NAME N

feeds the engine one session of shape NAME and size N and prints one line `NAME N octets=O`, where O
counts the octets that came out for the server. O must grow with N as well, or the driver did not do
what it says (a session that ends at a limit is cheap at any size).

Exit status: 0 all in proportion, 1 one is not, or something did not run.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: What is fed, and the whole size.
SHAPES = {
    "million-lines": 1_000_000,  # one message with a body of so many lines
    "recipients": 100_000,  # one transaction with so many RCPT, all accepted
}
TIMEOUT_SECONDS = 600


class Problem(Exception):
    """The question could not be answered."""


def count(engine: Path, shape: str, size: int) -> tuple[int, int]:
    """Instructions of a run, and the octets that it says came out."""
    with tempfile.TemporaryDirectory(prefix="ehlogate-callgrind-") as folder:
        out = Path(folder) / "out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        command += [str(engine), "--shape", shape, str(size)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
            )
        except FileNotFoundError as missing:
            raise Problem("valgrind not found: apt-get install valgrind") from missing
        except subprocess.TimeoutExpired as late:
            raise Problem(f"{' '.join(command)}: not done in {TIMEOUT_SECONDS} s") from late
        if done.returncode != 0:
            raise Problem(f"{' '.join(command)}: status {done.returncode}\n{done.stderr[-2000:]}")
        totals = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)
        said = re.fullmatch(rf"{re.escape(shape)} {size} octets=(\d+)\n", done.stdout)
        if totals is None:
            raise Problem(f"callgrind left no total for {shape} {size}")
        if said is None:
            expected = f"{shape} {size} octets=…"
            raise Problem(f"{engine.name} prints {done.stdout!r}, not {expected!r}")
        return int(totals[1]), int(said[1])


def in_proportion(engine: Path, shape: str, size: int, factor: float) -> bool:
    quarter, half, whole = (count(engine, shape, n) for n in (size // 4, size // 2, size))
    if not 1.9 < whole[1] / half[1] < 2.1 or not 1.9 < half[1] / quarter[1] < 2.1:
        octets = [run[1] for run in (quarter, half, whole)]
        raise Problem(f"{shape}: the output does not double with the input: {octets} octets")
    growth = (whole[0] - half[0]) / (half[0] - quarter[0])
    passed = growth <= 2 * factor
    print(
        f"{'ok' if passed else 'MISS':4} {shape:16} {size:9} {whole[0]:14,} instructions, "
        f"{whole[0] / size:8.1f} each; twice the input costs {growth:.3f} times as much "
        f"(<= {2 * factor:.2f})",
        flush=True,
    )
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=Path, default=ROOT / os.environ.get("BUILD", "build"))
    parser.add_argument("--engine", type=Path, help="default: BUILD/bench/bench-engine")
    parser.add_argument("--shapes", default=",".join(SHAPES), help="name or name=size, with commas")
    parser.add_argument("--factor", type=float, default=1.05)
    options = parser.parse_args()
    engine = (options.engine or options.build / "bench" / "bench-engine").resolve()
    passed = True
    try:
        if not engine.exists():
            raise Problem(f"{engine} is not built")
        for word in options.shapes.split(","):
            shape, _, size = word.partition("=")
            if not size and shape not in SHAPES:
                raise Problem(f"no shape {shape!r}; there are {', '.join(SHAPES)}")
            passed &= in_proportion(engine, shape, int(size or SHAPES[shape]), options.factor)
    except Problem as problem:
        print(f"callgrind: {problem}", file=sys.stderr)
        return 1
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
