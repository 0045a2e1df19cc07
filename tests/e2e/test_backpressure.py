"""Who does not read is not read for: the gateway's memory does not grow with what is offered."""

import select
import signal

import pytest

import gateway as gateways
import samples
from dialogue import stuffed
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


class Flood:
    """One block of bytes over and over, sent for as long as somebody reads."""

    def __init__(self, client, block, total):
        self.client, self.block = client, block
        self.left = total // len(block) * len(block)
        self.sent = 0

    def offer(self, patience=QUIET_SECONDS, limit=None):
        """Sends until all, or the limit, is gone or nothing has moved for a while."""
        sock = self.client.socket
        sock.setblocking(False)
        goal = self.sent + min(self.left, self.left if limit is None else limit)
        while self.sent < goal and select.select([], [sock], [], patience)[1]:
            start = self.sent % len(self.block)
            count = sock.send(memoryview(self.block)[start:start + goal - self.sent])
            self.sent += count
            self.left -= count
        sock.settimeout(60)

    def finish(self):
        """Sends what is left, however long that takes."""
        while self.left > 0:
            self.offer(patience=60)


def begin_message(client):
    """A transaction up to the 354 and the message's header."""
    client.expect(250, "EHLO client.test")
    client.envelope(["to@example.test"])
    client.expect(354, "DATA")
    client.send(samples.HEAD + b"\r\n")


BLOCK = stuffed(samples.big(1 << 20, seed=4))[:-len(b".\r\n")]


@pytest.mark.parametrize("how", ["server stopped", "path stopped"])
def test_server_does_not_read(lane, how):
    """200 MB for a server that stands still: they wait at the client, and all get through."""
    with Client(lane.gateway.port, timeout=60) as client:
        begin_message(client)
        lane.hold(how)
        flood = Flood(client, BLOCK, OFFERED)
        flood.offer()
        assert flood.sent < ON_THE_WAY
        assert lane.grown() < MEMORY_BOUND
        lane.resume()
        flood.finish()
        client.send(b".\r\n")
        assert client.reply().code == 250
        assert lane.grown() < MEMORY_BOUND
        client.quit()
    lane.sink.wait_log(r"size=\d{9}")
    assert lane.grown() < MEMORY_BOUND


def test_server_is_slow(lane):
    """A server that reads now and then: 64 MB in all, memory watched all the way."""
    with Client(lane.gateway.port, timeout=60) as client:
        begin_message(client)
        flood = Flood(client, BLOCK, 64 << 20)
        while flood.left > 0:
            lane.tap.pause()
            flood.offer(patience=0.05, limit=8 << 20)
            assert lane.grown() < MEMORY_BOUND
            lane.tap.resume()
            flood.offer(patience=60, limit=1 << 20)
        client.send(b".\r\n")
        assert client.reply().code == 250
        assert lane.grown() < MEMORY_BOUND
        client.quit()


def test_client_does_not_read(lane):
    """Commands without end from a client that reads no reply: it has to wait, and gets them all."""
    command = b"RSET\r\n"
    with Client(lane.gateway.port, timeout=60) as client:
        client.expect(250, "EHLO client.test")
        flood = Flood(client, command * 10000, OFFERED)
        flood.offer()
        assert flood.sent < ON_THE_WAY
        assert lane.grown() < MEMORY_BOUND
        whole, part = divmod(flood.sent, len(command))
        for _ in range(whole):
            assert client.file.readline().startswith(b"250 ")
        client.send(command[part:])
        assert client.file.readline().startswith(b"250 ")
        assert lane.grown() < MEMORY_BOUND
        client.quit()


def test_many_waiting_sessions(lane):
    """100 clients in mid-message before a server that stands still hold little each."""
    lane.before = lane.gateway.resident()
    clients = [Client(lane.gateway.port) for _ in range(100)]
    for client in clients:
        begin_message(client)
    lane.tap.pause()
    for client in clients:
        client.send(BLOCK[:30000])
    assert lane.grown() < MEMORY_BOUND
    lane.tap.resume()
    for client in clients:
        client.send(b"\r\n.\r\n")
        assert client.reply().code == 250
        client.close()
