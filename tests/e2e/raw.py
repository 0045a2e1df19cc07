"""A small SMTP client that sends exactly the bytes it is told, in the segments it is told."""

import contextlib
import re
import socket
import struct

from deadline import until
from tap import reset

FINAL = re.compile(rb"^\d{3}(?: .*)?$", re.DOTALL)
SOCK_DIAG_BY_FAMILY, NETLINK_SOCK_DIAG = 20, 4


def _unread(connection):
    """How many bytes of ours the process at the other end has not read yet."""
    near, far = connection.getsockname(), connection.getpeername()
    addresses = [socket.inet_aton(end[0]).ljust(16, b"\0") for end in (far, near)]
    ident = (struct.pack("!HH", far[1], near[1]) + b"".join(addresses)
             + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF))
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + ident
    head = struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, 1, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as netlink:
        netlink.sendall(head + body)
        answer = netlink.recv(4096)
    if struct.unpack_from("=H", answer, 4)[0] != SOCK_DIAG_BY_FAMILY:
        return 0  # the other end has closed its socket
    return struct.unpack_from("=I", answer, 16 + 4 + 48 + 4)[0]


class Reply(bytes):
    """A server's reply, all lines of it; empty where the server closed instead."""

    @property
    def code(self):
        """The reply code, 0 for a closed connection."""
        return int(self[:3] or b"0")

    def lines(self):
        """The text of each line."""
        return [line[4:].rstrip(b"\r\n") for line in self.splitlines()]

    def keywords(self):
        """The EHLO keywords with their parameters."""
        words = [line.decode(errors="replace").split() for line in self.lines()[1:]]
        return {word[0].upper(): word[1:] for word in words}


class Client:
    """One connection; replies are read when asked for and not before."""

    def __init__(self, where, timeout=30, greet=True):
        """where: a port of 127.0.0.1, a (host, port) pair, or the path of a unix socket."""
        if isinstance(where, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(where)
        else:
            pair = ("127.0.0.1", where) if isinstance(where, int) else where
            self.socket = socket.create_connection(pair, timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.greeting = self.reply() if greet else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection with a FIN, if it is open."""
        self.file.close()
        self.socket.close()

    def reset(self):
        """Closes the connection with a reset."""
        self.file.close()
        reset(self.socket)

    def send(self, data):
        """Sends all the bytes."""
        self.socket.sendall(data)

    def send_pieces(self, *pieces):
        """Sends each piece in a segment of its own, once the one before has been read.

        Where the other end closes in between, the rest is lost, as it would be anyway.
        """
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                self.socket.sendall(piece)
                until(lambda: _unread(self.socket) == 0, "the other end to read", step=0.0005)

    def reply(self):
        """The next whole reply, or an empty one when the connection has ended."""
        lines = []
        with contextlib.suppress(ConnectionError):
            while line := self.file.readline():
                lines.append(line)
                if FINAL.match(line.rstrip(b"\r\n")):
                    return Reply(b"".join(lines))
        return Reply(b"")

    def command(self, line):
        """Sends a command and returns its reply."""
        with contextlib.suppress(ConnectionError):
            self.send(line.encode() + b"\r\n" if isinstance(line, str) else line + b"\r\n")
        return self.reply()

    def expect(self, code, line):
        """A command that must get this reply code; returns the reply."""
        got = self.command(line)
        assert got.code == code, f"{line!r} got {bytes(got)!r} instead of {code}"
        return got

    def ended(self):
        """Reads to the end of the connection; returns what still came."""
        with contextlib.suppress(ConnectionError):
            return self.file.read()
        return b""

    def envelope(self, recipients, sender="sender@client.test", parameters=""):
        """MAIL and RCPT, one at a time."""
        self.expect(250, f"MAIL FROM:<{sender}>{parameters}")
        for recipient in recipients:
            self.expect(250, f"RCPT TO:<{recipient}>")

    def data(self, stuffed):
        """DATA, the stuffed body with its final dot; returns the final reply."""
        self.expect(354, "DATA")
        self.send(stuffed)
        return self.reply()

    def quit(self):
        """QUIT, and the end of the connection."""
        self.expect(221, "QUIT")
        assert self.ended() == b""
        self.close()
