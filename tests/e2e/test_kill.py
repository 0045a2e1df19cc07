"""Whatever dies, and whenever: nothing acknowledged is lost, nothing is made up.

A worker, the client or the server is killed in the middle of a message (mid-data), while its final
dot is on the way (dot-held), when the server has taken it but its reply is on the way
(reply-held), and when the client has its 250 (after-reply).  The tap holds the traffic at the
chosen place.  Then a sender that has no 250 tries again, as senders do.

What must hold: a 250 to the client means a message in the mailbox; and there are never more
messages than final dots that the server answered with 250, which is what SMTP allows: only a
message whose reply got lost may come twice.
"""

import os
import re
import signal
import subprocess

import pytest

import gateway as gateways
import samples
from conftest import SERVERS
from debs import need_tool
from deadline import until
from dialogue import read, stuffed
from raw import Client
from tap import TO_CLIENT, TO_SERVER, Tap

POINTS = ("mid-data", "dot-held", "reply-held", "after-reply")
BODY = samples.HEAD + b"\r\n" + b"0123456789" * 7 + b"\r\n" + b"a line of some text\r\n" * 40000
WIRE = stuffed(BODY)
HALF = len(WIRE) // 2


class Line:
    """Client -> gateway -> tap -> server, of which this test may kill any part."""

    def __init__(self, peer, workers=1):
        self.peer = peer
        self.tap = Tap(peer.port)
        self.gateway = gateways.quick(self.tap.port, "esmtp", "--workers", str(workers))
        self.client = None
        self.point = None

    def advance(self, point, recipient):
        """Brings a session to the point; returns True when the client has its 250."""
        self.client = client = Client(self.gateway.port)
        client.expect(250, "EHLO client.test")
        client.envelope([recipient])
        client.expect(354, "DATA")
        if point == "mid-data":
            client.send(WIRE[:HALF])
            session = self.tap.sessions[-1]
            until(lambda: session.count[TO_SERVER] > HALF // 2, "half of the body at the server")
        elif point == "dot-held":
            self.point = self.tap.break_at(TO_SERVER, rb"\r\n\.\r\n$")
            client.send(WIRE)
            self.point.wait()
        elif point == "reply-held":
            self.point = self.tap.break_at(TO_CLIENT, rb"250[^\n]*\n$")
            client.send(WIRE)
            self.point.wait()
        else:
            client.send(WIRE)
            assert client.reply().code == 250
            return True
        return False

    def let_go(self):
        """Drops what is held and cuts that connection: whoever waited for it is dead."""
        if self.point is not None:
            self.point.release(False)
        for session in self.tap.sessions:
            until(session.closed, "the session at the server to end")

    def retry(self, recipient):
        """Sends again until there is a 250; returns how many tries that took."""
        for attempt in range(1, 6):
            with Client(self.gateway.port) as client:
                done = client.greeting.code == 220
                if done:
                    client.expect(250, "EHLO client.test")
                    client.envelope([recipient])
                    done = client.data(WIRE).code == 250
                    client.quit()
            if done:
                return attempt
        raise AssertionError("no 250 in five tries")

    def check(self, recipient, acknowledged):
        """The mailbox against what the client and the server have said."""
        for session in self.tap.sessions:
            until(session.closed, "the session at the server to end")
        self.peer.settle()
        accepted = sum(read(session).accepted() for session in self.tap.sessions)
        assert acknowledged <= accepted
        for stored in self.peer.delivered(recipient, accepted):
            assert stored == BODY.replace(b"\r\n", b"\n")
        return accepted

    def close(self):
        """Ends what is left."""
        self.client.close()
        self.gateway.destroy()
        self.tap.close()


@pytest.fixture(name="line")
def _line(request, world):
    line = Line(world.peer(request.param))
    yield line
    line.close()


def at(servers=SERVERS, points=POINTS):
    """The test before these servers at these points."""
    pairs = [(server, point) for server in servers for point in points]
    return pytest.mark.parametrize("line,point", pairs, indirect=["line"],
                                   ids=[f"{point}-{server}" for server, point in pairs])


EXPECTED = {"mid-data": 1, "dot-held": 1, "reply-held": 2, "after-reply": 1}


def retry_where_needed(line, recipient, acknowledged):
    """A sender with its 250 is done; another one tries again."""
    if not acknowledged:
        line.retry(recipient)


@at()
def test_worker_killed(line, point, address):
    """The worker dies: no 250 but the server's, and the master has a new one at once."""
    recipient = address()
    acknowledged = line.advance(point, recipient)
    (worker,) = line.gateway.children()
    os.kill(worker, signal.SIGKILL)
    assert line.client.reply() == b""
    line.let_go()
    retry_where_needed(line, recipient, acknowledged)
    assert line.check(recipient, 1) == EXPECTED[point]
    line.gateway.wait_log(r"worker \d+ has taken the place")
    assert line.gateway.children() not in ([], [worker])
    line.gateway.stop(crashes=1)


@at()
@pytest.mark.parametrize("how", ["fin", "reset"])
def test_client_killed(line, point, how, address):
    """The client dies: half a message is none, and a whole one is the server's to keep.

    While the final dot is out, the gateway waits for the server's answer all the same.
    """
    recipient = address()
    acknowledged = line.advance(point, recipient)
    {"fin": line.client.close, "reset": line.client.reset}[how]()
    finish = {"mid-data": 0, "dot-held": 0, "reply-held": 1, "after-reply": 1}
    line.let_go()
    assert line.check(recipient, int(acknowledged)) == finish[point]
    line.gateway.stop()


@pytest.mark.parametrize("line", SERVERS, indirect=True)
def test_client_process_killed(line, address):
    """The same with a client that is killed for good: curl, while it sends."""
    recipient = address()
    line.client = subprocess.Popen(
        [need_tool("curl", "curl"), "--silent", f"smtp://127.0.0.1:{line.gateway.port}",
         "--mail-from", "sender@client.test", "--mail-rcpt", recipient, "--upload-file", "-"],
        stdin=subprocess.PIPE)
    line.client.close = line.client.stdin.close
    line.client.stdin.write(BODY)
    line.client.stdin.flush()
    until(lambda: line.tap.sessions and line.tap.sessions[0].count[TO_SERVER] > HALF,
          "curl's message at the server")
    line.client.kill()
    line.client.wait()
    line.let_go()
    assert line.check(recipient, 0) == 0
    line.gateway.stop()


@at(("postfix",), POINTS)
def test_server_killed(line, point, address):
    """The server dies: the client hears 4xx, not silence; what was acknowledged is there."""
    check_server_killed(line, point, address())


@at(("exim", "opensmtpd"), ("mid-data", "after-reply"))
def test_other_server_killed(line, point, address):
    """The other servers where it differs most."""
    check_server_killed(line, point, address())


def check_server_killed(line, point, recipient):
    """See above."""
    acknowledged = line.advance(point, recipient)
    line.peer.kill()
    try:
        if line.point is not None:
            line.point.release(False)
        reply = line.client.reply()
        assert acknowledged or reply[:4] in (b"421 ", b"451 "), bytes(reply)
        line.let_go()
        assert Client(line.gateway.port).greeting[:8] in (b"421 4.4.", b"421 4.3.")
    finally:
        line.peer.start()
    retry_where_needed(line, recipient, acknowledged)
    assert line.check(recipient, 1) == EXPECTED[point]
    line.gateway.stop()


@pytest.mark.parametrize("line", ["postfix"], indirect=True)
def test_other_worker_is_untouched(world, line, daemons):
    """Two workers: one is killed, the sessions of the other go on."""
    line.client = Client(line.gateway.port)
    gateway = gateways.quick(world.peer("postfix").port, "esmtp", "--workers", "2")
    daemons.append(gateway)
    clients = []

    def owners():
        clients.append(Client(gateway.port))
        gateway.wait_log(rf"(?s)(connect from .*){{{len(clients)}}}")
        found = [int(number) for number in
                 re.findall(r"smtpd\[(\d+)\]: connect from", gateway.log())]
        return found if len(set(found)) == 2 else None

    served_by = until(owners, "both workers to have a session")
    victim = served_by[0]
    os.kill(victim, signal.SIGKILL)
    for client, worker in zip(clients, served_by):
        reply = client.command("NOOP")
        assert (reply == b"") == (worker == victim)
    until(lambda: len(gateway.children()) == 2 and victim not in gateway.children(),
          "the master to replace the worker")
    gateway.wait_log(r"worker \d+ has taken the place")
    for client in clients:
        client.close()
    gateway.stop(crashes=1)
