"""Runs build/ehlogate (or the program that EHLOGATE names) as the suite's child process."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from deadline import until
from debs import ROOT, Missing

PROFILES = ("observe", "esmtp", "rfc821", "pix-mailguard", "pix-mailguard-4.4", "asa-esmtp")


def program():
    """The gateway under test."""
    path = pathlib.Path(os.environ.get("EHLOGATE", ROOT / "build" / "ehlogate"))
    if not os.access(path, os.X_OK):
        raise Missing(f"{path} is not there: run make, or set EHLOGATE")
    return path


def run(*arguments, seconds=30):
    """Runs the program to its end, as a user at the command line does."""
    return subprocess.run([program(), *arguments], capture_output=True, text=True,
                          timeout=seconds, check=False)


def gone(processes):
    """Whether none of the processes is left."""
    return not [number for number in processes if pathlib.Path("/proc", str(number)).exists()]


class Daemon:
    """A foreground process of the program with its log, its children and its end."""

    def __init__(self, *arguments):
        self.errors = tempfile.TemporaryFile("w+b")
        self.process = subprocess.Popen([program(), *arguments], stdin=subprocess.DEVNULL,
                                        stdout=self.errors, stderr=self.errors)
        self.family = []

    def log(self):
        """All that it has printed so far."""
        return os.pread(self.errors.fileno(), 1 << 26, 0).decode(errors="replace")

    def wait_log(self, pattern, seconds=20):
        """Waits for a log line; returns its match."""
        return until(lambda: re.search(pattern, self.log(), re.MULTILINE),
                     lambda: f"{pattern!r} in the log:\n{self.log()[-3000:]}", seconds)

    def listening(self, name):
        """Waits until it is ready; returns the port of the listener of that name."""
        until(lambda: "ready: " in self.log() or self.process.poll() is not None,
              "the line with 'ready: '")
        found = re.search(rf"ready: .*\b{name}=(\S+):(\d+)", self.log())
        assert found is not None, f"not ready: {self.log()}"
        return int(found.group(2))

    def children(self):
        """The processes that it has started: the workers."""
        master = self.process.pid
        with open(f"/proc/{master}/task/{master}/children", encoding="ascii") as file:
            found = [int(word) for word in file.read().split()]
        self.family += [child for child in found if child not in self.family]
        return found

    def resident(self):
        """Bytes of memory that the master and its workers hold, shared pages by their share."""
        total = 0
        for number in [self.process.pid, *self.children()]:
            with open(f"/proc/{number}/smaps_rollup", encoding="ascii") as file:
                total += int(re.search(r"^Pss: +(\d+) kB", file.read(), re.MULTILINE).group(1))
        return total * 1024

    def signal(self, number):
        """Sends the master a signal."""
        self.process.send_signal(number)

    def ended(self, seconds=20):
        """Waits for the end; returns the exit status."""
        status = self.process.wait(seconds)
        assert gone(self.family), f"processes left behind, of {self.family}"
        return status

    def stop(self, crashes=0):
        """TERM, and the end that it must have: status 0, no process left, none lost on the way."""
        if self.process.poll() is None:
            self.children()
            self.signal(signal.SIGTERM)
        assert self.ended() == 0, f"ended with {self.process.returncode}: {self.log()[-3000:]}"
        lost = re.findall(r"worker \d+ (?:was killed by|ended with) .*", self.log())
        assert len(lost) == crashes, lost
        assert not re.search(r"Sanitizer|runtime error:", self.log()), self.log()[-5000:]

    def destroy(self):
        """Ends it without a question, after a test that did not get to stop()."""
        if self.process.poll() is None:
            family = self.children()
            self.process.kill()
            self.process.wait()
            for child in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        self.errors.close()


class Gateway(Daemon):
    """`ehlogate serve` before one server."""

    def __init__(self, *arguments):
        super().__init__("serve", *arguments)
        try:
            self.port = self.listening("default")
        except BaseException:
            self.destroy()
            raise


def quick(port, profile, *options):
    """A gateway without a configuration file."""
    return Gateway("--listen", "127.0.0.1:0", "--backend", f"127.0.0.1:{port}",
                   "--profile", profile, *options)


CONFIGURATION = """
workers {workers}
hostname "gw.example.test"
{top}
listener default {{
    listen 127.0.0.1:0
    backend b
    policy p
}}
backend b {{
{servers}
}}
policy p {{
    profile {profile}
{policy}
}}
"""


def configuration(ports, profile="esmtp", policy="", top="", workers=1):
    """The text of a configuration with one listener before servers at these loopback ports."""
    servers = "\n".join(f"    server 127.0.0.1:{port}" for port in ports)
    policy = "\n".join(f"    {line.strip()}" for line in policy.strip().splitlines())
    return CONFIGURATION.format(workers=workers, top=top, servers=servers, profile=profile,
                                policy=policy)


def configured(folder, *arguments, **options):
    """A gateway with a configuration file, which is written into folder."""
    file = folder / "ehlogate.conf"
    file.write_text(configuration(*arguments, **options), encoding="utf-8")
    return Gateway("-c", file)
