#!/usr/bin/env python3
"""The measuring instrument measured: are the load strict, the sink honest, the relay a relay, the
verdicts right?

    python3 bench/selftest.py BUILD        (run by `meson test`)

A benchmark whose client overlooks a wrong reply measures how fast mail can be lost.
"""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent))

import proxies  # pylint: disable=wrong-import-position
import report  # pylint: disable=wrong-import-position
from rows import TARGETS  # pylint: disable=wrong-import-position

BINARIES = proxies.Binaries(Path("build"))
HONEST = {
    b"": b"220 liar ESMTP\r\n",
    b"EHLO": b"250-liar\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
    b"MAIL": b"250 OK\r\n",
    b"RCPT": b"250 OK\r\n",
    b"DATA": b"354 Go\r\n",
    b".\r\n": b"250 OK\r\n",
    b"QUIT": b"221 Bye\r\n",
}


def load(target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(BINARIES.load), "--target", target, *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


class Liar:
    """A server for one session that answers as told; `None` closes the connection."""

    def __init__(self, **lies: bytes | None) -> None:
        names = {key.encode(): reply for key, reply in lies.items()}
        # "greeting" and "dot" cannot be written as a command's name.
        names = {{b"greeting": b"", b"dot": b".\r\n"}.get(key, key): r for key, r in names.items()}
        self.replies: dict[bytes, bytes | None] = {**HONEST, **names}
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        with self.socket.accept()[0] as connection, connection.makefile("rb") as lines:
            connection.settimeout(30)
            try:
                data = False
                answer = self.replies[b""]
                while answer is not None:
                    connection.sendall(answer)
                    line = lines.readline()
                    while data and line and line != b".\r\n":
                        line = lines.readline()
                    if not line:
                        return
                    answer = self.replies[line[:4]]
                    data = line == b"DATA\r\n"
            except OSError:
                pass  # the load has left in disgust, as it should

    def __enter__(self) -> "Liar":
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join(30)
        self.socket.close()


class Strictness(unittest.TestCase):
    """Each lie ends the load with status 1 and the right complaint."""

    def complaint(self, *arguments: str, **lies: bytes | None) -> str:
        with Liar(**lies) as liar:
            done = load(liar.address, *arguments)
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_honest_server_passes(self) -> None:
        with Liar() as liar:
            done = load(liar.address, "--messages", "3")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn('"messages": 3,', done.stdout)

    def test_wrong_codes(self) -> None:
        steps = {"greeting": "greeting", "EHLO": "EHLO", "MAIL": "MAIL", "RCPT": "RCPT"}
        steps |= {"DATA": "DATA", "dot": "end of data", "QUIT": "QUIT"}
        for key, name in steps.items():
            with self.subTest(key):
                text = self.complaint(**{key: b"451 no\r\n"})
                self.assertIn(f"waiting for the reply to {name}: expected", text)
                self.assertIn("got '451 no'", text)

    def test_wrong_code_within_a_reply(self) -> None:
        self.assertIn("got '251-x'", self.complaint(EHLO=b"250-a\r\n251-x\r\n250 y\r\n"))

    def test_bare_lf(self) -> None:
        self.assertIn("malformed", self.complaint(MAIL=b"250 OK\n"))

    def test_no_separator(self) -> None:
        self.assertIn("malformed", self.complaint(MAIL=b"250OK\r\n"))

    def test_endless_line(self) -> None:
        self.assertIn("longer than 512", self.complaint(MAIL=b"250 " + b"x" * 600))

    def test_unsolicited_reply(self) -> None:
        self.assertIn("unsolicited: '250 more'", self.complaint(MAIL=b"250 OK\r\n250 more\r\n"))

    def test_early_close(self) -> None:
        self.assertIn("the peer closed", self.complaint(dot=None))

    def test_keywords_that_are_needed(self) -> None:
        ehlo = b"250-liar\r\n250 8BITMIME\r\n"
        self.assertIn("PIPELINING is needed", self.complaint("--pipelined", EHLO=ehlo))
        self.assertIn("CHUNKING is needed", self.complaint("--bdat", EHLO=ehlo))

    def test_silence(self) -> None:
        with Liar(MAIL=b"") as liar:
            done = load(liar.address, "--timeout", "1")
        self.assertNotEqual(done.returncode, 0)

    def test_lost_while_held(self) -> None:
        with Liar(EHLO=b"250 OK\r\n", QUIT=None) as liar:
            done = load(liar.address, "--hold")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "holding 1\n")


class Counting(unittest.TestCase):
    """The sink counts what the load sent, in every mode, alone and through the relay."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.sink = proxies.Sink(BINARIES.sink, Path(folder.name) / "sink")
        self.sink.start()
        self.addCleanup(self.sink.stop)
        self.relay = proxies.Relay(BINARIES, self.sink.address, Path(folder.name) / "relay")
        self.relay.start()
        self.addCleanup(self.relay.stop)

    def test_counts(self) -> None:
        big = ("--body", str(5 << 20), "--messages", "2")
        modes = [("--messages", "3"), ("--messages", "3", "--pipelined"), ("--bdat",), big]
        modes += [(*big, "--bdat"), ("--rate", "1000"), ("--hold",)]
        for target in (self.sink.address, self.relay.address):
            for mode in modes:
                with self.subTest(target=target, mode=mode):
                    before = self.sink.counters()
                    arguments = ["--sessions", "7", "--concurrency", "3", *mode]
                    result = proxies.run_load(BINARIES.load, target, arguments, None)
                    after = self.sink.counters()
                    for name in ("sessions", "messages", "octets"):
                        self.assertEqual(after[name] - before[name], result[name], name)
                    self.assertEqual(result["sessions"], 7)
                    self.assertEqual(after["errors"], 0)

    def test_sink_keeps_order(self) -> None:
        host, port = self.sink.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"DATA\r\nMAIL FROM:<a@b>\r\nEHLO x\r\nRCPT TO:<a@b>\r\n")
            connection.sendall(b"FOO\r\nQUIT\r\n")
            with connection.makefile("rb") as stream:
                codes = [line[:4] for line in stream]
        expected = [b"220 ", b"503 ", b"503 ", *[b"250-"] * 4, b"250 ", b"503 ", b"500 ", b"221 "]
        self.assertEqual(codes, expected)


class Relaying(unittest.TestCase):
    """The relay loses nothing when its peers are slow, and passes an end of file on."""

    def ends(self) -> tuple[socket.socket, socket.socket]:
        """A client and a server with the relay between them, both with small windows."""
        backend = socket.socket()
        self.addCleanup(backend.close)
        backend.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        backend.bind(("127.0.0.1", 0))
        backend.listen()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        address = f"127.0.0.1:{backend.getsockname()[1]}"
        relay = proxies.Relay(BINARIES, address, Path(folder.name))
        relay.start()
        self.addCleanup(relay.stop)
        host, port = relay.address.rsplit(":", 1)
        client = socket.socket()
        self.addCleanup(client.close)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        client.connect((host, int(port)))
        server = backend.accept()[0]
        self.addCleanup(server.close)
        client.settimeout(30)
        server.settimeout(30)
        return client, server

    def test_half_closed(self) -> None:
        client, server = self.ends()
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(b"".join(iter(lambda: server.recv(100), b"")), b"question")
        server.sendall(b"answer")
        server.close()
        self.assertEqual(b"".join(iter(lambda: client.recv(100), b"")), b"answer")

    def test_both_ways_blocked(self) -> None:
        client, server = self.ends()
        # More than the relay's send buffers hold before small windows: it has to wait.
        there = random.Random(1).randbytes(16 << 20)
        back = there[::-1]
        received: dict[socket.socket, bytes] = {}

        def send(to: socket.socket, what: bytes) -> None:
            to.sendall(what)
            to.shutdown(socket.SHUT_WR)

        def drain(end: socket.socket) -> None:
            received[end] = b"".join(iter(lambda: end.recv(20000), b""))

        threads = [threading.Thread(target=send, args=a) for a in ((client, there), (server, back))]
        threads += [threading.Thread(target=drain, args=(end,)) for end in (server, client)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertTrue(received[server] == there, "client to server")
        self.assertTrue(received[client] == back, "server to client")


class Verdicts(unittest.TestCase):
    """Ratios are taken within a round, and a limit between the quartiles is marked."""

    def results(self, ours: Sequence[float]) -> report.Results:
        return report.Results(cpu={"small": {"ehlogate": list(ours), "haproxy": [100, 200, 400]}})

    def test_ratio_within_the_round(self) -> None:
        results = self.results([80, 160, 320])
        self.assertEqual(results.ratios("small", "ehlogate", "haproxy"), [0.8] * 3)

    def test_marks(self) -> None:
        for ours, mark in (
            ([80, 160, 320], "ok"),
            ([95, 190, 380], "MISS"),
            ([80, 160, 440], "ok?"),
            ([80, 184, 400], "MISS?"),
        ):
            with self.subTest(ours=ours):
                found = report.verdicts(self.results(ours), "ehlogate")
                self.assertEqual([(v.target, v.mark) for v in found], [(TARGETS[0], mark)])


ENGINE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
    unsigned long n = strtoul(argv[3], NULL, 10), octets = n;
    volatile unsigned long work = 0;
    for (unsigned long i = 0; i < 100000; i++)
        work++;
    for (unsigned long i = 0; i < n; i++)
        for (unsigned long j = 0; j < (strcmp(argv[2], "square") == 0 ? 1 + i / 50 : 1); j++)
            work++;
    if (strcmp(argv[2], "stopped") == 0)
        octets = 7;
    printf("%s %lu octets=%lu\n", argv[2], n, octets);
    return argc != 4;
}
"""


class Proportion(unittest.TestCase):
    """callgrind.py tells a line from a shallow square, and a driver that does nothing."""

    engine: Path

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        source = Path(folder.name) / "engine.c"
        source.write_text(ENGINE)
        cls.engine = source.with_suffix("")
        subprocess.run(["cc", "-O1", "-o", str(cls.engine), str(source)], check=True)

    def run_guard(self, shape: str) -> subprocess.CompletedProcess[str]:
        script = Path(__file__).with_name("callgrind.py")
        command = [sys.executable, str(script), "--engine", str(self.engine), "--shapes", shape]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def test_line(self) -> None:
        done = self.run_guard("line=8000")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("costs 2.0", done.stdout)

    def test_square(self) -> None:
        done = self.run_guard("square=4000")
        self.assertEqual(done.returncode, 1, done)
        self.assertTrue(done.stdout.startswith("MISS square"), done)

    def test_driver_that_stops_early(self) -> None:
        done = self.run_guard("stopped=8000")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("the output does not double", done.stderr)


if __name__ == "__main__":
    BINARIES = proxies.Binaries(Path(sys.argv.pop(1)).resolve())
    unittest.main()
