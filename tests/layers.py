#!/usr/bin/env python3
"""Checks the house rules that a compiler does not: where includes point, and what files look like.

  tests/layers.py             checks itself on samples that are wrong, then the source tree
  tests/layers.py --junit F   writes the results as JUnit XML as well

Rules, each counted as one test:
  direction   an #include in src/ points to its own layer or to one below it; layers of one level
              do not see each other
  pure        smtp, mail, policy and gate include neither net/ nor a header of sockets, TLS, clocks,
              threads, signals or the log, and call nothing that reads a clock
  plain       the headers of base, which those four include, bring in none of that either
  tls         OpenSSL is included in net/ alone
  purpose     every .c, .h, .y and .l opens with a comment
  length      no file passes 800 lines by much (style.md rule 20)
  listed      every tests/unit/test_*.c stands in tests/unit/meson.build
"""

import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[1]

# From the top down; the layers of one row are peers.
ROWS = (("cli",), ("probe",), ("replay",), ("admin",), ("serve", "sink", "asa"), ("config",),
        ("gate",), ("policy",), ("mail",), ("smtp",), ("net",), ("base",))
LEVEL = {layer: level for level, row in enumerate(reversed(ROWS)) for layer in row}
PURE = ("smtp", "mail", "policy", "gate")

FORBIDDEN = re.compile(
    r"sys/(socket|un|time|timeb|times|select|epoll|poll|eventfd|timerfd|signalfd|sendfile|wait)\.h"
    r"|netinet/.*|arpa/.*|net/.*|netdb\.h|ifaddrs\.h|resolv\.h|ares.*\.h"
    r"|time\.h|threads\.h|pthread\.h|signal\.h|poll\.h|unistd\.h|fcntl\.h|aio\.h"
    r"|openssl/.*|gnutls/.*|ev\.h|event2?/?.*|uv\.h|liburing\.h|linux/.*"
    r"|syslog\.h|systemd/.*|base/log\.h")
CLOCKS = re.compile(
    r"\b(time|clock|clock_gettime|gettimeofday|ftime|times|timespec_get|localtime(?:_r)?"
    r"|gmtime(?:_r)?|mktime|ev_now|ev_time|__rdtsc|__builtin_ia32_rdtscp?)\s*\(")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
LINES_MAX = 850
SOURCES = {".c", ".h", ".y", ".l"}


def blank(match):
    """A comment or literal without its content, its lines kept."""
    return "\n" * match.group().count("\n")


class Source:
    """One file below src/, as the rules see it."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.layer = path.parts[1] if len(path.parts) > 2 else ""
        # Includes are read from the text without its comments, but with its strings.
        uncommented = re.sub(r'/\*.*?\*/', blank, text, flags=re.DOTALL)
        self.includes = [(uncommented.count("\n", 0, match.start()) + 1, match.group(2))
                         for match in INCLUDE.finditer(uncommented)]
        self.code = NOISE.sub(blank, text)

    def at(self, line, what):
        """A finding."""
        return f"{self.path}:{line}: {what}"


def direction(source):
    """Includes that point up or sideways."""
    if source.layer not in LEVEL:
        yield source.at(1, f"{source.layer or 'src'} is not a layer")
        return
    for line, name in source.includes:
        layer = name.split("/")[0]
        if "/" not in name or layer not in LEVEL or layer == source.layer:
            if name.startswith(".."):
                yield source.at(line, f'"{name}" is not written from src/ on')
            continue
        # <net/if.h> and the like are the system's: ours are in quotes and exist, but a layer's
        # name is never a system header's folder that we use, save net.
        if LEVEL[layer] >= LEVEL[source.layer]:
            yield source.at(line, f'{source.layer} includes "{name}", which is not below it')


def pure(source):
    """Input, output, clocks and threads in layers that have none."""
    if source.layer not in PURE:
        return
    for line, name in source.includes:
        if FORBIDDEN.fullmatch(name):
            yield source.at(line, f"{source.layer} may not include {name}")
    for match in CLOCKS.finditer(source.code):
        yield source.at(source.code.count("\n", 0, match.start()) + 1,
                        f"{source.layer} may not call {match.group(1)}()")


def plain(source):
    """A header of base that would bring the forbidden ones in by the back door."""
    if source.layer != "base" or source.path.suffix != ".h" or source.path.name == "log.h":
        return
    for line, name in source.includes:
        if FORBIDDEN.fullmatch(name):
            yield source.at(line, f"a header of base may not include {name}")


def tls(source):
    """OpenSSL outside net/."""
    for line, name in source.includes:
        if name.startswith("openssl/") and source.layer != "net":
            yield source.at(line, f"{name} outside net/")


def purpose(source):
    """A file that does not say what it is for."""
    text = source.text.removeprefix("%{\n")
    comment = re.match(r"/\*(.*?)\*/", text, re.DOTALL)
    if comment is None or len(re.findall(r"\w+", comment.group(1))) < 2:
        yield source.at(1, "does not open with a comment that says what it is for")


def length(source):
    """A file that is probably two."""
    lines = source.text.count("\n")
    if lines > LINES_MAX:
        yield source.at(lines, f"has {lines} lines: it is probably two files")


RULES = (direction, pure, plain, tls, purpose, length)


def unlisted(names, build):
    """Unit tests that no build runs."""
    listed = re.findall(r"'([^']+)'", re.search(r"unit_tests = \[(.*?)\]", build, re.DOTALL)[1])
    wanted = [name.removeprefix("test_").removesuffix(".c") for name in names]
    return [f"tests/unit/test_{name}.c is not in tests/unit/meson.build"
            for name in wanted if name not in listed]


OPENING = "/*\n * A sample file.\n */\n"
# What each rule must find, and what it must not: (rule, path, text, findings).
SAMPLES = (
    (direction, "src/smtp/a.c", '#include "gate/gate.h"\n', 1),
    (direction, "src/smtp/a.c", '#include "base/span.h"\n#include "smtp/b.h"\n', 0),
    (direction, "src/base/a.c", '#include "base/span.h"\n  #  include "net/addr.h"\n', 1),
    (direction, "src/sink/a.c", '#include "serve/serve.h"\n', 1),
    (direction, "src/serve/a.c", '#include "sink/sink.h"\n#include "config/config.h"\n', 1),
    (direction, "src/gate/a.c", '/* #include "serve/serve.h" */\n#include "policy/policy.h"\n', 0),
    (direction, "src/gate/a.c", '#include "../serve/serve.h"\n', 1),
    (direction, "src/strange/a.c", "", 1),
    (direction, "src/a.c", "", 1),
    (direction, "src/cli/a.c", '#include "serve/serve.h"\n#include "sink/sink.h"\n', 0),
    (pure, "src/smtp/a.c", "#include <sys/socket.h>\n", 1),
    (pure, "src/gate/a.c", "#include <time.h>\n#include <unistd.h>\n", 2),
    (pure, "src/policy/a.h", '#include "base/log.h"\n', 1),
    (pure, "src/policy/a.h", '#include "net/addr.h"\n', 1),
    (pure, "src/mail/a.c", "#include <openssl/ssl.h>\n#include <ev.h>\n#include <netdb.h>\n", 3),
    (pure, "src/serve/a.c", "#include <sys/socket.h>\n#include <ev.h>\n", 0),
    (pure, "src/gate/a.c", '#include "base/buf.h"\n#include <string.h>\n#include <stdio.h>\n', 0),
    (pure, "src/gate/a.c", "long f(void) { return time(0); }\n", 1),
    (pure, "src/gate/a.c", "int x = clock_gettime (1, 0);\n", 1),
    (pure, "src/gate/a.c", "/* time(0) */ int runtime(int time); char *s = \"time(\";\n", 0),
    (pure, "src/serve/a.c", "long f(void) { return time(0); }\n", 0),
    (plain, "src/base/a.h", '#include "base/log.h"\n#include <time.h>\n', 2),
    (plain, "src/base/a.c", "#include <time.h>\n", 0),
    (plain, "src/base/log.h", "#include <time.h>\n", 0),
    (tls, "src/serve/a.c", "#include <openssl/ssl.h>\n", 1),
    (tls, "src/net/a.c", "#include <openssl/ssl.h>\n", 0),
    (purpose, "src/net/a.c", "#include <stdio.h>\n", 1),
    (purpose, "src/net/a.c", "/* x */\n", 1),
    (purpose, "src/net/a.c", OPENING, 0),
    (purpose, "src/config/a.y", "%{\n" + OPENING, 0),
    (length, "src/net/a.c", OPENING + "\n" * LINES_MAX, 1),
    (length, "src/net/a.c", OPENING + "\n" * 100, 0),
)


def self_test():
    """Samples on which a rule finds too much or too little."""
    for rule, path, text, count in SAMPLES:
        found = list(rule(Source(pathlib.Path(path), text)))
        if len(found) != count:
            yield f"{rule.__name__} on {text!r} in {path}: {len(found)} findings, not {count}"
    if len(unlisted(["test_a.c", "test_b.c"], "unit_tests = [\n  'a',\n]")) != 1:
        yield "listed does not find an unlisted test"


def tree():
    """Every source file below src/."""
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix in SOURCES:
            yield Source(path.relative_to(ROOT), path.read_text(encoding="utf-8"))


def results():
    """The findings of each rule, by the rule's name."""
    found = {"self-test": list(self_test())}
    sources = list(tree())
    if len(sources) < 20:
        found["self-test"].append(f"only {len(sources)} sources found below src/")
    for rule in RULES:
        found[rule.__name__] = [text for source in sources for text in rule(source)]
    folder = ROOT / "tests" / "unit"
    found["listed"] = unlisted([path.name for path in folder.glob("test_*.c")],
                               (folder / "meson.build").read_text(encoding="utf-8"))
    return found


def junit(found, path):
    """The results as JUnit XML."""
    suite = xml.Element("testsuite", name="layers", tests=str(len(found)),
                        failures=str(sum(map(bool, found.values()))))
    for rule, findings in found.items():
        case = xml.SubElement(suite, "testcase", classname="layers", name=rule)
        if findings:
            xml.SubElement(case, "failure").text = "\n".join(findings)
    xml.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def main():
    """Prints findings; exit status 1 where there are any."""
    parser = argparse.ArgumentParser(description="checks the layers of src/")
    parser.add_argument("--junit", type=pathlib.Path)
    options = parser.parse_args()
    found = results()
    for findings in found.values():
        for text in findings:
            print(text)
    if options.junit:
        junit(found, options.junit)
    failed = sum(map(bool, found.values()))
    print(f"layers: {len(found) - failed} rules passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
