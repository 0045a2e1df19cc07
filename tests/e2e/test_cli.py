"""The command line and the configuration: what is wrong is said exactly, with the right status."""

import re

import pytest

import gateway as gateways
from box import free_port
from raw import Client

USAGE, UNAVAILABLE, NO_INPUT, CONFIG = 64, 69, 66, 78

BAD_LINES = [
    [],
    ["frobnicate"],
    ["serve"],
    ["serve", "--listen", "127.0.0.1:0"],
    ["serve", "--backend", "127.0.0.1:25"],
    ["serve", "--no-such-option"],
    ["serve", "-c"],
    ["serve", "--listen", "127.0.0.1:0", "--backend", "127.0.0.1:25", "--profile", "esntp"],
    ["serve", "--listen", "nonsense", "--backend", "127.0.0.1:25"],
    ["serve", "--listen", "127.0.0.1:99999", "--backend", "127.0.0.1:25"],
    ["serve", "--listen", "127.0.0.1:0", "--backend", "127.0.0.1:25", "--workers", "many"],
    ["serve", "--listen", "127.0.0.1:0", "--backend", "127.0.0.1:25", "--workers", "-1"],
    ["serve", "--listen", "127.0.0.1:0", "--backend", "127.0.0.1:25", "extra"],
    ["check"],
    ["sink"],
    ["sink", "--listen", "127.0.0.1:0", "--size", "big"],
    ["profiles", "esntp"],
]


@pytest.mark.parametrize("line", BAD_LINES, ids=" ".join)
def test_wrong_command_line(line):
    """Status 64, one clear line on stderr, nothing on stdout."""
    done = gateways.run(*line)
    assert done.returncode == USAGE, done
    assert done.stdout == ""
    assert done.stderr.strip() and "Traceback" not in done.stderr


@pytest.mark.parametrize("line", [["serve", "--listen", "127.0.0.1:0", "--backend", "127.0.0.1:25",
                                   "--profile", "esntp"], ["profiles", "esntp"]], ids=" ".join)
def test_nearest_profile(line):
    """A profile that is not known: the nearest one is named."""
    assert "esmtp" in gateways.run(*line).stderr


GOOD = gateways.configuration([25])


def changed(old, new):
    """The good configuration with one thing wrong."""
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def with_statement(statement):
    """The good configuration with one more statement in line 15, column 5."""
    return changed("profile esmtp", f"profile esmtp\n    {statement}")


# What is wrong: the text, the line and column that must be named, a word that must be said.
BAD_FILES = {
    "unknown statement": (changed("hostname", "hostnam"), 3, 1, "hostname"),
    "unknown policy statement": (changed("profile esmtp", "profle esmtp"), 14, 5, "profile"),
    "unknown profile": (changed("profile esmtp", "profile esntp"), 14, 13, "esmtp"),
    "unknown backend": (changed("    backend b", "    backend mail"), 7, 13, "mail"),
    "unknown policy": (changed("policy p\n", "policy q\n"), 8, 12, "q"),
    "unknown verb": (with_statement("command refuse VRFI"), 15, 20, "VRFY"),
    "unknown keyword": (with_statement("keyword hide CHUNKIN"), 15, 18, "CHUNKING"),
    "bad time": (with_statement("timeout command 5"), 15, 21, "5"),
    "bad number": (changed("workers 1", "workers lots"), 2, 9, "lots"),
    "bad address": (changed("127.0.0.1:0", "127.0.0.1:0:0"), 6, 12, "127.0.0.1:0:0"),
    "unclosed block": (GOOD.rstrip().rstrip("}"), 13, 10, "}"),
    "unclosed string": (changed('"gw.example.test"', '"gw.example.test'), 3, 10, '"'),
    "twice": (changed("workers 1", "workers 1\nworkers 2"), 3, 1, "workers"),
    "not in this version": (with_statement("starttls terminate"), 15, 14, "terminate"),
    "a control byte": (changed("workers", "work\x01ers"), 2, 5, "0x01"),
}


@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("command", ["check", "serve"])
def test_wrong_configuration(tmp_path, command, name):
    """Status 78 and file:line:column: with the word that is meant."""
    text, line, column, word = BAD_FILES[name]
    file = tmp_path / "mx.conf"
    file.write_text(text, encoding="utf-8")
    done = gateways.run(command, "-c", file)
    assert done.returncode == CONFIG, done
    found = re.search(rf"^{re.escape(str(file))}:{line}:{column}: (.+)$", done.stderr, re.MULTILINE)
    assert found is not None, done.stderr
    assert word in found.group(1)


def test_good_configuration(tmp_path):
    """`check` takes what `serve` takes: status 0."""
    file = tmp_path / "mx.conf"
    file.write_text(GOOD, encoding="utf-8")
    assert gateways.run("check", "-c", file).returncode == 0


def test_no_file(tmp_path):
    """A file that is not there is named."""
    done = gateways.run("serve", "-c", tmp_path / "nowhere.conf")
    assert done.returncode in (NO_INPUT, CONFIG)
    assert "nowhere.conf" in done.stderr


def test_address_in_use(daemons):
    """Status 69, and the address is named."""
    gateway = gateways.quick(free_port(), "esmtp")
    daemons.append(gateway)
    done = gateways.run("serve", "--listen", f"127.0.0.1:{gateway.port}", "--backend",
                        "127.0.0.1:25")
    assert done.returncode == UNAVAILABLE, done
    assert f"127.0.0.1:{gateway.port}" in done.stderr
    gateway.stop()


@pytest.mark.parametrize("profile", gateways.PROFILES)
def test_profiles_read_back(tmp_path, profile):
    """A profile is printed as a policy that the configuration takes."""
    shown = gateways.run("profiles", profile)
    assert shown.returncode == 0 and shown.stderr == ""
    file = tmp_path / "mx.conf"
    file.write_text("listener default { listen 127.0.0.1:0; backend b; policy p }\n"
                    "backend b { server 127.0.0.1:25 }\n"
                    + re.sub(r"(?m)^policy \S+ \{", "policy p {", shown.stdout), encoding="utf-8")
    done = gateways.run("check", "-c", file)
    assert done.stderr == ""
    # The devices' profiles cost senders what is worth a warning.
    assert done.returncode == (0 if profile in ("observe", "esmtp", "rfc821") else 1)


@pytest.mark.parametrize("line", [["--help"], ["serve", "--help"], ["check", "--help"],
                                  ["sink", "--help"], ["profiles", "--help"], ["--version"]],
                         ids=" ".join)
def test_help(line):
    """Help goes to stdout with status 0."""
    done = gateways.run(*line)
    assert done.returncode == 0 and done.stdout and not done.stderr


def test_one_ready_line(daemons):
    """One line says that it accepts, and it does."""
    gateway = gateways.quick(free_port(), "esmtp", "--workers", "2")
    daemons.append(gateway)
    Client(gateway.port).close()
    assert gateway.log().count("ready: ") == 1
    gateway.stop()
