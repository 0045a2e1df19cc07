"""The daemon around the sessions: addresses of every kind, several listeners, the JSON log."""

import json
import re

import pytest

import gateway as gateways
import samples
from dialogue import stuffed
from raw import Client

EVERYTHING = """
workers 2
hostname gw.example.test
listener tcp4  {{ listen 127.0.0.1:0; backend tcp; policy esmtp }}
listener tcp6  {{ listen [::1]:0; backend tcp; policy rfc821 }}
listener local {{ listen unix:{folder}/gateway.sock; backend local; policy esmtp }}
backend tcp    {{ server 127.0.0.1:{port} }}
backend local  {{ server unix:{folder}/sink.sock }}
"""


@pytest.fixture(name="sink")
def _sink(tmp_path, daemons):
    """The embedded server on TCP and on a unix socket, with a Maildir."""
    sink = gateways.Daemon("sink", "--listen", "127.0.0.1:0", "--listen",
                           f"unix:{tmp_path}/sink.sock", "--maildir", tmp_path / "box")
    daemons.append(sink)
    sink.port = sink.listening("sink")
    sink.box = tmp_path / "box" / "new"
    return sink


def send(where, hello, message):
    """One message by raw client."""
    with Client(where) as client:
        client.expect(250, hello)
        client.envelope(["to@example.test"])
        assert client.data(stuffed(message)).code == 250
        client.quit()


def kept(sink):
    """The messages in the sink's Maildir, without its three kinds of header fields."""
    texts = [file.read_bytes() for file in sink.box.iterdir()]
    pattern = rb"(?:(?:Return-Path|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)*"
    return [text[re.match(pattern, text).end():] for text in texts]


def test_every_kind_of_address(sink, tmp_path, daemons):
    """IPv4, IPv6 and unix sockets, on both sides, each listener with its own policy."""
    file = tmp_path / "mx.conf"
    file.write_text(EVERYTHING.format(folder=tmp_path, port=sink.port), encoding="utf-8")
    daemon = gateways.Daemon("serve", "-c", file)
    daemons.append(daemon)
    port4 = daemon.listening("tcp4")
    port6 = int(re.search(r"tcp6=\[::1\]:(\d+)", daemon.log()).group(1))
    assert re.search(rf"local=unix:{tmp_path}/gateway\.sock", daemon.log())
    send(port4, "EHLO client.test", samples.PLAIN)
    send(("::1", port6), "HELO client.test", samples.DOTS)
    send(f"{tmp_path}/gateway.sock", "EHLO client.test", samples.FOLDED)
    with Client(("::1", port6)) as client:
        assert client.command("EHLO client.test").code == 502
    assert sorted(kept(sink)) == sorted([samples.PLAIN, samples.DOTS, samples.FOLDED])
    daemon.wait_log(r"connect from unknown\[::1\]")
    daemon.stop()
    assert not (tmp_path / "gateway.sock").exists()


@pytest.mark.parametrize("kind", samples.SEVEN_BIT)
def test_sink_keeps_every_octet(sink, kind):
    """The embedded server itself, without a gateway: CRLF and all."""
    send(sink.port, "EHLO client.test", samples.SEVEN_BIT[kind])
    assert kept(sink) == [samples.SEVEN_BIT[kind]]


def test_sink_offers(sink, daemons):
    """What the sink offers works through the gateway: 8BITMIME, SMTPUTF8, CHUNKING, DSN, SIZE."""
    gateway = gateways.quick(sink.port, "esmtp")
    daemons.append(gateway)
    message = samples.HEAD + "\r\nÄÖÜ \x80\r\n".encode("latin-1")
    with Client(gateway.port) as client:
        offered = client.expect(250, "EHLO client.test").keywords()
        assert {"PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8", "DSN", "CHUNKING",
                "ENHANCEDSTATUSCODES"} <= set(offered)
        client.expect(250, "MAIL FROM:<jörg@client.test> BODY=8BITMIME SMTPUTF8 RET=HDRS "
                           f"ENVID=1 SIZE={len(message)}")
        client.expect(250, "RCPT TO:<grüße@example.test> NOTIFY=NEVER ORCPT=rfc822;a@b.test")
        client.send(b"BDAT 30\r\n" + message[:30] + b"BDAT %d LAST\r\n" % (len(message) - 30)
                    + message[30:])
        assert [client.reply().code, client.reply().code] == [250, 250]
        client.quit()
    assert kept(sink) == [message]
    gateway.stop()


def test_json_log(sink, tmp_path, daemons):
    """One object a line, all of a session under one id, secrets and control bytes harmless."""
    gateway = gateways.configured(tmp_path, [sink.port], top="log format json")
    daemons.append(gateway)
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.command(b"VRFY \x1b\"\\\xff root")
        client.command(b"AUTH PLAIN c2VjcmV0LXNlY3JldA==")
        client.envelope(["to@example.test"])
        assert client.data(stuffed(samples.PLAIN)).code == 250
        client.quit()
    gateway.wait_log(r'"event": ?"disconnect"')
    gateway.stop()
    lines = [json.loads(line) for line in gateway.log().splitlines()]
    of_session = [line for line in lines if "session" in line]
    assert len({line["session"] for line in of_session}) == 1
    assert {"connect", "reject", "message", "disconnect"} <= {line["event"] for line in of_session}
    reject = next(line for line in of_session if line["event"] == "reject")
    assert reject["verb"] == "VRFY" and reject["reply"].startswith("502 5.5.1")
    assert reject["client"] == "127.0.0.1" and reject["helo"] == "client.test"
    assert "c2VjcmV0" not in gateway.log()


def test_log_file(sink, tmp_path, daemons):
    """`log file`: lines are appended there; stderr has at most the beginning."""
    log = tmp_path / "gateway.log"
    log.write_text("kept\n", encoding="ascii")
    file = tmp_path / "ehlogate.conf"
    file.write_text(gateways.configuration([sink.port], top=f'log file "{log}"'), encoding="utf-8")
    daemon = gateways.Daemon("serve", "-c", file)
    daemons.append(daemon)
    gateways.until(lambda: "ready: " in log.read_text(encoding="utf-8"), "ready in the log file")
    port = int(re.search(r"default=127\.0\.0\.1:(\d+)", log.read_text(encoding="utf-8")).group(1))
    send(port, "EHLO client.test", samples.PLAIN)
    daemon.stop()
    text = log.read_text(encoding="utf-8")
    assert text.startswith("kept\n") and "disconnect from unknown[127.0.0.1]" in text
    assert "connect from" not in daemon.log()
