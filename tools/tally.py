#!/usr/bin/env python3
"""Counts the tests in result files: prints "PASSED FAILED", and names what failed on stderr.

  tools/tally.py FILE...      JUnit XML (*.xml) or a log with "KIND: NAME passed|failed" lines

A test that was skipped counts as failed: nothing may be skipped in silence. So does a file without
a single test, or one that is not there.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as xml

LINE = re.compile(r"^\w+: (\S+) (passed|failed)\b(.*)$", re.MULTILINE)


def junit(path):
    """(name, problem or None) of each test case."""
    for case in xml.parse(path).iter("testcase"):
        problems = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        yield name, problems[0] if problems else None


def lines(path):
    """The same from a log."""
    for name, word, rest in LINE.findall(path.read_text(errors="replace")):
        yield name, None if word == "passed" else word + rest


def count(path):
    """How many passed and how many failed."""
    try:
        found = list(junit(path) if path.suffix == ".xml" else lines(path))
    except (OSError, xml.ParseError) as error:
        found = [(f"{path}", str(error))]
    if not found:
        found = [(f"{path}", "has no test in it")]
    for name, problem in found:
        if problem:
            print(f"  {name}: {problem}", file=sys.stderr)
    failed = sum(problem is not None for _, problem in found)
    return len(found) - failed, failed


def main():
    """Sums up the files named."""
    counts = [count(pathlib.Path(name)) for name in sys.argv[1:]]
    print(sum(passed for passed, _ in counts), sum(failed for _, failed in counts))


if __name__ == "__main__":
    main()
