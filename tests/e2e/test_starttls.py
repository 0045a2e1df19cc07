"""STARTTLS: passed on to Postfix and Exim (after which the gateway sees nothing), hidden, required.

Debian 12's OpenSMTPD offers STARTTLS but cannot do it: its key engine is of the time before
OpenSSL 3 ("rsa routines::missing private key"), with or without a gateway.
"""

import re

import pytest

import clients
import gateway as gateways
import samples
from conftest import on
from dialogue import read
from peers import same
from raw import Client
from tap import TO_SERVER, Tap

OFFER_TLS = ("postfix", "exim", "opensmtpd")
WITH_TLS = ("postfix", "exim")


@on(WITH_TLS, ("observe", "esmtp"))
def test_pass(route, address):
    """swaks -tls gets through to the server's own certificate, and the log says what it means."""
    recipient = address()
    result = clients.swaks(route.port, [recipient], samples.PLAIN, "-tls")
    assert result.status == 0, result.output
    assert "/CN=mx.example.test" in result.output
    session = route.tap.last()
    assert read(session).dark
    assert samples.PLAIN not in session.sent(TO_SERVER)
    assert same(samples.PLAIN, route.peer.delivered(recipient)[0])
    route.idle()
    assert re.search(r": unseen: STARTTLS from unknown\[127\.0\.0\.1\]: ", route.log())


@on(("exim",), ("esmtp",))
def test_pass_with_auth(route, address):
    """AUTH inside TLS, as submission clients do it."""
    recipient = address()
    result = clients.swaks(route.port, [recipient], samples.PLAIN, "-tls", "--auth", "PLAIN",
                           "--auth-user", "known", "--auth-password", "right-secret")
    assert result.status == 0, result.output
    assert same(samples.PLAIN, route.peer.delivered(recipient)[0])


@on(("postfix",), ("esmtp",))
def test_big_in_the_dark(route, address):
    """20 MB through TLS."""
    recipient, message = address(), samples.big(20 << 20, seed=3)
    result = clients.curl(route.port, [recipient], message, "--ssl-reqd", "--insecure")
    assert result.status == 0, result.output[-2000:]
    assert same(message, route.peer.delivered(recipient)[0])
    route.peer.forget()


@on(OFFER_TLS, ("esmtp",))
@pytest.mark.parametrize("behind", [b"NOOP\r\n", b"M", b"EHLO x\r\nMAIL FROM:<evil@x.test>\r\n"])
def test_nothing_crosses(route, client, behind):
    """Bytes behind STARTTLS in the same segment end the session and never reach the server."""
    route.hello(client)
    client.send(b"STARTTLS\r\n" + behind)
    client.ended()
    sent = route.tap.last().sent(TO_SERVER)
    assert behind not in sent.partition(b"EHLO client.test\r\n")[2].replace(b"STARTTLS\r\n", b"")


@pytest.fixture(name="guarded")
def _guarded(request, world, tmp_path, daemons):
    """A gateway before the server with `starttls` set as the test wants it."""
    server, setting = request.param
    peer = world.peer(server)
    tap = Tap(peer.port)
    daemons.append(tap)
    gateway = gateways.configured(tmp_path, [tap.port], policy=f"starttls {setting}")
    daemons.append(gateway)
    return peer, tap, gateway


def guarded(setting, servers):
    """The test with that setting before each of the servers."""
    return pytest.mark.parametrize("guarded", [(server, setting) for server in servers],
                                   indirect=True, ids=servers)


@guarded("hide", OFFER_TLS)
def test_hide(guarded, address):
    """Neither offered nor taken; swaks -tls fails, -tlso (optional) sends in the clear."""
    peer, tap, gateway = guarded
    recipient = address()
    with Client(gateway.port) as client:
        assert "STARTTLS" not in client.expect(250, "EHLO client.test").keywords()
        assert client.command("STARTTLS").startswith(b"502 5.5.1")
        client.quit()
    assert clients.swaks(gateway.port, [recipient], samples.PLAIN, "-tls").status == 29
    assert clients.swaks(gateway.port, [recipient], samples.PLAIN, "-tlso").status == 0
    assert same(samples.PLAIN, peer.delivered(recipient)[0])
    tap.last(3)
    assert all(b"STARTTLS" not in session.sent(TO_SERVER) for session in tap.sessions)
    gateway.stop()


@guarded("require", WITH_TLS)
def test_require(guarded, address):
    """530 5.7.0 to all that would carry mail in the clear; with TLS it goes through."""
    peer, tap, gateway = guarded
    recipient = address()
    with Client(gateway.port) as client:
        assert "STARTTLS" in client.expect(250, "EHLO client.test").keywords()
        for line in ("MAIL FROM:<sender@client.test>", f"RCPT TO:<{recipient}>", "DATA"):
            assert client.command(line).startswith(b"530 5.7.0 "), line
        client.expect(250, "NOOP")
        client.quit()
    assert set(read(tap.last()).verbs()) <= {"EHLO", "NOOP", "QUIT"}
    assert clients.swaks(gateway.port, [recipient], samples.PLAIN).status != 0
    assert clients.swaks(gateway.port, [recipient], samples.PLAIN, "-tls").status == 0
    assert same(samples.PLAIN, peer.delivered(recipient)[0])
    gateway.stop()
