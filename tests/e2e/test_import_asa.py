"""`ehlogate import-asa` as a command: output, errors and exit status. What each line of a device's
configuration becomes is in tests/unit/test_asa.c."""

import pathlib
import re

import pytest

import gateway

SAMPLES = gateway.ROOT / "tests" / "asa"


@pytest.mark.parametrize("name, status", [
    ("default", 0), ("strict", 1), ("pix", 0), ("pix-off", 0), ("mailhost", 0)])
def test_what_is_printed_is_valid(tmp_path, name, status):
    result = gateway.run("import-asa", str(SAMPLES / f"{name}.cfg"))
    assert (result.returncode, result.stdout) == (
        status, (SAMPLES / f"{name}.conf").read_text(encoding="utf-8"))
    assert (result.stderr != "") == (status == 1)
    path = tmp_path / "ehlogate.conf"
    path.write_text(result.stdout, encoding="utf-8")
    check = gateway.run("check", "-c", str(path))
    # 1 says that the policy costs senders something, which these do.
    assert check.returncode in (0, 1)
    assert check.stderr == ""
    policy = re.search(r"^    policy  (\S+)$", result.stdout, re.MULTILINE).group(1)
    assert f"policy     {policy} " in check.stdout


def test_every_sample_is_tested():
    names = {path.stem for path in SAMPLES.glob("*.cfg")}
    assert names == {"default", "strict", "pix", "pix-off", "mailhost"}


def test_what_is_left_out_is_told():
    path = SAMPLES / "strict.cfg"
    result = gateway.run("import-asa", str(path))
    assert result.stderr == (f"{path}:14:13: not carried over: regex glob (line 14, column 13): "
                             "there is nothing to repeat\n")
    assert result.stdout.count("NOT CARRIED OVER: ") == 1


def test_errors_are_told_and_nothing_is_printed(tmp_path):
    path = tmp_path / "asa.cfg"
    path.write_text("policy-map type inspect esmtp m\n match body lenght gt 1\n  log\n"
                    " match cmd verb EXPM\n  mask\n", encoding="utf-8")
    result = gateway.run("import-asa", str(path))
    assert (result.returncode, result.stdout) == (78, "")
    first, second = result.stderr.splitlines()
    assert first.startswith(f'{path}:2:13: match: unknown word "lenght"')
    assert second.endswith('unknown verb "EXPM"; did you mean "EXPN"?')


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "none.cfg"
    result = gateway.run("import-asa", str(path))
    assert (result.returncode, result.stdout) == (78, "")
    assert result.stderr == f"ehlogate: {path} cannot be read: No such file or directory\n"


@pytest.mark.parametrize("arguments, message", [
    ((), "FILE is missing"),
    (("a", "b"), "unexpected argument b"),
    (("--hepl",), "unknown option --hepl; did you mean --help?"),
])
def test_wrong_arguments(arguments, message):
    result = gateway.run("import-asa", *arguments)
    assert (result.returncode, result.stdout) == (64, "")
    assert message in result.stderr


def documented():
    """The first column of each table row of the manual that has a rule in its second."""
    text = pathlib.Path(gateway.ROOT / "docs" / "asa.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(match [^|]*?)` \| `([^`]+)`", text, re.MULTILINE)


def test_the_manual_tells_what_is_made(tmp_path):
    rows = documented()
    assert len(rows) >= 15
    for line, made in rows:
        path = tmp_path / "asa.cfg"
        mask = "ehlo" in line or "cmd verb" in line
        path.write_text("regex R \"@spam\\.example\"\n"
                        "class-map type regex match-any C\n match regex R\n"
                        f"policy-map type inspect esmtp m\n {line}\n"
                        f"  {'mask' if mask else 'drop-connection log'}\n", encoding="utf-8")
        result = gateway.run("import-asa", str(path))
        assert (result.returncode, result.stderr) == (0, ""), line
        assert f"\n    {made}\n" in result.stdout, line
