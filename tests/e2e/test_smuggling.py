"""Smuggling: no odd end of data makes two messages out of one, in any profile but observe.

A body holds the sequence, then the commands of a second message with its text, then the real end
of data.  Whatever the gateway makes of it, the server must not see those commands as commands,
and at most one message may come out; a message that was acknowledged must be the one sent.

Debian 12's Postfix takes <LF>.<CR><LF> for the end of data, so these tests can fail: what they
would see without protection is checked as well, through the profile observe (test_the_witness).
"""

import pytest

from conftest import HELO_ONLY, STRICT, on
from dialogue import read
from raw import Client
from samples import SHORT

SEQUENCES = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CR.CR": b"\r.\r",
    "CRLF.CR": b"\r\n.\r",
    "CR.CRLF": b"\r.\r\n",
    "LF.CR": b"\n.\r",
    "CR.LF": b"\r.\n",
    "CRLF-NUL.CRLF": b"\r\n\0.\r\n",
    "CRLF.NUL-CRLF": b"\r\n.\0\r\n",
    "CR-NUL-LF.CRLF": b"\r\0\n.\r\n",
    "CRLF.CR-NUL-LF": b"\r\n.\r\0\n",
    "NUL-LF.LF": b"\0\n.\n",
    "LF.NUL-LF": b"\n.\0\n",
    "CRCRLF.CRCRLF": b"\r\r\n.\r\r\n",
    "LFLF.LFLF": b"\n\n.\n\n",
    "CRLF..LF": b"\r\n..\n",
    "LF..CRLF": b"\n..\r\n",
    "CRLF.CRLF-in-BDAT": b"\r\n.\r\n",
}
DATA_SEQUENCES = [name for name in SEQUENCES if not name.endswith("in-BDAT")]


def smuggled(recipient):
    """The commands and the text of the second message, as an attacker sends them."""
    return (f"MAIL FROM:<evil@evil.test>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()
            + SHORT + b"\r\nsmuggled\r\n")


def bodies(sequence, recipient):
    """What comes before the sequence, the sequence, and what comes behind it."""
    return SHORT + b"\r\nouter", sequence, smuggled(recipient) + b".\r\n"


def transaction(route, outer, pieces):
    """Sends the pieces as one DATA phase; returns the first reply to come behind the 354."""
    with Client(route.port) as client:
        route.hello(client)
        client.envelope([outer])
        client.expect(354, "DATA")
        client.send_pieces(*pieces)
        reply = client.reply()
        client.send_pieces(b"QUIT\r\n")
        client.ended()
    return reply


def check(route, outer, evil, replies):
    """At most one message, none to the smuggled recipient, none unacknowledged."""
    for session in route.tap.sessions:
        dialogue = read(session)
        assert b"MAIL FROM:<evil@evil.test>" not in dialogue.commands()
        assert dialogue.surplus == [] or dialogue.surplus[0].startswith(b"4"), dialogue.surplus
        assert dialogue.accepted() <= 1
    acknowledged = sum(reply.code == 250 for reply in replies)
    assert len(route.peer.delivered(outer, acknowledged)) == acknowledged
    assert not route.peer.messages(evil)


def all_ways(sequence, evil):
    """The body in one segment, and in two for each place at which the sequence can be cut."""
    before, middle, behind = bodies(sequence, evil)
    yield [before + middle + behind]
    for cut in range(len(middle) + 1):
        yield [before + middle[:cut], middle[cut:] + behind]
    yield [before, *(middle[cut:cut + 1] for cut in range(len(middle))), behind]


@on(profiles=STRICT)
@pytest.mark.parametrize("name", DATA_SEQUENCES)
def test_data(route, address, name):
    """Each sequence in a DATA body, whole and cut anywhere: refused, and the session closed."""
    outer, evil = address("outer"), address("evil")
    replies = [transaction(route, outer, pieces) for pieces in all_ways(SEQUENCES[name], evil)]
    route.idle()
    assert [reply[:10] for reply in replies] == [b"550 5.5.2 "] * len(replies)
    route.peer.settle()
    check(route, outer, evil, replies)


@on(profiles=("observe",))
def test_the_witness(route, address):
    """Unprotected, Postfix delivers two messages for <LF>.<CR><LF>; the suite must see that."""
    outer, evil = address("outer"), address("evil")
    transaction(route, outer, [b"".join(bodies(b"\n.\r\n", evil))])
    route.peer.settle()
    vulnerable = route.peer.name == "postfix"
    assert len(route.peer.messages(evil)) == (1 if vulnerable else 0)
    dialogue = read(route.tap.last())
    assert (len(dialogue.surplus) > 0) == vulnerable


def chunk_session(route, outer, chunks):
    """Sends the chunks by BDAT, all in one go; returns the replies until the end."""
    with Client(route.port) as client:
        route.hello(client)
        client.envelope([outer])
        wire = [b"BDAT %d\r\n" % len(chunk) + chunk for chunk in chunks[:-1]]
        wire.append(b"BDAT %d LAST\r\n" % len(chunks[-1]) + chunks[-1])
        client.send_pieces(b"".join(wire) + b"QUIT\r\n")
        replies = []
        while reply := client.reply():
            replies.append(reply)
    return replies


def chunk_ways(sequence, evil):
    """The sequence inside one chunk, across two at each place, and as a chunk of its own."""
    before, middle, behind = bodies(sequence, evil)
    yield [before + middle + behind]
    for cut in range(1, len(middle)):
        yield [before + middle[:cut], middle[cut:] + behind]
    yield [before, middle, behind]


@on(("postfix", "exim"), ("esmtp",))
@pytest.mark.parametrize("name", SEQUENCES)
def test_chunks(route, address, name):
    """In a chunk a dot means nothing: one message, and the very one, or a refusal."""
    outer, evil = address("outer"), address("evil")
    for chunks in chunk_ways(SEQUENCES[name], evil):
        route.begin()
        before = len(route.peer.messages(outer))
        replies = chunk_session(route, outer, chunks)
        route.idle()
        dialogue = read(route.tap.last())
        assert b"MAIL FROM:<evil@evil.test>" not in dialogue.commands()
        taken = dialogue.accepted()
        assert sum(reply.code == 250 for reply in replies[len(chunks) - 1:]) == taken <= 1
        assert dialogue.bodies() == [b"".join(chunks)] * taken
        route.peer.delivered(outer, before + taken)
    route.peer.settle()
    assert not route.peer.messages(evil)


@on(("postfix", "exim"), HELO_ONLY + ("asa-esmtp",))
@pytest.mark.parametrize("name", ("LF.CRLF", "CRLF.CRLF-in-BDAT"))
def test_chunks_where_bdat_is_denied(route, address, name):
    """A chunk that the profile denies is swallowed with its command: nothing in it is a command."""
    outer, evil = address("outer"), address("evil")
    for chunks in chunk_ways(SEQUENCES[name], evil):
        route.begin()
        chunk_session(route, outer, chunks)
        route.idle()
        assert b"MAIL FROM:<evil@evil.test>" not in read(route.tap.last()).commands()
    route.peer.settle()
    assert not route.peer.messages(evil) and not route.peer.messages(outer)


@on(("postfix",), STRICT)
def test_commands_with_odd_line_ends(route, address):
    """The same trick in the command phase: a command line that hides a second one."""
    evil = address("evil")
    for end in (b"\n", b"\r", b"\0\r\n", b"\n\r", b"\r\0\n"):
        with Client(route.port) as client:
            route.hello(client)
            client.send_pieces(b"NOOP x" + end + b"EXPN staff" + end + b"XYZZY 1" + end
                               + b"RCPT TO:<" + evil.encode() + b">\r\n", b"QUIT\r\n")
            client.ended()
    route.idle()
    for session in route.tap.sessions:
        for line in read(session).commands():
            assert line.count(b"\r") == 0 and line.count(b"\n") == 0 and b"\0" not in line
            assert not line.upper().startswith((b"EXPN", b"XYZZY")), line
