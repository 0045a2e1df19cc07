"""A transparent TCP relay of the suite's own that records what passes between gateway and server.

It is what makes "never reaches the server" a statement about bytes.  It can also stop the
traffic at a chosen moment (a Breakpoint) or altogether (pause), for the tests that kill
something just then.  It takes a FIN as a FIN and a reset as a reset.
"""

import contextlib
import re
import select
import socket
import struct
import threading

from deadline import until

BLOCK = 1 << 18
WATCH = 0.02
RESET = struct.pack("ii", 1, 0)
TO_SERVER, TO_CLIENT = "to server", "to client"


def reset(sock):
    """Closes a socket with a reset instead of a FIN, as a killed host's kernel may."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


class Breakpoint:
    """Holds the bytes that complete a pattern in one direction, until released.

    release(False) drops them and cuts the connection instead.
    """

    def __init__(self, direction, pattern):
        self.direction = direction
        self.pattern = re.compile(pattern, re.DOTALL)
        self._reached = threading.Event()
        self._released = threading.Event()
        self._forward = True

    def hit(self, seen):
        """Called by the relay with the last bytes seen; tells whether to pass them on."""
        if self._reached.is_set() or self.pattern.search(seen) is None:
            return True
        self._reached.set()
        self._released.wait(60)
        return self._forward

    def wait(self, seconds=20):
        """Waits until the traffic stands at the breakpoint."""
        assert self._reached.wait(seconds), f"nothing like {self.pattern.pattern!r} came by"

    def release(self, forward=True):
        """Lets the traffic go on."""
        self._forward = forward
        self._released.set()


class Ended(Exception):
    """The session is over: one side has reset it, or the test has cut it."""


class Session:
    """One connection through the tap: what went each way, and in which order."""

    def __init__(self, client, server, keep):
        self.client, self.server, self.keep = client, server, keep
        self.events = []
        self.count = {TO_SERVER: 0, TO_CLIENT: 0}
        self.dead = False
        self._lock = threading.Lock()
        self._open = 2

    def sent(self, direction):
        """All bytes of one direction."""
        return b"".join(data for way, data in list(self.events) if way == direction)

    def closed(self):
        """True when both directions have ended, so that the record is complete."""
        return self._open == 0

    def note(self, direction, data):
        """Records bytes."""
        self.count[direction] += len(data)
        if self.keep:
            self.events.append((direction, data))

    def leave(self):
        """One direction has ended.

        The last one closes both sockets.  Not before: closing a socket on which another thread
        waits neither wakes that thread nor sends anything.
        """
        with self._lock:
            self._open -= 1
            if self._open > 0:
                return
        for sock in (self.client, self.server):
            if self.dead:
                reset(sock)
            sock.close()


class Tap:
    """Listens on a port of its own before a server and relays to it."""

    def __init__(self, port, keep=True):
        self.target = ("127.0.0.1", port)
        self.keep = keep
        self.sessions = []
        self.total = 0
        self.breakpoints = []
        self._running = threading.Event()
        self._running.set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """Stops taking connections; those that are open go on."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.resume()
        for point in self.breakpoints:
            point.release()

    def pause(self):
        """Reads no more from either side, like a server that hangs."""
        self._running.clear()

    def resume(self):
        """Ends pause()."""
        self._running.set()

    def break_at(self, direction, pattern):
        """Sets a breakpoint for the next bytes that match."""
        point = Breakpoint(direction, pattern)
        self.breakpoints.append(point)
        return point

    def cut(self):
        """Resets every connection, as a server that dies does."""
        for session in self.sessions:
            session.dead = True

    def clear(self):
        """Forgets what was recorded; to be called between tests."""
        self.sessions = []
        self.breakpoints = []

    def last(self, count=1):
        """The last session when there were as many as that, all of them closed by now."""
        until(lambda: len(self.sessions) >= count, f"{count} sessions at the server")
        assert len(self.sessions) == count, f"{len(self.sessions)} sessions instead of {count}"
        until(self.sessions[-1].closed, "the session at the server to end")
        return self.sessions[-1]

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, 10)
            except OSError:
                reset(client)
                continue
            for sock in (client, server):
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(client, server, self.keep)
            self.sessions.append(session)
            self.total += 1
            for way in ((client, server, TO_SERVER), (server, client, TO_CLIENT)):
                threading.Thread(target=self._pump, args=(session, *way), daemon=True).start()

    def _wait(self, session, poll):
        """Waits until the socket is ready; looks up now and then whether the session is over."""
        while not (self._running.wait(WATCH) and poll.poll(1000 * WATCH)):
            if session.dead:
                raise Ended
        if session.dead:
            raise Ended

    def _pump(self, session, source, target, direction):
        try:
            self._relay(session, source, target, direction)
            target.shutdown(socket.SHUT_WR)
        except (OSError, Ended):
            session.dead = True
        session.leave()

    def _relay(self, session, source, target, direction):
        readable, writable, tail = select.poll(), select.poll(), b""
        readable.register(source, select.POLLIN)
        writable.register(target, select.POLLOUT)
        while True:
            self._wait(session, readable)
            data = source.recv(BLOCK)
            if not data:
                return
            session.note(direction, data)
            tail = tail[-64:] + data
            if not all([point.hit(tail) for point in self.breakpoints
                        if point.direction == direction]):
                raise Ended
            rest = memoryview(data)
            while rest:
                self._wait(session, writable)
                rest = rest[target.send(rest):]
