"""Each profile to each server with the senders that admins use.

pix-mailguard answers EHLO with the server's reply to NOOP, so that a client takes it for an
ESMTP server without extensions and never says HELO.  Postfix does not mind.  OpenSMTPD refuses the
NOOP because of its trailing blanks, which saves the client: it tries HELO.  Exim wants a HELO
before MAIL and refuses: that is what such a device costs, and is expected here.
"""

import pytest

import clients
import samples
from conftest import SERVERS, on
from dialogue import read
from gateway import PROFILES
from peers import same

EMULATED = ("pix-mailguard", "pix-mailguard-4.4")
SENDERS = {"swaks": clients.swaks, "curl": clients.curl, "msmtp": clients.msmtp,
           "smtp_source": clients.smtp_source}

# swaks takes a last line that is a lone dot for the end of its input.
MESSAGE = samples.DOTS + b"end\r\n"


def pairs(wanted):
    """Runs a test for the senders and routes that are wanted."""
    found = [((server, profile), sender) for server in SERVERS for profile in PROFILES
             for sender in SENDERS if wanted(server, profile, sender)]
    return pytest.mark.parametrize("route,sender", found, indirect=["route"],
                                   ids=[f"{sender}-{profile}-{server}"
                                        for (server, profile), sender in found])


def is_stuck(server, profile, sender):
    """Whether this client takes the NOOP for its EHLO before a server that wants one."""
    return server == "exim" and profile in EMULATED and sender != "smtp_source"


def send(route, sender, recipient, folder):
    """Runs the sender; returns how it ended, and what the server saw."""
    options = {"folder": folder} if sender == "smtp_source" else {}
    result = SENDERS[sender](route.port, [recipient], MESSAGE, **options)
    return result, read(route.tap.last())


@pairs(lambda *pair: not is_stuck(*pair))
def test_client(route, address, tmp_path, sender):
    """The client succeeds and the message arrives as it sent it."""
    recipient, message = address(), MESSAGE + clients.ADDED.get(sender, b"")
    result, dialogue = send(route, sender, recipient, tmp_path)
    assert result.status == 0, result.output
    assert dialogue.bodies() == [message]
    assert dialogue.accepted() == 1
    got = route.peer.delivered(recipient)
    assert same(message, got[0]), got[0]


@pairs(is_stuck)
def test_client_without_hello(route, address, tmp_path, sender):
    """The server's 503 reaches the client."""
    result, dialogue = send(route, sender, address(), tmp_path)
    assert result.status != 0
    assert "HELO" not in dialogue.verbs() and "503" in result.output
    assert dialogue.accepted() == 0


@on(profiles=("esmtp", "rfc821"))
def test_swaks_with_many_recipients(route, address):
    """Three recipients in one go."""
    recipients = [address() for _ in range(3)]
    assert clients.swaks(route.port, recipients, samples.PLAIN).status == 0
    for recipient in recipients:
        assert same(samples.PLAIN, route.peer.delivered(recipient)[0])


@on(("postfix",), ("esmtp",))
def test_smtp_source_in_bulk(route, address, tmp_path):
    """Parallel sessions: 60 messages in 6 sessions, all of them delivered."""
    recipient = address()
    result = clients.smtp_source(route.port, [recipient], samples.PLAIN, "-d", "-s", "6", "-m",
                                 "60", folder=tmp_path)
    assert result.status == 0, result.output
    assert len(route.peer.delivered(recipient, 60)) == 60


@on(("postfix", "exim"), ("esmtp",))
def test_curl_smtputf8(route, address):
    """curl asks for SMTPUTF8 by itself when an address needs it."""
    recipient = address("grüße")
    result = clients.curl(route.port, [recipient], samples.PLAIN)
    assert result.status == 0, result.output
    assert any(line.endswith(b" SMTPUTF8") for line in read(route.tap.last()).commands())
    assert same(samples.PLAIN, route.peer.delivered(recipient)[0])


@on(("exim", "opensmtpd"), ("esmtp",))
def test_curl_big(route, address):
    """curl sends 20 MB, its own stuffing at its own buffer's edges."""
    recipient, message = address(), samples.big(20 << 20, seed=2)
    result = clients.curl(route.port, [recipient], message)
    assert result.status == 0, result.output[-2000:]
    assert read(route.tap.last()).bodies() == [message]
    assert same(message, route.peer.delivered(recipient)[0])
    route.peer.forget()
