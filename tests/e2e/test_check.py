"""`ehlogate check` and `ehlogate profiles` as commands: output, errors and exit status."""

import contextlib
import json
import re
import socket

import pytest

import fakes
import gateway

COMPLETE = "backend b { server 127.0.0.1:25 }\nlistener l { listen 127.0.0.1:0; backend b }\n"


def check(folder, text):
    """Runs `ehlogate check` on a file of that text."""
    path = folder / "ehlogate.conf"
    path.write_text(text, encoding="utf-8")
    return path, gateway.run("check", "-c", str(path))


def words(text):
    """The text without its line breaks."""
    return " ".join(text.split())


def report(folder, text, *options):
    """Runs `ehlogate check --json`; returns the report, which has to agree with the status."""
    path = folder / "ehlogate.conf"
    path.write_text(text, encoding="utf-8")
    result = gateway.run("check", "-c", str(path), "--json", *options)
    found = json.loads(result.stdout)
    valid(found, SCHEMA)
    assert found["file"] == str(path)
    assert STATUS[found["status"]] == result.returncode
    counted = [finding for listener in found["listeners"] for finding in listener["findings"]
               if finding["severity"] == "warning"]
    assert found["warnings"] == len(counted)
    assert (found["status"] == "warnings") == bool(counted)
    return found, result


STATUS = {"clean": 0, "warnings": 1, "unusable": 78}

# The schema as docs/check.md has it. A set stands for its values, a list for any number of its one
# element, a dict for exactly its keys (or, where its one key is `str`, for any), a tuple for one
# of several.
CAUSE = (None, {"text": str, "file": (None, str), "line": (None, int)})
SCHEMA = {
    "schema": {"ehlogate-check"}, "version": {1}, "file": str, "status": set(STATUS),
    "live": bool, "warnings": int, "errors": [str],
    "listeners": [{
        "name": str, "listen": [str], "backend": str, "policy": str, "profile": str,
        "esmtp": bool,
        "servers": [{"address": str, "live": (None, {
            "error": (None, str), "greeting": (None, str), "offers": [str]})}],
        "services": [{
            "keyword": (None, str), "name": str, "state": {"kept", "part", "lost", "absent"},
            "until_starttls": bool, "effect": (None, str), "cause": CAUSE}],
        "commands": {str: {"allow", "refuse", "mask", "noop", "drop"}},
        "findings": [{"severity": {"warning", "note"}, "code": str, "text": str,
                      "cause": CAUSE}],
    }],
}


def valid(value, schema, where="report"):
    """Asserts that a value is as the schema says."""
    if isinstance(schema, tuple):
        schema = schema[0] if value is None else schema[1]
    if isinstance(schema, set):
        assert value in schema, f"{where}: {value!r}"
    elif isinstance(schema, list):
        assert isinstance(value, list), where
        for number, element in enumerate(value):
            valid(element, schema[0], f"{where}[{number}]")
    elif isinstance(schema, dict):
        assert isinstance(value, dict), where
        free = str in schema
        assert free or value.keys() == schema.keys(), f"{where}: {sorted(value)}"
        for key, element in value.items():
            valid(element, schema[str if free else key], f"{where}.{key}")
    elif schema is None:
        assert value is None, where
    else:
        assert type(value) is schema, f"{where}: {value!r}"


def services(listener, state):
    """The names of a listener's services in that state."""
    return {service["name"] for service in listener["services"] if service["state"] == state}


def codes(listener, severity="warning"):
    """The codes of a listener's findings."""
    return [finding["code"] for finding in listener["findings"]
            if finding["severity"] == severity]


def test_check_tells_what_a_listener_takes(tmp_path):
    path, result = check(tmp_path, """
        backend mail { server 127.0.0.1:25; server unix:/run/mail.sock }
        listener edge { listen 127.0.0.1:0, unix:/tmp/edge.sock; backend mail; policy site }
        listener old { listen 127.0.0.1:0; backend mail; policy rfc821 }
        policy site { command refuse AUTH; keyword hide SIZE; starttls hide }
    """)
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.startswith(f"{path}: ok, 1 warning\n")
    edge, old = (words(text) for text in result.stdout.split("\nlistener ")[1:])
    assert edge.startswith("edge listen 127.0.0.1:0, unix:/tmp/edge.sock backend mail: "
                           "127.0.0.1:25, unix:/run/mail.sock policy site (profile esmtp) "
                           "keeps PIPELINING, 8BITMIME, SMTPUTF8, DSN, CHUNKING, BINARYMIME,")
    assert " loses by `starttls hide` at ehlogate.conf:5: TLS: mail arrives in the clear;" in edge
    assert " by `command refuse AUTH` at ehlogate.conf:5: AUTH: nobody can log in:" in edge
    assert " by `keyword hide SIZE` at ehlogate.conf:5: SIZE: a message that is too" in edge
    assert " dropped: GET, POST, CONNECT WARNING TLS is taken from senders" in edge
    assert "EHLO refused: senders have no ESMTP service keeps nothing loses by `profile" in old
    assert old.endswith("refused: all but HELO, MAIL, RCPT, DATA, RSET, NOOP, QUIT")
    assert max(len(line) for line in result.stdout.splitlines()[1:]) <= 96


def test_the_report_is_json_of_its_schema(tmp_path):
    found, result = report(tmp_path, """
        backend mail { server 127.0.0.1:25 }
        listener edge { listen 127.0.0.1:0; backend mail; policy site }
        policy site { keyword hide SIZE; when mail.smtputf8 reject as "no \\"utf8\\"" }
    """)
    assert result.stderr == ""
    edge, = found["listeners"]
    assert codes(edge) == ["offered-refused"]
    assert services(edge, "absent") == set()
    causes = {service["keyword"]: service["cause"] for service in edge["services"]}
    assert causes["SIZE"] == {"text": "keyword hide SIZE", "file": found["file"], "line": 4}
    assert causes["SMTPUTF8"]["text"] == 'rule no "utf8"'
    assert causes["DSN"] is None
    assert len(causes) == len(edge["services"])
    assert edge["commands"]["VRFY"] == "refuse"
    assert edge["commands"]["others"] == "refuse"


def test_an_unusable_configuration_is_json_too(tmp_path):
    found, result = report(tmp_path, COMPLETE + "hostnme x\npolicy p { banner hyde }\n")
    assert found["status"] == "unusable"
    assert found["errors"] == result.stderr.splitlines()
    assert len(found["errors"]) == 2


@pytest.mark.parametrize("name, warnings", [
    ("observe", []), ("esmtp", []), ("rfc821", []),
    ("pix-mailguard", ["masked-banner"]), ("pix-mailguard-4.4", ["masked-banner"]),
    ("asa-esmtp", ["offered-broken", "masked-banner", "tls-hidden"]),
])
def test_a_profile_costs_what_it_is_for(tmp_path, name, warnings):
    found, _ = report(tmp_path, "backend b { server 127.0.0.1:25 }\n"
                      f"listener l {{ listen 127.0.0.1:0; backend b; policy {name} }}\n")
    assert codes(found["listeners"][0]) == warnings


def test_every_finding_is_in_the_manual():
    text = (gateway.ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    source = "".join((gateway.ROOT / "src" / name).read_text(encoding="utf-8") for name in (
        "policy/impact.c", "policy/impact_rules.c", "cli/check.c"))
    made = set(re.findall(r'(?:true|false), "([a-z-]+)", ', source))
    assert made == set(re.findall(r"^\| `([a-z-]+)` \| (?:warning|note) \|", text, re.MULTILINE))
    assert len(made) > 10


def price(listener):
    """All that a listener takes, without what takes it."""
    return (listener["name"], listener["commands"], codes(listener), codes(listener, "note"),
            [{key: value for key, value in service.items() if key != "cause"}
             for service in listener["services"]])


@pytest.mark.parametrize("name", ["esmtp", "rfc821"])
def test_the_manual_shows_the_report_as_it_is(tmp_path, name):
    text = (gateway.ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    _, result = check(tmp_path, "backend b { server 127.0.0.1:25 }\n"
                      f"listener l {{ listen 127.0.0.1:0; backend b; policy {name} }}\n")
    shown = result.stdout[result.stdout.index("  policy "):]
    assert shown.startswith(f"  policy     {name} ")
    assert f"```\n{shown}```\n" in text


def live(folder, *ports, policy="esmtp"):
    """The report of `check --live` before servers on these ports."""
    servers = "; ".join(f"server 127.0.0.1:{port}" for port in ports)
    return report(folder, f"hostname gate.example\nbackend b {{ {servers} }}\n"
                  f"listener l {{ listen 127.0.0.1:0; backend b; policy {policy} }}\n", "--live")


def test_live_asks_the_servers_and_leaves_politely(tmp_path):
    one = fakes.Scripted([b"220 a.example ESMTP \x1b[31m\r\n",
                          b"250-a.example\r\n250-SIZE 1000\r\n250-DSN\r\n250 ETRN\r\n",
                          b"221 Bye\r\n"], end="fin")
    two = fakes.Scripted([b"220-b.example\r\n220 ESMTP\r\n",
                          b"250-b.example\r\n250 SIZE\r\n", b"221 Bye\r\n"], end="fin")
    with contextlib.closing(one), contextlib.closing(two):
        found, _ = live(tmp_path, one.port, two.port)
    listener, = found["listeners"]
    assert found["live"] and found["status"] == "clean"
    assert one.heard[:2] == two.heard[:2] == [b"EHLO gate.example\r\n", b"QUIT\r\n"]
    assert listener["servers"][0]["live"] == {
        "error": None, "greeting": "220 a.example ESMTP \\x1B[31m",
        "offers": ["SIZE 1000", "DSN", "ETRN"]}
    assert services(listener, "kept") == {"SIZE"}
    assert services(listener, "part") == {"DSN"}
    assert services(listener, "lost") == {"ETRN", "unknown keywords"}
    assert {"TLS", "PIPELINING", "VRFY"} <= services(listener, "absent")


def test_live_warns_of_a_server_that_does_not_answer(tmp_path):
    busy = fakes.Scripted([b"554 No SMTP service here\r\n"], end="fin")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with contextlib.closing(busy):
        found, _ = live(tmp_path, port, busy.port)
    listener, = found["listeners"]
    assert codes(listener) == ["server-silent", "server-silent"]
    errors = [server["live"]["error"] for server in listener["servers"]]
    assert errors == ["Connection refused", "554 No SMTP service here"]
    # Of servers that say nothing nothing is known: the policy alone is judged.
    assert services(listener, "absent") == set()


def test_live_knows_a_server_without_esmtp(tmp_path):
    old = fakes.Scripted([b"220 old.example\r\n", b"500 What?\r\n", b"221 Bye\r\n"],
                         end="fin")
    with contextlib.closing(old):
        found, _ = live(tmp_path, old.port, policy="observe")
    listener, = found["listeners"]
    assert listener["servers"][0]["live"]["offers"] == []
    assert services(listener, "kept") == {"unknown keywords"}


def test_check_shows_every_error_and_exits_78(tmp_path):
    path, result = check(tmp_path, COMPLETE + "hostnme x\npolicy p { banner hyde }\n")
    assert (result.returncode, result.stdout) == (78, "")
    first, second = result.stderr.splitlines()
    assert first.startswith(f'{path}:3:1: unknown statement "hostnme"')
    assert first.endswith('did you mean "hostname"?')
    assert second.startswith(f'{path}:4:19: banner: unknown word "hyde"')


def test_check_names_a_file_that_is_not_there(tmp_path):
    result = gateway.run("check", "-c", str(tmp_path / "none.conf"))
    assert (result.returncode, result.stdout) == (78, "")
    assert result.stderr == (f"ehlogate: {tmp_path}/none.conf cannot be read: "
                             "No such file or directory\n")


@pytest.mark.parametrize("arguments, message", [
    ((), "-c FILE is missing"),
    (("-c",), "option -c needs a value"),
    (("--confg", "x"), "unknown option --confg; did you mean --config?"),
    (("-c", "a", "-c", "b"), "-c is given twice"),
    (("-c", "a", "b"), "unexpected argument b"),
])
def test_check_refuses_wrong_options(arguments, message):
    result = gateway.run("check", *arguments)
    assert (result.returncode, result.stdout) == (64, "")
    assert message in result.stderr


def test_profiles_are_a_configuration(tmp_path):
    profiles = gateway.run("profiles")
    assert (profiles.returncode, profiles.stderr) == (0, "")
    names = re.findall(r"^policy (\S+) \{$", profiles.stdout, re.MULTILINE)
    assert sorted(names) == sorted(gateway.PROFILES)
    listeners = "".join(
        f"listener {name} {{ listen 127.0.0.1:0; backend b; policy {name} }}\n" for name in names)
    printed, _ = report(tmp_path, profiles.stdout + COMPLETE + listeners)
    # What is printed as a policy costs senders what the profile does.
    direct, _ = report(tmp_path, COMPLETE + listeners)
    assert [price(listener) for listener in printed["listeners"]] == [
        price(listener) for listener in direct["listeners"]]


@pytest.mark.parametrize("name", gateway.PROFILES)
def test_one_profile_is_printed(name):
    result = gateway.run("profiles", name)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.match(rf"# .+\npolicy {re.escape(name)} \{{\n    banner ", result.stdout)
    assert result.stdout.count("policy ") == 1
    assert result.stdout in gateway.run("profiles").stdout


@pytest.mark.parametrize("arguments, message", [
    (("esmpt",), "unknown profile esmpt; did you mean esmtp?"),
    (("asa",), "unknown profile asa; did you mean"),
    (("esmtp", "rfc821"), "unexpected argument rfc821"),
    (("--hepl",), "unknown option --hepl; did you mean --help?"),
])
def test_profiles_refuses_wrong_arguments(arguments, message):
    result = gateway.run("profiles", *arguments)
    assert (result.returncode, result.stdout) == (64, "")
    assert message in result.stderr


def manual(name):
    """The configurations that a page of the manual shows."""
    text = (gateway.ROOT / "docs" / name).read_text(encoding="utf-8")
    return [block for block in re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
            if re.search(r"^(policy|listener) \S+ \{$", block, re.MULTILINE)]


def test_the_manual_shows_valid_configurations(tmp_path):
    example, = manual("configuration.md")
    policies = manual("profiles.md")
    assert len(policies) == 2
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "policies.conf").write_text("\n".join(policies), encoding="utf-8")
    # Its user and its host are not everyone's.
    _, result = check(tmp_path, re.sub(r"^user .*\n", "", example, flags=re.MULTILINE))
    assert (result.returncode, result.stderr) == (0, "")


def test_the_manual_knows_every_limit_and_its_default():
    text = (gateway.ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    printed = gateway.run("profiles", "esmtp").stdout
    numbers = re.findall(r"^    (?:limit|timeout) +(\S+) +(\S+)$", printed, re.MULTILINE)
    assert len(numbers) == 15
    for name, value in numbers:
        value = value.replace("12K", "12288")
        assert f"\n| `{name}` | {value} |" in text, f"{name} {value}"
