"""Fixtures: servers and gateways that the whole run shares, and fresh addresses for each test.

A missing package or program is an error that names it; nothing is ever skipped.
"""

import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import gateway as gateways
import peers
import raw
from deadline import until
from tap import Tap

SERVERS = tuple(peers.ALL)
# The profiles that leave no EHLO: the client must say HELO.
HELO_ONLY = ("rfc821", "pix-mailguard", "pix-mailguard-4.4")
STRICT = tuple(profile for profile in gateways.PROFILES if profile != "observe")


def on(servers=SERVERS, profiles=gateways.PROFILES):
    """Runs a test on the routes through these profiles to these servers."""
    pairs = [(server, profile) for server in servers for profile in profiles]
    return pytest.mark.parametrize("route", pairs, indirect=True,
                                   ids=[f"{profile}-{server}" for server, profile in pairs])


class Route:
    """Client -> gateway -> tap -> server."""

    def __init__(self, peer, profile):
        self.peer, self.profile = peer, profile
        self.tap = Tap(peer.port)
        self.gateway = gateways.quick(self.tap.port, profile, "--hostname", "gw.example.test",
                                      "--workers", "1")
        self.port = self.gateway.port
        self.log_start = 0

    def begin(self):
        """Forgets what the tests before have left behind."""
        self.tap.clear()
        self.log_start = len(self.gateway.log())

    def log(self):
        """What the gateway has logged since begin()."""
        return self.gateway.log()[self.log_start:]

    def idle(self):
        """Waits until no session is left, neither at the gateway nor at the tap, and all is logged.

        The gateway connects to the server for each client, and logs a little later.
        """
        until(lambda: all(session.closed() for session in self.tap.sessions),
              "the sessions at the server to end")
        def all_logged():
            log = self.gateway.log()
            return (log.count(" connect from ") == log.count(" disconnect from ")
                    == self.tap.total)
        until(all_logged, "the gateway to log the ends of its sessions")

    def hello(self, client):
        """The greeting that the profile lets through; returns the EHLO keywords."""
        if self.profile in HELO_ONLY:
            client.expect(250, "HELO client.test")
            return {}
        return client.expect(250, "EHLO client.test").keywords()


class World:
    """What is shared by the run."""

    def __init__(self):
        self.peers, self.routes = {}, {}

    def peer(self, name):
        """The server of that name, started on first use."""
        if name not in self.peers:
            self.peers[name] = peers.started(name)
        return self.peers[name]

    def route(self, server, profile):
        """The route through that profile, made on first use."""
        if (server, profile) not in self.routes:
            self.routes[server, profile] = Route(self.peer(server), profile)
        return self.routes[server, profile]

    def stop(self):
        """Ends everything; a gateway that does not end well is an error of the run."""
        try:
            for route in self.routes.values():
                route.gateway.stop()
        finally:
            for route in self.routes.values():
                route.gateway.destroy()
                route.tap.close()
            for peer in self.peers.values():
                peer.stop()


@pytest.fixture(scope="session", name="world")
def _world():
    world = World()
    yield world
    world.stop()


@pytest.fixture(name="peer")
def _peer(request, world):
    return world.peer(request.param)


@pytest.fixture(name="route")
def _route(request, world):
    route = world.route(*request.param)
    route.begin()
    yield route
    route.idle()


@pytest.fixture(name="client")
def _client(route):
    client = raw.Client(route.port)
    yield client
    client.close()


_COUNTER = itertools.count(1)


@pytest.fixture(name="address")
def _address():
    """Makes addresses that no other test has used."""
    def fresh(word="to"):
        return f"{word}-{next(_COUNTER)}@{peers.DOMAIN}"
    return fresh


@pytest.fixture(name="daemons")
def _daemons():
    """A list of gateways and taps that are ended after the test, however it went."""
    running = []
    yield running
    for daemon in reversed(running):
        if isinstance(daemon, Tap):
            daemon.close()
        else:
            daemon.destroy()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):  # pylint: disable=unused-argument
    """Shows the gateway's log beside a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and isinstance(getattr(item, "funcargs", {}).get("route"), Route):
        report.sections.append(("gateway log", item.funcargs["route"].log()[-4000:]))
