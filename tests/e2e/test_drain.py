"""TERM: transactions are finished, no more connections are taken, and nothing stays behind."""

import signal

import pytest

import gateway as gateways
import samples
from conftest import SERVERS
from deadline import until
from dialogue import stuffed
from peers import same
from raw import Client


@pytest.fixture(name="gateway")
def _gateway(request, world, daemons):
    gateway = gateways.quick(world.peer(request.param).port, "esmtp", "--workers", "2")
    gateway.server = world.peer(request.param)
    daemons.append(gateway)
    return gateway


def before(*servers):
    """The test with a gateway of its own before each of these servers."""
    return pytest.mark.parametrize("gateway", servers, indirect=True)


def refused(port):
    """Whether nobody listens any more."""
    try:
        Client(port).close()
    except ConnectionRefusedError:
        return True
    return False


@before(*SERVERS)
def test_a_message_under_way_is_finished(gateway, address):
    """TERM in mid-DATA: the message gets its 250 and arrives; then it is 421, and status 0."""
    recipient = address()
    gateway.children()
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.envelope([recipient])
        client.expect(354, "DATA")
        wire = stuffed(samples.PLAIN)
        client.send(wire[:20])
        gateway.signal(signal.SIGTERM)
        until(lambda: refused(gateway.port), "new connections to be refused")
        assert gateway.process.poll() is None
        client.send(wire[20:])
        assert client.reply().code == 250
        assert client.reply()[:6] in (b"421 4.", b"")
    assert gateway.ended() == 0
    assert same(samples.PLAIN, gateway.server.delivered(recipient)[0])


@before("postfix")
def test_idle_sessions_are_told(gateway):
    """A session between transactions gets 421 and does not hold up the end."""
    gateway.children()
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        gateway.signal(signal.SIGTERM)
        assert client.reply().startswith(b"421 4.3.2 ")
        assert client.ended() == b""
    assert gateway.ended() == 0


@before("postfix")
def test_second_term_stops_at_once(gateway, address):
    """A transaction that does not end is cut by a second TERM; its message is nowhere."""
    recipient = address()
    gateway.children()
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.envelope([recipient])
        client.expect(354, "DATA")
        client.send(b"Subject: half\r\n")
        gateway.signal(signal.SIGTERM)
        until(lambda: refused(gateway.port), "new connections to be refused")
        gateway.signal(signal.SIGTERM)
        assert gateway.ended(5) == 0
        assert b"250" not in client.ended()
    gateway.server.settle()
    assert not gateway.server.messages(recipient)


def test_drain_has_an_end(world, tmp_path, daemons):
    """`drain 1s`: who does not finish by then is cut."""
    gateway = gateways.configured(tmp_path, [world.peer("postfix").port], top="drain 1s")
    daemons.append(gateway)
    gateway.children()
    with Client(gateway.port) as client:
        client.expect(250, "EHLO client.test")
        client.expect(250, "MAIL FROM:<sender@client.test>")
        gateway.signal(signal.SIGTERM)
        client.ended()
    assert gateway.ended(10) == 0


@before("postfix")
def test_usr1_drains_as_well(gateway):
    """USR1 is TERM by another name."""
    gateway.children()
    gateway.signal(signal.SIGUSR1)
    assert gateway.ended() == 0


@before("postfix")
def test_master_killed(gateway):
    """Where the master is killed the workers drain and end too."""
    children = gateway.children()
    assert len(children) == 2
    gateway.signal(signal.SIGKILL)
    assert gateway.process.wait(10) == -signal.SIGKILL
    gateway.family = children
    until(lambda: gateways.gone(children), "the workers to end")
