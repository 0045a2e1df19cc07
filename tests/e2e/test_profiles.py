"""What each profile forbids is refused or masked as described, and never reaches the server.

The tap has every byte that reached the server, so that "never" is checked on bytes.  Each verb is
tried in a session of its own, because a session ends after a number of errors.
"""

import re

import pytest

import samples
from conftest import HELO_ONLY, STRICT, on
from dialogue import read, stuffed
from raw import Client

SEVEN = {"HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT"}
ASA = SEVEN | {"AUTH", "EHLO", "ETRN", "HELP", "SAML", "SEND", "SOML", "VRFY"}
# What no profile but observe lets through to the server.
NEVER = ("EXPN all", "ATRN example.test", "TURN", "ONEX", "VERB ON", "XCLIENT NAME=mx.evil.test",
         "XFORWARD ADDR=192.0.2.1", "X-EXPS GSSAPI", "XEXCH50 1 2", "X-LINK2STATE LAST CHUNK={A}",
         "X-ANONYMOUSTLS", "BURL imap://a/b LAST", "LHLO client.test", "DEBUG", "WIZ", "KILL",
         "XYZZY", "FOO BAR", "EHLOX client.test", "STARTTLSX", "NOOPX")
STRANGE = ("XYZZY", "FOO", "EHLOX", "STARTTLSX", "NOOPX")
ASA_TAKES = ("VRFY root", "ETRN example.test", "SEND FROM:<a@b.test>", "SOML FROM:<a@b.test>",
             "SAML FROM:<a@b.test>")
SEVEN_LACKS = ("HELP", "AUTH PLAIN AGEAYg==", "STARTTLS", "BDAT 0 LAST")
DISGUISED = (b"vrfy root", b"VrFy root", b"VRFY  root", b"VRFY\troot", b" VRFY root",
             b"\tVRFY root", b"VRFY root ", b"VRFY\x0broot", b"VRFY\xa0root",
             b"VR\x00FY root", b"VRFY")


def ask(route, line, say_hello=True):
    """One command in a session of its own; the reply and what the server saw."""
    route.begin()
    with Client(route.port) as client:
        if say_hello:
            route.hello(client)
        reply = client.command(line)
        client.send(b"QUIT\r\n")
        client.ended()
    return reply, read(route.tap.last())


def refused_lines(profile):
    """The commands that the profile answers itself."""
    lines = {"esmtp": NEVER + ASA_TAKES,
             "rfc821": NEVER + ASA_TAKES + SEVEN_LACKS + ("EHLO client.test",)}
    return lines[profile]


@on(profiles=("esmtp", "rfc821"))
def test_refused(route):
    """The gateway's own 502 or 500 in the log with the verb, and not a byte at the server."""
    for line in refused_lines(route.profile):
        reply, dialogue = ask(route, line)
        verb = line.split(" ")[0]
        known = verb not in STRANGE
        code = b"502 5.5.1 " if known else b"500 5.5.2 "
        assert reply.startswith(code), f"{line}: {bytes(reply)!r}"
        assert verb not in dialogue.verbs(), f"{line} reached the server"
        assert line.encode() not in b"\n".join(dialogue.commands())
        route.idle()
        assert re.search(rf" \w+: reject: {re.escape(verb) if known else 'UNKNOWN'} from unknown"
                         rf"\[127\.0\.0\.1\]: {code.decode()}.*;.* proto=E?SMTP "
                         r"helo=<client\.test>", route.log()), route.log()


@on(("postfix",), ("esmtp", "rfc821"))
def test_disguised(route):
    """Case, odd blanks and controls open no door: VRFY never reaches the server in any dress."""
    for line in DISGUISED:
        reply, dialogue = ask(route, line)
        assert reply.code in (500, 501, 502, 550), f"{line}: {bytes(reply)!r}"
        sent = b"\n".join(dialogue.commands()).upper()
        assert b"VR" not in sent and b"ROOT" not in sent, f"{line}: {sent}"


@on(profiles=("esmtp",))
@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "POST / HTTP/1.0", "CONNECT a:25 HTTP/1.1"])
def test_web_browser_is_cut(route, line):
    """A browser gets no answer and the server not a byte of it."""
    with Client(route.port) as client:
        client.send(line.encode() + b"\r\nHost: a.test\r\n\r\nMAIL FROM:<a@b.test>\r\n")
        assert client.ended() == b""
    assert not set(read(route.tap.last()).verbs()) - {"QUIT"}


@on(profiles=("rfc821",))
def test_rfc821_greeting(route, client):
    """No ESMTP in the banner, and HELO works after the EHLO that was refused."""
    assert re.fullmatch(rb"220 [\w.-]+\r\n", client.greeting)
    assert client.command("EHLO client.test").startswith(b"502 5.5.1 ")
    client.expect(250, "HELO client.test")
    client.quit()
    assert read(route.tap.last()).verbs() == ["HELO", "QUIT"]


@on(profiles=("esmtp",))
def test_esmtp_greeting(route, client):
    """The product is hidden, ESMTP is kept; the server's own greeting has neither changed."""
    assert re.fullmatch(rb"220 [\w.-]+ ESMTP\r\n", client.greeting)
    client.quit()


@on(profiles=("observe",))
def test_observe_changes_nothing(route, client):
    """Greeting and EHLO reply are the server's own bytes, and a refused verb is the server's."""
    greeting = client.greeting
    reply = client.expect(250, "EHLO client.test")
    vrfy = client.command("vrfy  Somebody")
    odd = client.command("XYZZY 1")
    client.quit()
    dialogue = read(route.tap.last())
    assert dialogue.greeting == greeting
    assert [step.reply for step in dialogue.steps[:3]] == [reply, vrfy, odd]
    assert dialogue.commands() == [b"EHLO client.test", b"vrfy  Somebody", b"XYZZY 1", b"QUIT"]


HIDDEN = {"VRFY", "ETRN", "PIPECONNECT", "EXPN", "XCLIENT"}


@on(profiles=("esmtp",))
def test_esmtp_keywords(route, client):
    """What the server offers, less what the profile refuses; each line as the server wrote it."""
    reply = client.expect(250, "EHLO client.test")
    client.quit()
    server = read(route.tap.last()).steps[0].reply
    kept = [line[4:] for line in server.splitlines()
            if line[4:].split(b" ")[0].decode() not in HIDDEN]
    assert reply.lines() == kept
    assert set(reply.keywords()) == set(route.peer.features) - HIDDEN


CLEAR = {"SIZE", "ETRN", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "8BITMIME", "BINARYMIME",
         "AUTH"}


def masked(reply):
    """An EHLO reply as the ASA rewrites it: n-1 times X and a letter that counts."""
    lines, letter = [], ord("A")
    for number, line in enumerate(reply.splitlines(keepends=True)):
        text = line[4:].rstrip(b"\r\n")
        if number > 0 and text.split(b" ")[0].decode() not in CLEAR:
            text = b"X" * (len(text) - 1) + bytes([letter])
            letter += 1
        lines.append(line[:4] + text + b"\r\n")
    return b"".join(lines)


@on(profiles=("asa-esmtp",))
def test_asa_keywords(route, client):
    """STARTTLS, CHUNKING, SMTPUTF8 and the like are masked in place, lengths kept."""
    reply = client.expect(250, "EHLO client.test")
    client.quit()
    server = read(route.tap.last()).steps[0].reply
    assert reply == masked(server)
    assert re.search(rb"^250[ -]XXXXXXX[A-Z]\r$", reply, re.MULTILINE)
    assert b"STARTTLS" not in reply


@on(profiles=("asa-esmtp",))
def test_asa_commands(route):
    """Unknown verbs reach the server as X and its own answer comes back; the 15 pass."""
    for line in NEVER + ("STARTTLS",):
        reply, dialogue = ask(route, line)
        assert dialogue.commands()[1] == b"X" * len(line), line
        assert reply == dialogue.steps[1].reply and reply.code in (500, 502, 503), line
    for line in ASA_TAKES + ("HELP",):
        reply, dialogue = ask(route, line)
        assert dialogue.commands()[1] == line.encode()
        assert reply == dialogue.steps[1].reply


BANNERS = {"asa-esmtp": rb"220 \*+\r\n", "pix-mailguard": rb"220 [*20 ]*\r\n",
           "pix-mailguard-4.4": rb"220 \*+\r\n"}


@on(profiles=tuple(BANNERS))
def test_masked_banner(route, client):
    """As long as the server's, with asterisks; 5.1 keeps 2, 0 and the space."""
    client.quit()
    server = read(route.tap.last()).greeting
    assert re.fullmatch(BANNERS[route.profile], client.greeting), client.greeting
    assert len(client.greeting) == len(server)
    in_place = b"220 " + re.sub(rb"[^20 ]", b"*", server[4:-2]) + b"\r\n"
    assert (client.greeting == in_place) == (route.profile == "pix-mailguard")


@on(profiles=("pix-mailguard", "pix-mailguard-4.4"))
def test_pix_commands(route):
    """Every verb but the seven becomes a NOOP in place, whose answer the client gets as its own.

    There is no room for NOOP in a line of three characters, which is X-ed out.
    """
    for line in NEVER + ASA_TAKES + SEVEN_LACKS + ("EHLO client.test",):
        reply, dialogue = ask(route, line)
        in_place = "NOOP".ljust(len(line)) if len(line) > 3 else "XXX"
        assert dialogue.commands()[1:] == [in_place.encode(), b"QUIT"], line
        assert reply == dialogue.steps[1].reply, line


@on(profiles=HELO_ONLY)
def test_only_the_seven(route, client, address):
    """After a busy session the server has seen nothing but the seven."""
    recipient = address()
    route.hello(client)
    for line in ("VRFY root", "EHLO client.test", "HELP", "STARTTLS", "AUTH PLAIN"):
        client.command(line)
    client.envelope([recipient])
    client.command("EXPN staff")
    assert client.data(stuffed(samples.PLAIN)).code == 250
    client.quit()
    dialogue = read(route.tap.last())
    assert set(dialogue.verbs()) <= SEVEN
    assert dialogue.bodies() == [samples.PLAIN]


@on(profiles=("asa-esmtp",))
def test_asa_bdat(route, client, address):
    """BDAT is X-ed out; what the client sends as its chunk must not be taken for commands."""
    recipient, evil = address(), address("evil")
    route.hello(client)
    client.envelope([recipient])
    lines = ("RSET", "MAIL FROM:<evil@evil.test>", f"RCPT TO:<{evil}>", "DATA", "x", ".", "")
    chunk = "\r\n".join(lines).encode()
    client.send(b"BDAT %d LAST\r\n" % len(chunk) + chunk + b"QUIT\r\n")
    client.ended()
    assert b"MAIL FROM:<evil@evil.test>" not in read(route.tap.last()).commands()
    route.peer.settle()
    assert not route.peer.messages(evil)


@on(("postfix",), STRICT)
def test_data_before_rcpt(route, client, address):
    """CVE-2000-1022: DATA that the server refuses must not open the filter for what follows."""
    route.hello(client)
    assert client.command("DATA").code in (503, 554)
    client.command("XYZZY 1")
    client.command("EXPN staff")
    client.send(b"QUIT\r\n")
    client.ended()
    commands = b"\n".join(read(route.tap.last()).commands())
    assert b"XYZZY" not in commands and b"EXPN" not in commands


@on(("postfix",), ("esmtp",))
def test_log_lines(route, client, address):
    """A session in Postfix's words: connect, reject, disconnect with its counts."""
    recipient = address()
    client.expect(250, "EHLO client.test")
    client.expect(250, "MAIL FROM:<sender@client.test>")
    client.expect(502, "VRFY root")
    client.expect(250, f"RCPT TO:<{recipient}>")
    client.expect(502, "VRFY <root@example.test>")
    assert client.data(stuffed(samples.PLAIN)).code == 250
    client.quit()
    route.idle()
    log = route.log()
    assert re.search(r" connect from unknown\[127\.0\.0\.1\]", log)
    assert re.search(r" NOQUEUE: reject: VRFY from unknown\[127\.0\.0\.1\]: 502 5\.5\.1 .*; "
                     r"from=<sender@client\.test> (to=<[^>]*> )?proto=ESMTP helo=<client\.test>",
                     log)
    last = re.search(r" disconnect from unknown\[127\.0\.0\.1\] (.*)", log).group(1).split(" ")
    assert last[-1] == "commands=5/7"
    assert {"ehlo=1", "mail=1", "rcpt=1", "data=1", "quit=1"} <= set(last)


@on(("postfix",), ("esmtp",))
def test_log_escapes(route, client):
    """Control bytes of a client cannot forge or hide a log line."""
    client.send(b"EHLO client.test\r\nVRFY a\x1b[2J\x07\x08b\r\nXY\tZ disconnect from\r\nQUIT\r\n")
    client.ended()
    route.idle()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", route.log())
