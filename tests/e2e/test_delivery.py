"""What arrives is byte for byte what was sent: exact bytes through each profile to each server.

Two witnesses: the tap has the bytes as the server got them, the mailbox those that it kept
(with LF line ends, behind header fields of the server's own).
"""

import pytest

import samples
from conftest import HELO_ONLY, on
from dialogue import read, stuffed
from peers import same
from raw import Client

ESMTP = ("observe", "esmtp")
WITH_UTF8 = ("postfix", "exim")
WITH_CHUNKING = ("postfix", "exim")
MEGABYTE = 1 << 20


def check_mailbox(route, recipient, *messages):
    """Exactly these messages come to the address."""
    got = route.peer.delivered(recipient, len(messages))
    for message in messages:
        match = [stored for stored in got if same(message, stored)]
        assert match, f"{message[:2000]!r} is not among {[stored[:2000] for stored in got]!r}"
        got.remove(match[0])


def check_arrival(route, recipient, message):
    """One session with one message: exact at the server's door and in its mailbox."""
    assert read(route.tap.last()).bodies() == [message]
    check_mailbox(route, recipient, message)


@on()
@pytest.mark.parametrize("kind", samples.SEVEN_BIT)
def test_seven_bit(route, client, address, kind):
    """Plain text with all that could confuse a relay, through every profile."""
    recipient, message = address(), samples.SEVEN_BIT[kind]
    route.hello(client)
    client.envelope([recipient])
    assert client.data(stuffed(message)).code == 250
    client.quit()
    check_arrival(route, recipient, message)


@on(profiles=("observe", "esmtp", "asa-esmtp"))
def test_eight_bit(route, client, address):
    """8BITMIME is offered by each server and must work through the profiles that keep it."""
    recipient = address()
    assert "8BITMIME" in route.hello(client)
    client.envelope([recipient], parameters=" BODY=8BITMIME")
    assert client.data(stuffed(samples.EIGHT_BIT)).code == 250
    client.quit()
    assert b"MAIL FROM:<sender@client.test> BODY=8BITMIME" in read(route.tap.last()).commands()
    check_arrival(route, recipient, samples.EIGHT_BIT)


@on(profiles=HELO_ONLY)
def test_eight_bit_without_asking(route, client, address):
    """Octets above 127 pass unchanged where 8BITMIME cannot be negotiated."""
    recipient = address()
    route.hello(client)
    client.envelope([recipient])
    assert client.data(stuffed(samples.EIGHT_BIT)).code == 250
    client.quit()
    assert read(route.tap.last()).bodies() == [samples.EIGHT_BIT]


@on(WITH_UTF8, ESMTP)
def test_smtputf8(route, client, address):
    """UTF-8 in both addresses and in the header."""
    recipient = address("dömi-日本")
    message = ("From: Jörg <jörg@client.test>\r\nSubject: Grüße 日本\r\n".encode()
               + samples.SHORT + "\r\nText in UTF-8: ÄÖÜ\r\n".encode())
    assert "SMTPUTF8" in route.hello(client)
    client.envelope([recipient], sender="jörg@client.test", parameters=" SMTPUTF8 BODY=8BITMIME")
    assert client.data(stuffed(message)).code == 250
    client.quit()
    assert f"RCPT TO:<{recipient}>".encode() in read(route.tap.last()).commands()
    check_arrival(route, recipient, message)


@on(profiles=("esmtp", "rfc821"))
def test_dots_at_every_cut(route, client, address):
    """The stuffed body in two segments, cut at every byte, and one byte a segment."""
    recipient = address()
    message = samples.SHORT + b"\r\n.\r\n..x\r\n.\r\n\r\n.\r\n"
    wire = stuffed(message)
    cuts = [[wire[:cut], wire[cut:]] for cut in range(len(samples.SHORT) - 2, len(wire))]
    cuts.append([wire[cut:cut + 1] for cut in range(len(wire))])
    route.hello(client)
    for pieces in cuts:
        client.envelope([recipient])
        client.expect(354, "DATA")
        client.send_pieces(*pieces)
        assert client.reply().code == 250
    client.quit()
    assert read(route.tap.last()).bodies() == [message] * len(cuts)
    check_mailbox(route, recipient, *[message] * len(cuts))


@on(profiles=("esmtp",))
def test_big(route, client, address):
    """50 MB, with dots at the begin of lines wherever buffers may end."""
    recipient, message = address(), samples.big(50 * MEGABYTE)
    route.hello(client)
    client.envelope([recipient], parameters=f" SIZE={len(message)}")
    assert client.data(stuffed(message)).code == 250
    client.quit()
    check_arrival(route, recipient, message)
    route.peer.forget()


@on(profiles=("observe", "rfc821", "pix-mailguard", "asa-esmtp"), servers=("postfix",))
def test_rather_big(route, client, address):
    """5 MB through the other ways of handling a body."""
    recipient, message = address(), samples.big(5 * MEGABYTE)
    route.hello(client)
    client.envelope([recipient])
    assert client.data(stuffed(message)).code == 250
    client.quit()
    check_arrival(route, recipient, message)
    route.peer.forget()


def send_chunks(client, chunks):
    """BDAT commands with their chunks, one at a time; the last is the LAST."""
    for number, chunk in enumerate(chunks, 1):
        last = " LAST" if number == len(chunks) else ""
        client.send(b"BDAT %d%s\r\n" % (len(chunk), last.encode()) + chunk)
        reply = client.reply()
        assert reply.code == 250, f"chunk {number}: {bytes(reply)!r}"


BDAT_CASES = {
    "one": lambda message: [message],
    "three": lambda message: [message[:7], message[7:60], message[60:]],
    "empty-last": lambda message: [message, b""],
    "bytes": lambda message: [message[cut:cut + 1] for cut in range(len(message))],
}


@on(WITH_CHUNKING, ESMTP)
@pytest.mark.parametrize("case", BDAT_CASES)
def test_bdat(route, client, address, case):
    """A message in chunks: dots are text there and stay as they are."""
    recipient = address()
    assert "CHUNKING" in route.hello(client)
    client.envelope([recipient])
    send_chunks(client, BDAT_CASES[case](samples.DOTS))
    client.quit()
    check_arrival(route, recipient, samples.DOTS)


@on(("postfix",), ("esmtp",))
def test_bdat_big(route, client, address):
    """50 MB in chunks of a megabyte and some."""
    recipient, message = address(), samples.big(50 * MEGABYTE)
    route.hello(client)
    client.envelope([recipient])
    step = MEGABYTE + 4099
    send_chunks(client, [message[cut:cut + step] for cut in range(0, len(message), step)])
    client.quit()
    check_arrival(route, recipient, message)
    route.peer.forget()


@on(WITH_CHUNKING, ("esmtp",))
def test_bdat_cut_at_every_byte(route, client, address):
    """Command and chunk in two segments, cut anywhere."""
    recipient, message = address(), b"a: b\r\n\r\n.\r\nx\r\n"
    wire = b"BDAT 9\r\n" + message[:9] + b"BDAT %d LAST\r\n" % (len(message) - 9) + message[9:]
    route.hello(client)
    for cut in range(1, len(wire)):
        client.envelope([recipient])
        client.send_pieces(wire[:cut], wire[cut:])
        assert [client.reply().code, client.reply().code] == [250, 250]
    client.quit()
    assert read(route.tap.last()).bodies() == [message] * (len(wire) - 1)
    check_mailbox(route, recipient, *[message] * (len(wire) - 1))


@on(profiles=("esmtp",))
def test_many_recipients(route, client, address):
    """100 recipients in one transaction: what each server must take (RFC 5321 4.5.3.1.8)."""
    recipients = [address("many") for _ in range(100)]
    route.hello(client)
    client.envelope(recipients)
    assert client.data(stuffed(samples.PLAIN)).code == 250
    client.quit()
    for recipient in recipients:
        check_mailbox(route, recipient, samples.PLAIN)


@on(WITH_CHUNKING, ("observe", "esmtp", "asa-esmtp"))
def test_pipelined(route, client, address):
    """A whole transaction in two segments: RFC 2920 lets all wait but the text after DATA."""
    recipients = [address("pipe") for _ in range(40)]
    assert "PIPELINING" in route.hello(client)
    lines = ["MAIL FROM:<sender@client.test>", *(f"RCPT TO:<{to}>" for to in recipients), "DATA"]
    client.send("".join(line + "\r\n" for line in lines).encode())
    assert [client.reply().code for _ in lines] == [250] * 41 + [354]
    client.send(stuffed(samples.DOTS)
                + b"MAIL FROM:<>\r\nRCPT TO:<nobody@elsewhere.test>\r\nQUIT\r\n")
    codes = [client.reply().code for _ in range(4)]
    assert codes[:2] == [250, 250] and codes[2] in (550, 554) and codes[3] == 221
    assert client.ended() == b""
    client.close()
    assert read(route.tap.last()).bodies() == [samples.DOTS]
    for recipient in recipients:
        check_mailbox(route, recipient, samples.DOTS)


@on(WITH_CHUNKING, ("esmtp",))
def test_pipelined_chunks(route, client, address):
    """Envelope and all chunks in one segment."""
    recipient, message = address(), samples.DOTS
    route.hello(client)
    client.send(f"MAIL FROM:<sender@client.test>\r\nRCPT TO:<{recipient}>\r\n".encode()
                + b"BDAT 20\r\n" + message[:20]
                + b"BDAT %d LAST\r\n" % (len(message) - 20) + message[20:] + b"QUIT\r\n")
    assert [client.reply().code for _ in range(5)] == [250, 250, 250, 250, 221]
    client.close()
    check_arrival(route, recipient, message)


@on(profiles=("esmtp",))
def test_hundred_messages(route, client, address):
    """100 messages on one connection."""
    recipient = address()
    bodies = [samples.PLAIN + b"%d\r\n" % number for number in range(100)]
    route.hello(client)
    for body in bodies:
        client.envelope([recipient])
        assert client.data(stuffed(body)).code == 250
    client.quit()
    assert read(route.tap.last()).bodies() == bodies
    check_mailbox(route, recipient, *bodies)


@on(profiles=("esmtp",))
def test_refused_recipient_and_reset(route, client, address):
    """Refusals of the server are its own, and a transaction that is given up leaves no trace."""
    recipient, other = address(), address()
    route.hello(client)
    client.expect(250, "MAIL FROM:<sender@client.test>")
    assert client.command("RCPT TO:<someone@elsewhere.test>").code in (550, 554)
    client.expect(250, f"RCPT TO:<{other}>")
    client.expect(250, "RSET")
    client.envelope([recipient])
    assert client.data(stuffed(samples.PLAIN)).code == 250
    client.quit()
    check_arrival(route, recipient, samples.PLAIN)
    route.peer.settle()
    assert not route.peer.messages(other)


@on(("postfix", "exim"), ("esmtp",))
def test_size_that_the_server_refuses(route):
    """More than the server's SIZE: its refusal reaches the client, who may go on."""
    with Client(route.port) as client:
        limit = int(route.hello(client)["SIZE"][0])
        reply = client.command(f"MAIL FROM:<sender@client.test> SIZE={limit + 1000000}")
        assert reply.code == 552
        client.expect(250, "RSET")
        client.expect(250, "MAIL FROM:<sender@client.test>")
        client.quit()
