"""`ehlogate check` and `ehlogate profiles` as commands: output, errors and exit status."""

import re

import pytest

import gateway

COMPLETE = "backend b { server 127.0.0.1:25 }\nlistener l { listen 127.0.0.1:0; backend b }\n"


def check(folder, text):
    """Runs `ehlogate check` on a file of that text."""
    path = folder / "ehlogate.conf"
    path.write_text(text, encoding="utf-8")
    return path, gateway.run("check", "-c", str(path))


def test_check_tells_what_a_listener_takes(tmp_path):
    path, result = check(tmp_path, """
        backend mail { server 127.0.0.1:25; server unix:/run/mail.sock }
        listener edge { listen 127.0.0.1:0, unix:/tmp/edge.sock; backend mail; policy site }
        listener old { listen 127.0.0.1:0; backend mail; policy rfc821 }
        policy site { command refuse AUTH; keyword hide SIZE; starttls hide }
    """)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{path}: ok\n")
    edge, old = result.stdout.split("\nlistener ")[1:]
    words = " ".join(edge.split())
    assert words.startswith("edge listen 127.0.0.1:0, unix:/tmp/edge.sock backend mail: "
                            "127.0.0.1:25, unix:/run/mail.sock policy site (profile esmtp) "
                            "keywords hidden: all but 8BITMIME, BINARYMIME,")
    offered = re.search(r"keywords hidden: all but (.*?) starttls", words).group(1).split(", ")
    assert "CHUNKING" in offered
    assert {"SIZE", "AUTH", "STARTTLS", "VRFY"}.isdisjoint(offered)
    assert " starttls hidden " in words
    assert " dropped: GET, POST, CONNECT" in words
    assert "ehlo       refused" in old
    assert "refused: all but HELO, MAIL, RCPT, DATA, RSET, NOOP, QUIT\n" in old


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
    _, printed = check(tmp_path, profiles.stdout + COMPLETE + listeners)
    assert (printed.returncode, printed.stderr) == (0, "")
    # What is printed as a policy costs senders what the profile does.
    _, direct = check(tmp_path, COMPLETE + listeners)
    assert re.sub(r" \(profile .*", "", printed.stdout) == re.sub(r" \(profile .*", "",
                                                                 direct.stdout)


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
