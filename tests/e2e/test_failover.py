"""Backends that are away: the next is tried in order; where none is left, 421 and not silence."""

import re

import pytest

import clients
import gateway as gateways
import samples
from box import free_port
from fakes import Blackhole, Scripted
from peers import same
from raw import Client
from tap import Tap


@pytest.fixture(name="taps")
def _taps(world, daemons):
    """Two ways to Postfix, so that one can tell which was taken."""
    pair = [Tap(world.peer("postfix").port) for _ in range(2)]
    daemons.extend(pair)
    return pair


@pytest.fixture(name="blackhole")
def _blackhole():
    hole = Blackhole()
    yield hole
    hole.close()


def test_first_is_preferred(taps, tmp_path, daemons):
    """With both there, the first takes all."""
    gateway = gateways.configured(tmp_path, [tap.port for tap in taps])
    daemons.append(gateway)
    for _ in range(5):
        with Client(gateway.port) as client:
            client.quit()
    taps[0].last(5)
    assert not taps[1].sessions
    gateway.stop()


def test_first_refuses(world, taps, tmp_path, daemons, address):
    """A closed port: the mail goes to the second, and back to the first when it is there again."""
    recipient = address()
    taps[0].close()
    gateway = gateways.configured(tmp_path, [taps[0].port, taps[1].port])
    daemons.append(gateway)
    result = clients.swaks(gateway.port, [recipient], samples.PLAIN)
    assert result.status == 0, result.output
    taps[1].last()
    assert same(samples.PLAIN, world.peer("postfix").delivered(recipient)[0])
    assert re.search(rf"127\.0\.0\.1:{taps[0].port}", gateway.log())
    gateway.stop()


def test_first_is_a_blackhole(taps, blackhole, tmp_path, daemons):
    """No answer at all: the second after `timeout connect`."""
    gateway = gateways.configured(tmp_path, [blackhole.port, taps[1].port],
                                  policy="timeout connect 300ms")
    daemons.append(gateway)
    with Client(gateway.port) as client:
        assert client.greeting.code == 220
        client.quit()
    taps[1].last()
    gateway.stop()


def test_all_refuse(tmp_path, daemons):
    """421 4.4.1 in place of a greeting, at once, and the connection ends."""
    gateway = gateways.configured(tmp_path, [free_port(), free_port()])
    daemons.append(gateway)
    with Client(gateway.port) as client:
        assert client.greeting.startswith(b"421 4.4.1 ")
        assert client.ended() == b""
    gateway.wait_log(r"disconnect from unknown\[127\.0\.0\.1\]")
    gateway.stop()


def test_all_are_blackholes(blackhole, tmp_path, daemons):
    """421 4.4.1 after both timeouts."""
    gateway = gateways.configured(tmp_path, [blackhole.port, blackhole.port],
                                  policy="timeout connect 200ms")
    daemons.append(gateway)
    with Client(gateway.port, timeout=5) as client:
        assert client.greeting.startswith(b"421 4.4.1 ")
        assert client.ended() == b""
    gateway.stop()


SCRIPTS = {
    "closes-at-once": ([], "fin", (421,)),
    "resets-at-once": ([], "reset", (421,)),
    "says-421": ([b"421 4.3.2 too busy\r\n"], "fin", (421,)),
    "says-554": ([b"554 5.3.2 no service here\r\n", b"221 bye\r\n"], "fin", (554, 421)),
    "talks-nonsense": ([b"SSH-2.0-OpenSSH_9.2\r\n"], "hang", (421,)),
    "greets-without-end": ([b"220-" + b"x" * 100 + b"\r\n", ] + [b""] + [b""], "fin", (421,)),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_odd_greetings(name, tmp_path, daemons):
    """A server that cannot greet: a reply that a sender understands, then the end."""
    script, end, codes = SCRIPTS[name]
    server = Scripted(script, end)
    gateway = gateways.configured(tmp_path, [server.port], policy="timeout greeting 1s")
    daemons.append(gateway)
    with Client(gateway.port) as client:
        assert client.greeting.code in codes, bytes(client.greeting)
        assert b"SSH" not in client.greeting
        client.send(b"QUIT\r\n")
        client.ended()
    gateway.stop()
    server.close()
