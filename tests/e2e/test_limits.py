"""Limits and timeouts, made short by the configuration."""

import re

import pytest

import gateway as gateways
import samples
from dialogue import read, stuffed
from fakes import Scripted
from raw import Client
from tap import TO_CLIENT, TO_SERVER, Tap


@pytest.fixture(name="make")
def _make(world, tmp_path, daemons):
    """Makes a gateway with a policy before Postfix; returns it with its tap."""
    def make(policy="", **options):
        tap = Tap(world.peer("postfix").port)
        gateway = gateways.configured(tmp_path, [tap.port], policy=policy, **options)
        daemons.extend([tap, gateway])
        return gateway, tap
    return make


def test_session_limit(make):
    """`sessions 2`: the third is told 421 4.3.2, until one of the two has left."""
    gateway, _ = make(top="sessions 2")
    with Client(gateway.port) as first, Client(gateway.port) as second:
        assert first.greeting.code == second.greeting.code == 220
        with Client(gateway.port) as third:
            assert third.greeting.startswith(b"421 4.3.2 ")
            assert third.ended() == b""
        first.quit()
        gateway.wait_log(r"disconnect from unknown\[127\.0\.0\.1\] quit=1")
        with Client(gateway.port) as fourth:
            assert fourth.greeting.code == 220
            fourth.quit()
        second.quit()
    gateway.stop()


def test_error_limit(make):
    """`limit errors 5`: the fifth refusal ends the session."""
    gateway, _ = make("limit errors 5")
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        for _ in range(4):
            client.expect(502, "VRFY root")
        last = client.command("VRFY root") + client.ended()
        assert re.search(rb"(?m)^421 4\.7\.0 ", last), last
    gateway.wait_log(r"too many errors after VRFY from unknown\[127\.0\.0\.1\]")
    gateway.stop()


def test_recipient_limit(make, address):
    """`limit recipients 3`: the fourth is answered 452 4.5.3, and the message goes to three."""
    gateway, tap = make("limit recipients 3")
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.envelope([address() for _ in range(3)])
        assert client.command(f"RCPT TO:<{address()}>").startswith(b"452 4.5.3 ")
        assert client.data(stuffed(samples.PLAIN)).code == 250
        client.quit()
    assert read(tap.last()).verbs().count("RCPT") == 3
    gateway.stop()


def test_size_limit(make, world, address):
    """`limit message-size`: announced in EHLO, enforced on SIZE= and on what really comes."""
    gateway, tap = make("limit message-size 10000")
    recipient = address()
    with Client(gateway.port) as client:
        assert client.expect(250, "EHLO client.test").keywords()["SIZE"] == ["10000"]
        assert client.command("MAIL FROM:<a@b.test> SIZE=10001").startswith(b"552 5.3.4 ")
        client.envelope([recipient])
        reply = client.data(stuffed(samples.HEAD + b"\r\n" + b"x" * 70 + b"\r\n" * 6000))
        assert reply.startswith(b"552 5.3.4 "), bytes(reply)
        client.send(b"QUIT\r\n")
        client.ended()
    assert read(tap.last()).accepted() == 0
    world.peer("postfix").settle()
    assert not world.peer("postfix").messages(recipient)
    gateway.stop()


def test_long_command_line(make):
    """Longer than 512 octets (and without end): 500 5.5.2 or an end, never at the server."""
    gateway, tap = make()
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        assert client.command(b"NOOP " + b"x" * 3000).code in (500, 501)
        client.expect(250, "NOOP")
        client.send(b"y" * 1000000 + b"\r\nQUIT\r\n")
        client.ended()
    assert b"xxx" not in tap.last().sent(TO_SERVER)
    assert b"yyy" not in tap.last().sent(TO_SERVER)
    gateway.stop()


def test_command_timeout(make):
    """A client that says nothing: 421 4.4.2, and the server is left properly."""
    gateway, tap = make("timeout command 300ms")
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        assert client.reply().startswith(b"421 4.4.2 ")
        assert client.ended() == b""
    tap.last()
    gateway.wait_log(r"timeout after EHLO from unknown\[127\.0\.0\.1\]")
    gateway.stop()


def test_data_block_timeout(make, world, address):
    """A client that stops in its message: 421 4.4.2, and nothing is delivered."""
    gateway, tap = make("timeout data-block 300ms")
    recipient = address()
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.envelope([recipient])
        client.expect(354, "DATA")
        client.send(b"Subject: half\r\n\r\nand then")
        assert client.reply().startswith(b"421 4.4.2 ")
        assert client.ended() == b""
    assert read(tap.last()).steps[-1].kind == "part of a body"
    world.peer("postfix").settle()
    assert not world.peer("postfix").messages(recipient)
    gateway.stop()


def test_greeting_timeout(tmp_path, daemons):
    """A server that does not greet: 421 4.4.2."""
    server = Scripted([])
    gateway = gateways.configured(tmp_path, [server.port], policy="timeout greeting 300ms")
    daemons.append(gateway)
    with Client(gateway.port) as client:
        assert re.match(rb"421 4\.4\.[12] ", client.greeting), bytes(client.greeting)
        assert client.ended() == b""
    gateway.stop()
    server.close()


@pytest.mark.parametrize("before,line", [
    ([], "EHLO client.test"),
    (["EHLO client.test"], "MAIL FROM:<sender@client.test>"),
    (["EHLO client.test", "MAIL FROM:<sender@client.test>", "RCPT TO:<to@example.test>"], "DATA"),
], ids=["EHLO", "MAIL", "DATA"])
def test_reply_timeout(make, before, line):
    """A server that does not answer a command: 421 4.4.2 to the client."""
    gateway, tap = make("timeout reply 300ms")
    with Client(gateway.port) as client:
        for earlier in before:
            client.expect(250, earlier)
        point = tap.break_at(TO_CLIENT, rb"")
        reply = client.command(line)
        assert re.match(rb"4[25]1 4\.4\.2 ", reply), bytes(reply)
        assert client.ended() == b""
        point.release(False)
    gateway.wait_log(r"timeout after (EHLO|MAIL|DATA) from server")
    gateway.stop()


def test_data_end_timeout(make, address):
    """A server that is silent after the final dot: 4xx, since nobody knows."""
    gateway, tap = make("timeout data-end 300ms")
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.envelope([address()])
        client.expect(354, "DATA")
        point = tap.break_at(TO_CLIENT, rb"250[^\n]*\n$")
        client.send(stuffed(samples.PLAIN))
        reply = client.reply()
        assert re.match(rb"4[25]1 4\.4\.2 ", reply), bytes(reply)
        point.release(False)
    gateway.wait_log(r"timeout after END-OF-MESSAGE from server")
    gateway.stop()


@pytest.mark.parametrize("end", ["fin", "reset"])
@pytest.mark.parametrize("reached", [1, 2, 3, 4])
def test_server_leaves(end, reached, tmp_path, daemons):
    """The server goes away after each step of a session: 421 and no silence."""
    script = [b"220 mx.example.test ESMTP\r\n", b"250-mx\r\n250 PIPELINING\r\n", b"250 ok\r\n",
              b"250 ok\r\n", b"354 go\r\n"]
    server = Scripted(script[:reached], end)
    gateway = gateways.configured(tmp_path, [server.port])
    daemons.append(gateway)
    lines = ["EHLO client.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA"]
    with Client(gateway.port) as client:
        replies = [client.greeting, *(client.command(line) for line in lines[:reached])]
        spoken = [reply for reply in replies if reply]
        assert [reply.code for reply in spoken[:-1]] == [220, 250, 250, 250][:len(spoken) - 1]
        assert spoken[-1].code == 421, [bytes(reply) for reply in replies]
    gateway.stop()
    server.close()
