#!/usr/bin/env python3
"""Are the tables of docs/rules.md those of the program?

    tests/rules_manual.py EHLOGATE [--write]

Compares what stands between the marks of docs/rules.md with the two tables that
`ehlogate fields --markdown` prints, and fails where they differ; with --write puts them there.
"""

import pathlib
import re
import subprocess
import sys

MANUAL = pathlib.Path(__file__).resolve().parents[1] / "docs" / "rules.md"
MARKED = re.compile(r"(<!-- made by `ehlogate fields --markdown`: (\w+) -->\n)(.*?)(<!-- end -->)",
                    re.DOTALL)


def tables(program):
    """The program's tables by name."""
    done = subprocess.run([program, "fields", "--markdown"], capture_output=True, text=True,
                          check=True, timeout=60)
    fields, actions = done.stdout.split("\n\n")
    return {"fields": fields + "\n", "actions": actions}


def main():
    """Exit status 1 where the manual is out of step."""
    wanted = tables(sys.argv[1])
    text = MANUAL.read_text(encoding="utf-8")
    found = [match.group(2) for match in MARKED.finditer(text)]
    if sorted(found) != sorted(wanted):
        print(f"{MANUAL}: has the tables {found}, not {sorted(wanted)}")
        return 1
    made = MARKED.sub(lambda match: match[1] + wanted[match[2]] + match[4], text)
    if "--write" in sys.argv[2:]:
        MANUAL.write_text(made, encoding="utf-8")
    elif made != text:
        print(f"{MANUAL} is out of step: run tests/rules_manual.py {sys.argv[1]} --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
