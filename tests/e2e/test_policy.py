"""The switches of a policy, each changed by its own statement, before real servers."""

import pytest

import gateway as gateways
import samples
from dialogue import read, stuffed
from peers import same
from raw import Client
from tap import TO_SERVER, Tap


@pytest.fixture(name="make")
def _make(world, tmp_path, daemons):
    """Makes a gateway with a policy before a server; returns it with its tap."""
    def make(policy, server="postfix", profile="esmtp"):
        tap = Tap(world.peer(server).port)
        gateway = gateways.configured(tmp_path, [tap.port], profile=profile, policy=policy)
        daemons.extend([tap, gateway])
        return gateway, tap
    return make


def one(gateway, tap, *lines):
    """A session of these commands; returns the greeting, the replies and the server's view."""
    with Client(gateway.port) as client:
        replies = [client.command(line) for line in lines]
        client.send(b"QUIT\r\n")
        client.ended()
        greeting = client.greeting
    dialogue = read(tap.last())
    gateway.stop()
    return greeting, replies, dialogue


BANNERS = {"pass": b"220 mx.example.test ESMTP Postfix\r\n",
           "hide": b"220 mx.example.test ESMTP\r\n",
           "host": b"220 mx.example.test\r\n",
           "mask": b"220 *************** ***** *******\r\n",
           "mask-all": b"220 *****************************\r\n",
           'text "gw.example.test ESMTP at your service"':
               b"220 gw.example.test ESMTP at your service\r\n"}


@pytest.mark.parametrize("word", BANNERS)
def test_banner(make, word):
    """Each way to greet."""
    gateway, tap = make(f"banner {word}")
    assert one(gateway, tap)[0] == BANNERS[word]


@pytest.mark.parametrize("keyword,line", [
    ("CHUNKING", "BDAT 0 LAST"), ("STARTTLS", "STARTTLS"),
    ("SIZE", "MAIL FROM:<a@b.test> SIZE=10"), ("8BITMIME", "MAIL FROM:<a@b.test> BODY=8BITMIME"),
    ("SMTPUTF8", "MAIL FROM:<a@b.test> SMTPUTF8"), ("DSN", "MAIL FROM:<a@b.test> RET=HDRS")])
def test_hidden_is_refused(make, keyword, line):
    """What is not offered is not taken either, and the server does not see it."""
    gateway, tap = make(f"keyword hide {keyword}")
    _, (ehlo, reply), dialogue = one(gateway, tap, "EHLO client.test", line)
    assert keyword not in ehlo.keywords() and "PIPELINING" in ehlo.keywords()
    assert reply[:10] in (b"502 5.5.1 ", b"555 5.5.4 "), bytes(reply)
    assert dialogue.verbs() == ["EHLO", "QUIT"]


def test_allow_list(make):
    """`keyword allow SIZE`: that and no other; the reply is still well formed."""
    gateway, tap = make("keyword allow SIZE")
    _, (ehlo,), _ = one(gateway, tap, "EHLO client.test")
    assert ehlo.keywords() == {"SIZE": ["104857600"]}
    assert ehlo.splitlines()[0].startswith(b"250-") and ehlo.splitlines()[-1].startswith(b"250 ")


def test_nothing_left(make):
    """`keyword hide all`: a single line."""
    gateway, tap = make("keyword hide all")
    _, (ehlo,), _ = one(gateway, tap, "EHLO client.test")
    assert ehlo == b"250 mx.example.test\r\n"


def test_as_helo(make):
    """`ehlo as-helo`: the server gets HELO, the client a reply without keywords."""
    gateway, tap = make("ehlo as-helo")
    _, (ehlo,), dialogue = one(gateway, tap, "EHLO client.test")
    assert ehlo.code == 250 and not ehlo.keywords()
    assert dialogue.commands() == [b"HELO client.test", b"QUIT"]


def test_command_treatments(make):
    """refuse, mask, noop and also, side by side."""
    gateway, tap = make("command refuse HELP\ncommand mask EXPN\ncommand noop VRFY\n"
                        "command also ETRN\nkeyword also ETRN")
    _, replies, dialogue = one(gateway, tap, "EHLO client.test", "HELP", "EXPN all", "VRFY root",
                               "ETRN example.test")
    assert replies[1].startswith(b"502 5.5.1 ")
    assert dialogue.commands()[1:4] == [b"XXXXXXXX", b"NOOP     ", b"ETRN example.test"]
    assert [reply.code for reply in replies[2:4]] == [500, 250]


def test_command_drop(make):
    """`command drop VRFY`: no answer at all."""
    gateway, tap = make("command drop VRFY")
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        assert client.command("VRFY root") == b"" and client.ended() == b""
    assert "VRFY" not in read(tap.last()).verbs()
    gateway.stop()


def test_command_allow(make):
    """`command allow` closes all else, EHLO included."""
    gateway, tap = make("command allow HELO, MAIL, RCPT, DATA, QUIT")
    _, replies, dialogue = one(gateway, tap, "EHLO client.test", "HELO client.test", "RSET", "NOOP")
    assert [reply.code for reply in replies] == [502, 250, 502, 502]
    assert dialogue.verbs() == ["HELO", "QUIT"]


def test_pix_with_x(make):
    """The other answer of a PIX: X's, so that the server's own 500 comes back."""
    gateway, tap = make("command mask others", profile="pix-mailguard")
    _, replies, dialogue = one(gateway, tap, "EHLO client.test", "HELO client.test")
    assert dialogue.commands()[0] == b"X" * len("EHLO client.test")
    assert [reply.code for reply in replies] == [500, 250]


SMUGGLED = b"\r\none\n.\r\nMAIL FROM:<evil@evil.test>\r\ntwo\rthree\0four\r\n"


@pytest.mark.parametrize("server", ["postfix", "exim", "opensmtpd"])
def test_framing_fix(make, world, address, server):
    """`framing fix`: line ends are mended, the lone dot is text, and one message arrives."""
    gateway, tap = make("framing fix bare-cr, bare-lf, nul", server)
    recipient = address()
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.envelope([recipient])
        client.expect(354, "DATA")
        client.send(samples.SHORT + SMUGGLED + b".\r\n")
        assert client.reply().code == 250
        client.quit()
    dialogue = read(tap.last())
    mended = samples.SHORT + b"\r\none\r\n.\r\nMAIL FROM:<evil@evil.test>\r\ntwo three four\r\n"
    assert dialogue.bodies() == [mended] and dialogue.surplus == []
    assert b"\r\n..\r\n" in tap.sessions[0].sent(TO_SERVER)
    assert same(mended, world.peer(server).delivered(recipient)[0])
    gateway.stop()


def test_framing_log(make, address):
    """`framing log`: passed as it is, and said."""
    gateway, tap = make("framing log nul")
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.envelope([address()])
        message = samples.SHORT + b"\r\na\0b\r\n"
        assert client.data(stuffed(message)).code == 250
        client.quit()
    assert read(tap.last()).bodies() == [message]
    gateway.wait_log(r"framing: DATA from unknown\[127\.0\.0\.1\]: nul at octet \d+, action log")
    gateway.stop()


def test_long_lines_refused(make, world, address):
    """`framing refuse long-line`: 999 octets are one too many."""
    gateway, tap = make("framing refuse long-line")
    recipient = address()
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.envelope([recipient])
        assert client.data(stuffed(samples.LONG_LINES)).code == 250
        client.envelope([recipient])
        reply = client.data(stuffed(samples.HEAD + b"\r\n" + b"x" * 999 + b"\r\n"))
        assert reply.startswith(b"550 5.5.2 "), bytes(reply)
        client.send(b"QUIT\r\n")
        client.ended()
    assert read(tap.last()).accepted() == 1
    world.peer("postfix").delivered(recipient, 1)
    gateway.stop()


def test_pipelining_checks(make):
    """Speaking before one's turn ends the session; relaxed, it is kept until then."""
    gateway, _ = make("")
    with Client(gateway.port, greet=False) as client:
        client.send(b"EHLO client.test\r\n")
        assert b"554 5.5.0 " in client.ended()
    gateway.stop()
    gateway, tap = make("relax pipelining")
    with Client(gateway.port, greet=False) as client:
        client.send(b"EHLO client.test\r\nNOOP\r\nQUIT\r\n")
        assert [client.reply().code for _ in range(4)] == [220, 250, 250, 221]
    assert read(tap.last()).verbs() == ["EHLO", "NOOP", "QUIT"]
    gateway.stop()
