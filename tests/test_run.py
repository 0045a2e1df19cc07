"""`make run`: one command brings up everything, what it prints works when pasted, and Ctrl-C leaves
nothing behind.
"""

import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from deadline import until  # pylint: disable=wrong-import-position

LINE = re.compile(r"^  # ([\w.-]+): (.*)\n  (swaks .*)$", re.MULTILINE)
# What each profile promises: patterns that swaks' transcript must have, and that it must not have.
PROMISES = {
    "esmtp": ([r"<-  220 \S+ ESMTP$", r"<-  250-CHUNKING$", r"^ -> EHLO "], [r"ehlogate"]),
    "rfc821": ([r"<-  220 \S+$", r"<\*\* 502 5\.5\.1 ", r"^ -> HELO "], [r"250-", r"ESMTP"]),
    "pix-mailguard": ([r"<-  220 [*20 ]+ [*20 ]+$", r"^ -> HELO "], [r"250-"]),
    "pix-mailguard-4.4": ([r"<-  220 \*+$", r"^ -> HELO "], [r"250-"]),
    "asa-esmtp": ([r"<-  220 \*+$", r"<-  250-PIPELINING$", r"<-  250[- ]X+A$"], [r"CHUNKING"]),
    "observe": ([r"<-  220 \S+ ESMTP ehlogate sink$", r"<-  250-CHUNKING$"], []),
}


def six_free_ports():
    """The first of six in a row, below those that the kernel gives to clients."""
    for first in random.sample(range(20000, 32000, 10), 100):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + 6):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise AssertionError("no six free ports in a row")


class Run:
    """`make run` in a session of its own, as a terminal would have it."""

    def __init__(self, **environment):
        self.out = tempfile.TemporaryFile("w+b")
        self.process = subprocess.Popen(
            ["make", "--no-print-directory", "run"], cwd=ROOT, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out,
            env={**os.environ, **environment})

    def text(self):
        """What it has printed."""
        return os.pread(self.out.fileno(), 1 << 24, 0).decode()

    def ready(self):
        """Waits until everything is up."""
        until(lambda: "Ctrl-C ends" in self.text() or self.process.poll() is not None,
              "make run to be ready", seconds=300)
        assert self.process.poll() is None, self.text()

    def family(self):
        """The processes of its session."""
        found = []
        for folder in pathlib.Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if int(fields[3]) == self.process.pid and fields[0] != "Z":
                    found.append(int(folder.name))
        return found

    def end(self, number):
        """The signal to the foreground process group, and the end of all."""
        os.killpg(self.process.pid, number)
        self.process.wait(30)
        until(lambda: not self.family(), "every process to end")

    def destroy(self):
        """The end of what a failed test has left."""
        for number in self.family():
            os.kill(number, signal.SIGKILL)
        self.process.wait()
        self.out.close()


@pytest.fixture(name="start")
def _start():
    runs = []

    def start(**environment):
        runs.append(Run(**environment))
        return runs[-1]
    yield start
    for run in runs:
        run.destroy()


def test_what_it_prints_works_when_pasted(start):
    """Every swaks line delivers and shows what its comment says; then Ctrl-C."""
    for folder in (ROOT / os.environ.get("BUILD", "build")).glob("run*"):
        shutil.rmtree(folder)
    run = start()
    run.ready()
    lines = {profile: command for profile, _, command in LINE.findall(run.text())}
    assert set(lines) == set(PROMISES)
    for profile, command in lines.items():
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60,
                              check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        there, absent = PROMISES[profile]
        for pattern in there:
            assert re.search(pattern, done.stdout, re.MULTILINE), f"{pattern}:\n{done.stdout}"
        for pattern in absent:
            seen = "\n".join(re.findall(r"^<.*$", done.stdout, re.MULTILINE))
            assert not re.search(pattern, seen), f"{pattern}:\n{done.stdout}"
    listing = re.search(r"ls (\S+)$", run.text(), re.MULTILINE).group(1)
    subjects = [re.search(rb"^Subject: through (\S+)\r$", path.read_bytes(), re.MULTILINE)
                for path in (ROOT / listing).iterdir()]
    assert sorted(found.group(1).decode() for found in subjects) == sorted(PROMISES)
    shown = re.search(r"(\S+ehlogate profiles \S+)$", run.text(), re.MULTILINE).group(1)
    assert subprocess.run(shown.split(), cwd=ROOT, capture_output=True, check=False).returncode == 0
    run.end(signal.SIGINT)


def test_profile_and_port_are_chosen(start):
    """PROFILE= comes first, on PORT=."""
    port = six_free_ports()
    run = start(PROFILE="rfc821", PORT=str(port))
    run.ready()
    first = LINE.search(run.text())
    assert first.group(1) == "rfc821"
    assert f"--server 127.0.0.1:{port} " in first.group(3)
    run.end(signal.SIGTERM)


def test_a_busy_port_is_named_or_passed_over(start):
    """With PORT= it is an error; without it the next six ports are taken."""
    first = start()
    first.ready()
    port = re.search(r"gateway is at 127\.0\.0\.1:(\d+)", first.text()).group(1)
    refused = start(PORT=port)
    assert refused.process.wait(60) != 0
    assert f"port {port}: Address already in use" in refused.text()
    second = start()
    second.ready()
    other = re.search(r"gateway is at 127\.0\.0\.1:(\d+)", second.text()).group(1)
    assert abs(int(other) - int(port)) > 5
    second.end(signal.SIGINT)
    first.end(signal.SIGINT)


@pytest.mark.parametrize("environment,words", [
    ({"PROFILE": "nonsense"}, "PROFILE=nonsense is not a profile; they are: esmtp rfc821"),
    ({"PORT": "x"}, "PORT=x is not a port"),
    ({"PORT": "70000"}, "PORT=70000 is not a port"),
])
def test_mistakes_are_named(start, environment, words):
    """And nothing is started."""
    run = start(**environment)
    assert run.process.wait(60) != 0
    assert words in run.text()
