"""AUTH is relayed to Exim and back, and no secret is ever written to the gateway's log."""

import base64

import pytest

import clients
import samples
from conftest import on
from dialogue import read
from peers import same

USER, RIGHT, WRONG = "known", "right-secret", "wrong-secret"


def encoded(text):
    """Base64, as text."""
    return base64.b64encode(text.encode()).decode()


def traces_of(password):
    """What of the password could end up in a log."""
    plain = encoded(f"\0{USER}\0{password}")
    return [password, encoded(password), plain, plain[8:-4]]


def check_log(route, password):
    """The log speaks of AUTH, or at least of the session, and holds no secret."""
    route.idle()
    log = route.log()
    assert "disconnect from" in log and "auth=" in log
    for trace in traces_of(password):
        assert trace not in log


@on(("exim",), ("observe", "esmtp", "asa-esmtp"))
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_right_password(route, address, mechanism):
    """swaks logs in and sends."""
    recipient = address()
    result = clients.swaks(route.port, [recipient], samples.PLAIN, "--auth", mechanism,
                           "--auth-user", USER, "--auth-password", RIGHT)
    assert result.status == 0, result.output
    assert "235" in result.output
    dialogue = read(route.tap.last())
    assert dialogue.verbs()[1] == "AUTH" and dialogue.bodies() == [samples.PLAIN]
    assert same(samples.PLAIN, route.peer.delivered(recipient)[0])
    assert f"A={mechanism.lower()}:{USER}" in route.peer.log()
    check_log(route, RIGHT)


@on(("exim",), ("observe", "esmtp", "asa-esmtp"))
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_wrong_password(route, address, mechanism):
    """The server's 535 reaches the client; its secret stays out of the log all the same."""
    result = clients.swaks(route.port, [address()], samples.PLAIN, "--auth", mechanism,
                           "--auth-user", USER, "--auth-password", WRONG)
    assert result.status == 28, result.output
    assert "535" in result.output
    check_log(route, WRONG)


@on(("exim",), ("esmtp",))
def test_curl_and_msmtp(route, address, tmp_path):
    """Two more ways to say it: initial response (curl) and challenge (msmtp LOGIN)."""
    first, second = address(), address()
    result = clients.curl(route.port, [first], samples.PLAIN, "--user", f"{USER}:{RIGHT}")
    assert result.status == 0, result.output
    password = tmp_path / "password"
    password.write_text(RIGHT, encoding="ascii")
    result = clients.msmtp(route.port, [second], samples.PLAIN, "--auth=login", f"--user={USER}",
                           f"--passwordeval=cat {password}")
    assert result.status == 0, result.output
    assert same(samples.PLAIN, route.peer.delivered(first)[0])
    assert same(samples.PLAIN, route.peer.delivered(second)[0])
    check_log(route, RIGHT)


@on(("exim",), ("esmtp",))
def test_responses_are_no_commands(route, client):
    """What follows a 334 is a response, whatever it looks like, and so is a cancelled exchange."""
    route.hello(client)
    client.expect(334, "AUTH LOGIN")
    client.expect(334, encoded("VRFY root"))
    assert client.command("*").code in (501, 535)
    client.expect(334, "AUTH PLAIN")
    assert client.command("VRFY").code in (501, 535)
    client.expect(502, "VRFY root")
    client.quit()
    kinds = [step.kind for step in read(route.tap.last()).steps]
    assert kinds.count("answer") == 3


@on(("exim",), ("esmtp",))
def test_malformed_auth_is_not_logged(route, client):
    """A secret in the wrong place: an unknown mechanism, too many words, a typo in the verb."""
    route.hello(client)
    for line in (f"AUTH {encoded(RIGHT)}", f"AUTH PLAIN {encoded(RIGHT)} {encoded(RIGHT)}",
                 f"auth  bogus {encoded(RIGHT)}"):
        assert client.command(line).code >= 500
    client.send(b"QUIT\r\n")
    client.ended()
    check_log(route, RIGHT)


@on(("exim",), ("rfc821",))
def test_refused(route, client):
    """The seven commands know no AUTH, and the secret reaches neither server nor log."""
    route.hello(client)
    assert client.command(f"AUTH PLAIN {encoded(RIGHT)}").startswith(b"502 5.5.1")
    client.quit()
    assert encoded(RIGHT).encode() not in b"".join(read(route.tap.last()).commands())
    check_log(route, RIGHT)
