"""Rules on real mail before real servers.

What a rule refuses at the end of data the client hears from the gateway, and the server has
nothing of it: no message, and nothing half-done in its queue.
"""

import pytest

import clients
import gateway as gateways
import samples
from deadline import until
from dialogue import read, stuffed
from peers import same
from raw import Client
from tap import TO_CLIENT, TO_SERVER, Tap

SERVERS = ("postfix", "exim")
TOP = """
list programs {{ file "{file}" }}
list containers {{ winmail.dat }}
"""
POLICY = """
when attachment.extension in programs reject "550 5.7.1 No programs" as programs
when attachment.name in containers reject "554 5.7.1 No TNEF" as tnef
when mime.type ~ "/pkcs7-mime$" and attachment.extension = p7m reject "550 5.7.1 No S/MIME" as smime
when message.size > 40000 tempfail "452 4.3.1 Too much for now" as size
when header("Subject") ~ "on trial" log reject "550 5.7.1 No" as trial
"""


def part(*fields, body="Zm9vCg=="):
    """A part with these header fields."""
    return "\r\n".join(fields) + "\r\n\r\n" + body + "\r\n"


def multipart(*parts, kind="mixed", boundary="outer"):
    """A multipart of these parts, with its own header field first."""
    return (f"Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n\r\n"
            + "".join(f"--{boundary}\r\n{text}" for text in parts) + f"--{boundary}--\r\n")


def message(content):
    """A whole message of it."""
    return samples.HEAD + b"MIME-Version: 1.0\r\n" + content.encode()


TEXT = part("Content-Type: text/plain", body="See the attachment.")
FILE = "Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64"
PROGRAM = part(*FILE, 'Content-Disposition: attachment; filename="Setup.EXE"')
NO_PROGRAMS, NO_TNEF = b"550 5.7.1 No programs\r\n", b"554 5.7.1 No TNEF\r\n"
NO_SMIME = b"550 5.7.1 No S/MIME\r\n"

REFUSED = {
    "attached": (multipart(TEXT, PROGRAM), NO_PROGRAMS),
    "nested": (multipart(TEXT, multipart(TEXT, multipart(TEXT, PROGRAM, boundary="inmost"),
                                         kind="related", boundary="inner")), NO_PROGRAMS),
    "forwarded": (multipart(TEXT, "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n"
                            + multipart(TEXT, PROGRAM, boundary="inner")), NO_PROGRAMS),
    "rfc2231": (multipart(TEXT, part(*FILE, "Content-Disposition: attachment;",
                                     " filename*0*=utf-8''Se%74;", " filename*1=\"up.e\";",
                                     " filename*2=xe")), NO_PROGRAMS),
    "rfc2047": (multipart(TEXT, part("Content-Type: application/octet-stream;",
                                     " name=\"=?utf-8?B?c2V0dXAuZXhl?=\"")), NO_PROGRAMS),
    "two-names": (multipart(TEXT, part("Content-Type: application/octet-stream; name=setup.exe",
                                       "Content-Disposition: attachment; filename=a.txt")),
                  NO_PROGRAMS),
    "unended": ("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + PROGRAM, NO_PROGRAMS),
    "tnef": (multipart(TEXT, part("Content-Type: application/ms-tnef; name=\"winmail.dat\"",
                                  "Content-Transfer-Encoding: base64", body="eJ8+Ig==")), NO_TNEF),
    "smime": (part("Content-Type: application/pkcs7-mime; smime-type=enveloped-data;",
                   " name=smime.p7m", "Content-Transfer-Encoding: base64", body="MIIB"), NO_SMIME),
    "large": (part("Content-Type: text/plain", body="0123456789\r\n" * 4000),
              b"452 4.3.1 Too much for now\r\n"),
}
PASSED = {
    "attached": multipart(TEXT, part(*FILE, "Content-Disposition: attachment; filename=exe.pdf")),
    "nested": multipart(multipart(TEXT, kind="alternative", boundary="inner"), TEXT),
    "signed": multipart(TEXT, part("Content-Type: application/pkcs7-signature; name=smime.p7s"),
                        kind="signed"),
    "text": part("Content-Type: text/plain", body="Content-Type: x/y; name=setup.exe"),
}


@pytest.fixture(name="make")
def _make(world, tmp_path, daemons):
    """Makes a gateway with the rules before a server."""
    def make(server, policy=POLICY):
        file = tmp_path / "programs"
        file.write_text("exe\nscr\n", encoding="ascii")
        peer = world.peer(server)
        tap = Tap(peer.port)
        gateway = gateways.configured(tmp_path, [tap.port], policy=policy,
                                      top=TOP.format(file=file))
        daemons.extend([tap, gateway])
        return gateway, tap, peer
    return make


def send_data(client, text):
    """The message by DATA; returns the reply."""
    return client.data(stuffed(text))


def send_chunks(client, text):
    """The message by BDAT, in three chunks of which the last completes it."""
    third = len(text) // 3
    for piece in (text[:third], text[third:-third]):
        client.send(b"BDAT %d\r\n" % len(piece) + piece)
        reply = client.reply()
        if reply.code != 250:
            return reply
    client.send(b"BDAT %d LAST\r\n" % third + text[-third:])
    return client.reply()


def send_empty_last(client, text):
    """The message by BDAT, completed by a chunk of no octets."""
    client.send(b"BDAT %d\r\n" % len(text) + text)
    reply = client.reply()
    return reply if reply.code != 250 else client.command("BDAT 0 LAST")


WAYS = {"data": send_data, "bdat": send_chunks, "bdat-0": send_empty_last}


def send(gateway, recipient, text, way):
    """A session with one message; returns the reply to it and what came behind."""
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.envelope([recipient])
        reply = way(client, text)
        client.send_pieces(b"QUIT\r\n")
        return reply, client.ended()


def check_nothing_arrived(tap, peer, recipient, before):
    """The server has taken no message and has nothing left of one: nothing lies in its queue that
    did not `before`, where a test may have left what a killed server had begun."""
    session = tap.last()
    until(session.closed, "the session at the server to end")
    assert read(session).accepted() == 0
    assert b"\r\n.\r\n" not in session.sent(TO_SERVER)
    until(lambda: peer.queue_files() <= before,
          lambda: f"nothing new in the queue; there is {peer.queue_files() - before}")
    peer.settle()
    assert not peer.messages(recipient)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("server", SERVERS)
def test_refused(make, address, server, name, way):
    """The client sees the rule's reply, and the server has no message."""
    gateway, tap, peer = make(server)
    recipient = address()
    content, wanted = REFUSED[name]
    before = peer.queue_files()
    reply, _ = send(gateway, recipient, message(content), WAYS[way])
    assert bytes(reply) == wanted
    check_nothing_arrived(tap, peer, recipient, before)
    assert wanted.strip() not in tap.last().sent(TO_CLIENT)
    gateway.wait_log(r": rule: \S+ from \S+: \S+ does (reject|tempfail); from=")
    gateway.stop()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PASSED)
@pytest.mark.parametrize("server", SERVERS)
def test_passed(make, address, server, name, way):
    """What no rule speaks against arrives as it was sent."""
    gateway, _, peer = make(server)
    recipient, text = address(), message(PASSED[name])
    reply, behind = send(gateway, recipient, text, WAYS[way])
    assert reply.code == 250 and behind.startswith(b"221")
    assert same(text, peer.delivered(recipient)[0])
    gateway.stop()
    assert ": rule: " not in gateway.log()


@pytest.mark.parametrize("server", SERVERS)
def test_swaks_attach(make, address, tmp_path, server):
    """An attachment as swaks sends it: refused by its name, and taken under another."""
    gateway, tap, peer = make(server)
    file = tmp_path / "content"
    file.write_bytes(bytes(range(256)) * 10)
    recipient, before = address(), peer.queue_files()
    result = clients.swaks_attach(gateway.port, recipient, "--attach-type", "application/x-msdos",
                                  "--attach-name", "game.exe", "--attach", f"@{file}")
    assert result.status != 0 and "550 5.7.1 No programs" in result.output, result.output
    check_nothing_arrived(tap, peer, recipient, before)
    result = clients.swaks_attach(gateway.port, recipient, "--attach-type", "application/pdf",
                                  "--attach-name", "game.pdf", "--attach", f"@{file}")
    assert result.status == 0, result.output
    assert b"game.pdf" in peer.delivered(recipient)[0]
    gateway.stop()


@pytest.mark.parametrize("way", WAYS)
def test_trial(make, address, way):
    """On trial a rule only says what it would have done."""
    gateway, _, peer = make("postfix")
    recipient = address()
    text = b"Subject: on trial\r\n" + samples.SHORT + b"\r\nText.\r\n"
    reply, _ = send(gateway, recipient, text, WAYS[way])
    assert reply.code == 250
    assert same(text, peer.delivered(recipient)[0])
    gateway.wait_log(r": rule: \S+ from \S+: trial would reject")
    gateway.stop()
    assert "does reject" not in gateway.log()


def test_list_is_read_anew(make, address, tmp_path):
    """A list's file changes, and the rule with it; neither a restart nor a reload is needed."""
    gateway, _, peer = make("postfix")
    text = message(multipart(TEXT, part(*FILE, "Content-Disposition: attachment; filename=a.com")))
    first = address()
    assert send(gateway, first, text, send_data)[0].code == 250
    assert len(peer.delivered(first)) == 1
    (tmp_path / "programs").write_text("exe\ncom\n", encoding="ascii")
    until(lambda: send(gateway, address(), text, send_data)[0] == NO_PROGRAMS,
          "the rule to know the new entry", step=0.2)
    (tmp_path / "programs").write_text("exe\n", encoding="ascii")
    until(lambda: send(gateway, address(), text, send_data)[0].code == 250,
          "the rule to have forgotten it", step=0.2)
    peer.settle()
    gateway.stop()


def test_connections_are_limited(make):
    """More connections of one address than a rule allows are told so, and not passed on."""
    gateway, tap, _ = make("postfix", 'when client.port > 0 limit 2 per 60s "450 4.7.0 Too often"')
    for _ in range(2):
        with Client(gateway.port) as client:
            assert client.greeting.code == 220
            client.quit()
    with Client(gateway.port) as client:
        assert client.greeting == b"450 4.7.0 Too often\r\n"
        assert client.ended() == b""
    assert tap.total == 2
    gateway.stop()
