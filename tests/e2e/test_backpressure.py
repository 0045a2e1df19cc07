"""Who does not read is not read for: the gateway's memory does not grow with what is offered."""

import select
import signal

import pytest

import gateway as gateways
import samples
from deadline import until
from raw import Client
from tap import Tap

OFFERED = 200 << 20
# What the gateway may take more than before, master and worker together.
MEMORY_BOUND = 4 << 20
# What may be on the way: the kernel's buffers of four sockets, and the gateway's own.
ON_THE_WAY = 64 << 20
QUIET_SECONDS = 1.0


class Lane:
    """Client -> gateway -> tap -> sink, all idle."""

    def __init__(self):
        self.sink = gateways.Daemon("sink", "--listen", "127.0.0.1:0", "--size", "1G")
        self.sink_port = self.sink.listening("sink")
        self.tap = Tap(self.sink_port, keep=False)
        self.gateway = gateways.quick(self.tap.port, "esmtp", "--workers", "1")
        with Client(self.gateway.port) as client:
            client.expect(250, "EHLO client.test")
            client.quit()
        self.before = self.gateway.resident()

    def grown(self):
        """Bytes that the gateway has taken since it was idle."""
        return self.gateway.resident() - self.before

    def hold(self, how):
        """Makes the server's side read no more."""
        if how == "server stopped":
            self.sink.signal(signal.SIGSTOP)
        else:
            self.tap.pause()

    def resume(self):
        """Ends hold()."""
        self.sink.signal(signal.SIGCONT)
        self.tap.resume()

    def close(self):
        """Ends all of it."""
        self.resume()
        self.gateway.destroy()
        self.tap.close()
        self.sink.destroy()


@pytest.fixture(name="lane")
def _lane():
    lane = Lane()
    yield lane
    lane.close()


def push(client, data):
    """Sends until all is gone or nothing has moved for a while; returns what is left."""
    rest = memoryview(data)
    client.socket.setblocking(False)
    while rest and select.select([], [client.socket], [], QUIET_SECONDS)[1]:
        rest = rest[client.socket.send(rest[:1 << 20]):]
    client.socket.settimeout(60)
    return rest


@pytest.mark.parametrize("how", ["server stopped", "path stopped"])
def test_server_does_not_read(lane, how):
    """200 MB for a server that stands still: they wait at the client, and all of them get through."""
    body = samples.big(OFFERED, seed=4) + b".\r\n"
    body = body.replace(b"\r\n.", b"\r\n..")[:-4] + b".\r\n"
    with Client(lane.gateway.port, timeout=60) as client:
        client.expect(250, "EHLO client.test")
        client.envelope(["to@example.test"])
        client.expect(354, "DATA")
        lane.hold(how)
        rest = push(client, body)
        assert len(body) - len(rest) < ON_THE_WAY
        assert lane.grown() < MEMORY_BOUND
        lane.resume()
        client.send(rest)
        assert client.reply().code == 250
        assert lane.grown() < MEMORY_BOUND
        client.quit()
    lane.sink.wait_log(r"size=\d{9}")
    assert lane.grown() < MEMORY_BOUND


def test_server_is_slow(lane):
    """A server that reads now and then: 64 MB in all, memory watched all the way."""
    body = samples.big(64 << 20, seed=5)
    body = body.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    with Client(lane.gateway.port, timeout=60) as client:
        client.expect(250, "EHLO client.test")
        client.envelope(["to@example.test"])
        client.expect(354, "DATA")
        step = len(body) // 16 + 1
        for start in range(0, len(body), step):
            lane.tap.pause()
            client.socket.setblocking(False)
            part = memoryview(body)[start:start + step]
            while part and select.select([], [client.socket], [], 0.05)[1]:
                part = part[client.socket.send(part):]
            assert lane.grown() < MEMORY_BOUND
            lane.tap.resume()
            client.socket.settimeout(60)
            client.send(part)
        assert client.reply().code == 250
        assert lane.grown() < MEMORY_BOUND
        client.quit()


def test_client_does_not_read(lane):
    """Commands without end from a client that reads no reply: it has to wait, and gets them all."""
    with Client(lane.gateway.port, timeout=60) as client:
        client.expect(250, "EHLO client.test")
        commands = b"RSET\r\n" * (OFFERED // 6)
        rest = push(client, commands)
        taken = len(commands) - len(rest)
        assert taken < ON_THE_WAY
        assert lane.grown() < MEMORY_BOUND
        client.send(b"RSET\r\n"[taken % 6:] if taken % 6 else b"")
        whole = -(-taken // 6)
        for _ in range(whole):
            assert client.file.readline().startswith(b"250 ")
        assert lane.grown() < MEMORY_BOUND
        client.quit()


def test_many_idle_sessions(lane):
    """300 clients in mid-message before a server that stands still hold little each."""
    clients = [Client(lane.gateway.port) for _ in range(300)]
    for client in clients:
        client.expect(250, "EHLO client.test")
        client.envelope(["to@example.test"])
        client.expect(354, "DATA")
        client.send(b"Subject: waiting\r\n\r\n")
    until(lambda: all(len(lane.tap.sessions) >= 300 for _ in clients), "300 sessions at the server")
    assert lane.grown() < MEMORY_BOUND
    for client in clients:
        client.send(b".\r\n")
        assert client.reply().code == 250
        client.close()
