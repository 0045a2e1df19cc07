#!/usr/bin/env python3
"""TAP: every field and every action of the rule language stands in a golden session.

    coverage.py EHLOGATE FOLDER [--report]

For each field some session has a rule on it that applies (its "! rule NAME" line is there), and
some session a rule on it that does not. A rule with `or` proves nothing, since the other side may
be what applied, and a rule without a name cannot be told from others. For each action some session
has a rule whose line says "does" (`allow` has none: it is in use, and "would" on trial); each
condition in which it must not apply is the field's business.

--report prints which sessions those are, as a table in Markdown.
"""

import pathlib
import re
import subprocess
import sys

SESSION = re.compile(r"^```session\n(.*?)^```", re.MULTILINE | re.DOTALL)
STRING = re.compile(r'"(?:\\.|[^"\\])*"i?')
RULE = re.compile(r"\bwhen\b(?P<expression>[^;\n]*)")
WORD = re.compile(r"[A-Za-z0-9_.-]+")
NAMED = re.compile(r"\bas\s+([A-Za-z0-9_-]+)\s*$")


def catalogue(program):
    """The names of the fields and of the actions, as the program lists them."""
    def first_words(text):
        return re.findall(r"^\| `([a-z0-9.]+)", text, re.MULTILINE)
    done = subprocess.run([program, "fields", "--markdown"], capture_output=True, text=True,
                          check=True)
    found = first_words(done.stdout)
    done = subprocess.run([program, "fields"], capture_output=True, text=True, check=True)
    fields = re.findall(r"^([a-z][a-z0-9.]*) +(?:flag|number|size|text|address|header) ",
                        done.stdout, re.MULTILINE)
    actions = [word for word in found if word not in fields]
    return fields, actions


class Rule:
    """One `when` of a session's policy."""

    def __init__(self, text, actions):
        words = WORD.findall(text)
        self.name = (NAMED.findall(text) or [""])[0]
        if self.name:
            words = words[:-2]
        at = next((i for i, word in enumerate(words) if i > 0 and word in (*actions, "log")
                   and words[i - 1] not in ("and", "or", "not")), len(words))
        self.words, tail = words[:at], words[at:]
        self.dry = len(tail) > 1 and tail[0] == "log" and tail[1] in actions
        self.action = tail[1] if self.dry else (tail or [""])[0]
        self.sole = "or" not in self.words


def sessions(folder, actions):
    """Each session as (where, rules, names that applied: name -> set of "does action" …)."""
    for file in sorted(folder.glob("*.md")):
        text = file.read_text(encoding="utf-8")
        for found in SESSION.finditer(text):
            where = f"{file.name}:{text.count(chr(10), 0, found.start()) + 1}"
            lines = found.group(1).splitlines()
            policy = "\n".join(line[7:] for line in lines if line.startswith("policy "))
            rules = [Rule(rule.group("expression"), actions)
                     for rule in RULE.finditer(STRING.sub('""', policy))]
            told = {}
            for line in lines:
                event = re.match(r"! (?:\*\d+ )?rule (\S+) (does|would) (\S+)", line)
                if event is not None:
                    told.setdefault(event.group(1), set()).add(event.group(2, 3))
            yield where, rules, told


def gather(folder, fields, actions):
    """Where each field applies and does not, and where each action is done, tried and used."""
    table = {("field", name, kind): [] for name in fields for kind in ("applies", "does not")}
    table |= {("action", name, kind): [] for name in actions for kind in ("does", "would", "used")}
    for where, rules, told in sessions(folder, actions):
        for rule in rules:
            kind = "applies" if rule.name in told else "does not"
            for name in set(rule.words) & set(fields):
                if rule.sole and rule.name:
                    table["field", name, kind].append(where)
            if rule.action in actions:
                if not rule.dry:
                    table["action", rule.action, "used"].append(where)
                for word, action in told.get(rule.name, ()):
                    if action == rule.action:
                        table["action", rule.action, word].append(where)
    return table


def wanted(fields, actions):
    """What has to be there: pairs of a key of the table and words for it."""
    for name in fields:
        yield ("field", name, "applies"), f"a rule on {name} applies"
        yield ("field", name, "does not"), f"a rule on {name} does not apply"
    for name in actions:
        if name == "allow":
            yield ("action", name, "used"), "a rule with allow is in use"
        elif name != "log":
            yield ("action", name, "does"), f"a rule does {name}"
        yield ("action", name, "would"), f"a rule would {name}"


def report(table, fields, actions):
    """The table in Markdown."""
    def first(key):
        return f"{table[key][0]} ({len(table[key])})" if table[key] else "**none**"
    print("| field | applies in | does not apply in |\n|---|---|---|")
    for name in fields:
        print(f"| `{name}` | {first(('field', name, 'applies'))} "
              f"| {first(('field', name, 'does not'))} |")
    print("\n| action | in use in | on trial in |\n|---|---|---|")
    for name in actions:
        used = "used" if name in ("allow", "log") else "does"
        print(f"| `{name}` | {first(('action', name, used))} "
              f"| {first(('action', name, 'would'))} |")


def main(program, folder, *options):
    """Prints the points; returns the exit status."""
    fields, actions = catalogue(program)
    table = gather(pathlib.Path(folder), fields, actions)
    if "--report" in options:
        report(table, fields, actions)
        return 0
    points = list(wanted(fields, actions))
    print(f"1..{len(points) + 1}")
    enough = len(fields) > 50 and len(actions) > 10
    print(f"{'' if enough else 'not '}ok 1 - the catalogue has {len(fields)} fields and "
          f"{len(actions)} actions")
    failed = not enough
    for number, (key, words) in enumerate(points, 2):
        failed |= not table[key]
        print(f"{'' if table[key] else 'not '}ok {number} - {words}"
              f"{' in ' + table[key][0] if table[key] else ' in no session'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
