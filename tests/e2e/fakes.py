"""Servers that fail in ways that no real one can be made to fail in on demand."""

import contextlib
import socket
import threading

from tap import reset


class Blackhole:
    """A port on which connections are neither accepted nor refused: its queue is full."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.callers = []
        for _ in range(4):
            caller = socket.socket()
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(("127.0.0.1", self.port))
            self.callers.append(caller)

    def close(self):
        """Frees the port."""
        for caller in self.callers:
            caller.close()
        self.listener.close()


class Scripted:
    """A server that says each line of a script after one line of the client, then hangs or ends.

    script: what to send at once, after the client's first line, after its second, and so on.  A
    body is not understood: write scripts that end at or before DATA's 354.
    """

    def __init__(self, script, end="hang"):
        self.script, self.end = script, end
        self.heard = []
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            lines = connection.makefile("rb")
            for number, text in enumerate(self.script):
                if number > 0:
                    self.heard.append(lines.readline())
                connection.sendall(text)
            if self.end == "fin":
                connection.shutdown(socket.SHUT_RDWR)
            elif self.end == "reset":
                reset(connection)

    def close(self):
        """Ends the server and what it holds."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()
