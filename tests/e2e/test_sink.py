"""`ehlogate sink`: what it acknowledges is on the disk, and nothing that a client does stops it."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

import pytest

from deadline import until
from gateway import Daemon, program, run
from raw import Client

TRACE = re.compile(rb"Return-Path: .*\r\n(?:Delivered-To: .*\r\n)*Received: .*\r\n\t.*\r\n")


class Sink(Daemon):
    """A sink with its Maildir."""

    def __init__(self, folder, *options):
        self.maildir = pathlib.Path(folder, "Maildir")
        super().__init__("sink", "--listen", "127.0.0.1:0", "--hostname", "sink.test",
                         "--maildir", self.maildir, *options)
        self.port = self.listening("sink")

    def messages(self):
        """The messages in new/ without the trace headers, in the order of their arrival."""
        names = sorted((self.maildir / "new").iterdir(),
                       key=lambda path: int(re.search(r"Q(\d+)", path.name).group(1)))
        return [TRACE.sub(b"", name.read_bytes(), count=1) for name in names]

    def unfinished(self):
        """The files in tmp/."""
        return list((self.maildir / "tmp").iterdir())


@pytest.fixture(name="sink")
def _sink(tmp_path, daemons):
    daemons.append(Sink(tmp_path))
    return daemons[0]


def envelope(client, *recipients):
    """EHLO, MAIL and RCPT."""
    client.expect(250, "EHLO client.test")
    client.envelope(recipients or ["to@example.test"])


def test_message_is_kept_octet_for_octet(sink):
    """DATA and BDAT, with everything in them that is not text."""
    text = bytes(range(256)) * 40 + b"\r\n"
    with Client(sink.port) as client:
        envelope(client)
        stuffed = (b"\r\n" + text).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
        assert client.data(stuffed).code == 250
        client.envelope(["to@example.test"])
        client.send(b"BDAT %d\r\n" % len(text) + text)
        assert client.reply().code == 250
        client.expect(250, "BDAT 0 LAST")
        client.quit()
    assert sink.messages() == [text, text]
    sink.stop()


def test_ehlo_offers_what_works(sink):
    """The keywords, no more and no fewer."""
    with Client(sink.port) as client:
        assert client.greeting.startswith(b"220 sink.test ESMTP ")
        assert client.expect(250, "EHLO client.test").keywords() == {
            "PIPELINING": [], "SIZE": [str(100 << 20)], "8BITMIME": [], "ENHANCEDSTATUSCODES": [],
            "DSN": [], "SMTPUTF8": [], "CHUNKING": [], "BINARYMIME": [], "HELP": []}
        assert client.expect(250, "HELO client.test").lines() == [b"sink.test"]


def test_a_hundred_thousand_recipients(sink):
    """All in one pipelined group, and one more is refused."""
    count = 100000
    with Client(sink.port) as client:
        client.expect(250, "EHLO client.test")
        client.expect(250, "MAIL FROM:<>")
        lines = b"".join(b"RCPT TO:<user%d@example.test>\r\n" % i for i in range(count + 1))
        sender = threading.Thread(target=client.send, args=(lines + b"DATA\r\n",))
        sender.start()
        codes = [client.reply().code for _ in range(count + 2)]
        sender.join()
        assert codes == [250] * count + [452, 354]
        client.send(b"text\r\n.\r\n")
        assert client.reply().code == 250
    (name,) = (sink.maildir / "new").iterdir()
    kept = name.read_bytes()
    assert kept.count(b"Delivered-To: ") == count
    assert kept.endswith(b"\r\ntext\r\n")


def test_a_big_message_is_not_held_in_memory(sink):
    """50 MB through less than 16 MB."""
    text = (b"x" * 998 + b"\r\n") * 50000
    with Client(sink.port) as client:
        envelope(client)
        client.expect(354, "DATA")
        client.send(text[:25000000])
        resident = sink.resident()
        client.send(text[25000000:] + b".\r\n")
        assert client.reply().code == 250
    assert sink.messages() == [text]
    assert resident < 16 << 20


def test_a_message_above_size_is_refused_whole(tmp_path, daemons):
    """By SIZE at MAIL, and by its length at its end."""
    sink = Sink(tmp_path, "--size", "10K")
    daemons.append(sink)
    with Client(sink.port) as client:
        assert client.expect(250, "EHLO client.test").keywords()["SIZE"] == ["10240"]
        client.expect(552, "MAIL FROM:<> SIZE=10241")
        client.envelope(["to@example.test"], parameters=" SIZE=10240")
        assert client.data(b"x" * 10239 + b"\r\n.\r\n").startswith(b"552 5.3.4 ")
        client.envelope(["to@example.test"])
        assert client.data(b"x" * 10238 + b"\r\n.\r\n").code == 250
        client.quit()
    assert [len(message) for message in sink.messages()] == [10240]
    assert sink.unfinished() == []


def test_a_client_that_reads_nothing_is_not_read(sink):
    """Replies pile up in the sockets, not in the sink."""
    with Client(sink.port) as client:
        before = sink.resident()
        client.socket.settimeout(0.5)
        sent = 0
        with pytest.raises(socket.timeout):
            while sent < 1 << 30:
                sent += client.socket.send(b"NOOP\r\n" * 10000)
        assert sink.resident() - before < 2 << 20
        with Client(sink.port) as other:
            other.expect(250, "NOOP")


def test_a_silent_client_is_told_and_dropped(tmp_path, daemons):
    """In a command as in a body."""
    sink = Sink(tmp_path, "--timeout", "1")
    daemons.append(sink)
    with Client(sink.port) as idle, Client(sink.port) as busy:
        envelope(busy)
        busy.expect(354, "DATA")
        busy.send(b"half")
        assert idle.reply().startswith(b"421 4.4.2 ")
        assert busy.reply().startswith(b"421 4.4.2 ")
        assert idle.ended() == busy.ended() == b""
    until(lambda: sink.unfinished() == [], "the half message to go")
    assert sink.messages() == []


def test_errors_end_the_session_and_the_last_reply_arrives(sink):
    """421 after twenty, though the client goes on sending."""
    with Client(sink.port) as client:
        client.send(b"XYZZY\r\n" * 100000)
        codes = [client.reply().code for _ in range(20)]
        assert codes == [500] * 19 + [421]
        assert client.ended() == b""


def test_a_vanishing_client_leaves_nothing(sink):
    """By FIN and by reset, in mid-DATA and in mid-chunk."""
    for begin in (b"DATA\r\nhalf", b"BDAT 10 LAST\r\nhalf"):
        for leave in (Client.close, Client.reset):
            client = Client(sink.port)
            envelope(client)
            client.send(begin)
            until(sink.unfinished, "the message to begin")
            leave(client)
            until(lambda: sink.unfinished() == [], "the half message to go")
    assert sink.messages() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it(sink, number):
    """Idle sessions get 421; a half message is given up; the exit is clean."""
    with Client(sink.port) as idle, Client(sink.port) as busy:
        envelope(busy)
        busy.expect(354, "DATA")
        busy.send(b"half")
        until(sink.unfinished, "the message to begin")
        sink.signal(number)
        assert idle.reply().startswith(b"421 4.3.2 ")
        assert busy.reply() == b""
    assert sink.ended() == 0
    assert sink.messages() == [] and sink.unfinished() == []


def test_what_was_acknowledged_outlives_a_kill(tmp_path, daemons):
    """Killed at random moments under load: every 250 has its message, and each one is whole."""
    taken = 0
    for round_number in range(8):
        sink = Sink(tmp_path)
        daemons.append(sink)
        text = b"x" * 50000 + b"\r\nend\r\n"
        acknowledged = []

        def deliver(port=sink.port, text=text, acknowledged=acknowledged):
            with Client(port) as client:
                while client.command("EHLO c").code == 250:
                    client.command("MAIL FROM:<>")
                    client.command("RCPT TO:<to@example.test>")
                    if client.command("DATA").code != 354:
                        return
                    try:
                        client.send(text + b".\r\n")
                    except ConnectionError:
                        return
                    if client.reply().code != 250:
                        return
                    acknowledged.append(1)

        threads = [threading.Thread(target=deliver) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda least=round_number * 3 + 1, seen=acknowledged: len(seen) >= least, "messages")
        sink.process.kill()
        sink.process.wait()
        for thread in threads:
            thread.join()
        taken += len(acknowledged)
        messages = sink.messages()
        assert set(messages) == {text}
        assert len(messages) >= taken
        taken = len(messages)


def test_a_full_disk_is_a_temporary_error(tmp_path, daemons):
    """452 4.3.1, nothing is kept of the message, and a smaller one is taken."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = f"mount -t tmpfs -o size=256k none '{disk}' && exec '{program()}' \"$@\""
    sink = Daemon.__new__(Daemon)
    sink.errors, sink.family = open(tmp_path / "log", "w+b"), []
    sink.process = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", command, "sh", "sink", "--listen", "127.0.0.1:0",
         "--maildir", disk / "Maildir"],
        stdin=subprocess.DEVNULL, stdout=sink.errors, stderr=sink.errors)
    daemons.append(sink)
    with Client(sink.listening("sink")) as client:
        envelope(client)
        assert client.data(b"x" * 500000 + b"\r\n.\r\n").startswith(b"452 4.3.1 ")
        client.envelope(["to@example.test"])
        client.send(b"BDAT 500000\r\n" + b"x" * 500000)
        assert client.reply().startswith(b"452 4.3.1 ")
        client.expect(503, "BDAT 0 LAST")
        client.envelope(["to@example.test"])
        assert client.data(b"x" * 1000 + b"\r\n.\r\n").code == 250
    inside = pathlib.Path("/proc", str(sink.process.pid), "root", *disk.parts[1:], "Maildir")
    assert [path.stat().st_size > 1000 for path in (inside / "new").iterdir()] == [True]
    assert list((inside / "tmp").iterdir()) == []


def test_unix_socket_and_several_addresses(tmp_path, daemons):
    """The ready line names each; a socket file that a killed sink has left is taken over."""
    path = tmp_path / "s"
    for end in (signal.SIGKILL, signal.SIGTERM):
        sink = Daemon("sink", "--listen", f"unix:{path}", "--listen", "127.0.0.1:0")
        daemons.append(sink)
        port = sink.listening("sink")
        assert f"ready: sink=unix:{path} sink=127.0.0.1:{port}\n" in sink.log()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            assert client.recv(100).startswith(b"220 ")
        sink.signal(end)
        sink.process.wait()
    assert not path.exists()


@pytest.mark.parametrize("arguments,status,words", [
    ([], 64, "--listen is missing"),
    (["--listen"], 64, "--listen needs a value"),
    (["--listen", "nowhere"], 64, "--listen nowhere: "),
    (["--listen", "127.0.0.1:0", "--size", "1x"], 64, "--size 1x: not a size"),
    (["--listen", "127.0.0.1:0", "--size", "99999999999G"], 64, "not a size"),
    (["--listen", "127.0.0.1:0", "--timeout", "0"], 64, "--timeout 0: not a number"),
    (["--listen", "127.0.0.1:0", "--hostname", "a b"], 64, "--hostname a b: not a host name"),
    (["--listen", "127.0.0.1:0", "--mailder", "x"], 64, "did you mean --maildir?"),
    (["--listen", "127.0.0.1:0", "rest"], 64, "unexpected argument rest"),
    (["--listen", "127.0.0.1:0", "--maildir", "/dev/null/x"], 73, "/dev/null/x: Not a directory"),
    (["--listen", "192.0.2.1:0"], 69, "cannot listen on 192.0.2.1:0: "),
])
def test_bad_options(arguments, status, words):
    """Each is named, and nothing is served."""
    done = run("sink", *arguments)
    assert (done.returncode, words in done.stderr, done.stdout) == (status, True, ""), done.stderr


def test_an_address_in_use_is_refused(sink):
    """A second sink would take half of the mail."""
    done = run("sink", "--listen", f"127.0.0.1:{sink.port}")
    assert done.returncode == 69
    assert "Address already in use" in done.stderr


def test_help_names_every_option():
    """--help and the option table agree."""
    text = run("sink", "--help").stdout
    assert set(re.findall(r"--[a-z]+", text)) == {
        "--listen", "--maildir", "--hostname", "--size", "--timeout", "--help"}


def test_too_few_descriptors_do_not_stop_it(tmp_path, daemons):
    """What the limit of open files does not allow is answered 421, and later ones are served."""
    sink = Daemon.__new__(Daemon)
    sink.errors, sink.family = open(tmp_path / "log", "w+b"), []
    sink.process = subprocess.Popen(
        ["sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh", program(), "sink", "--listen",
         "127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=sink.errors, stderr=sink.errors)
    daemons.append(sink)
    port = sink.listening("sink")
    clients = [Client(port) for _ in range(40)]
    codes = [client.greeting.code for client in clients]
    assert codes == [220] * 16 + [421] * 24
    for client in clients:
        client.close()
    until(lambda: Client(port).greeting.code == 220, "a session to be free")


def test_the_log_has_a_line_for_each_message(sink):
    """With the envelope, and with what is foreign in it escaped."""
    with Client(sink.port) as client:
        client.expect(250, "EHLO client.test")
        client.expect(250, 'MAIL FROM:<"a\\b"@example.test>')
        client.expect(250, "RCPT TO:<to@example.test>")
        assert client.data(b"x\r\n.\r\n").code == 250
    line = sink.wait_log(r"message from \[127\.0\.0\.1\]: .*")
    (name,) = os.listdir(sink.maildir / "new")
    assert line.group().endswith(
        f'from=<"a\\\\b"@example.test> to=<to@example.test> nrcpt=1 size=3 proto=ESMTP '
        f"helo=<client.test> file={name} status=250 2.0.0 Message taken")
