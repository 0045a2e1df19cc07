"""The processes of a benchmark: the sink, the load, and the proxies that are compared.

Each proxy writes its configuration into its own folder, listens on a port of the kernel's choice
where it can (or on one that was free a moment before), and is one process or one worker.
Everything is ended by its pid; all of it also dies with run.py (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable

READY_SECONDS = 10.0
STOP_SECONDS = 10.0
FILES_WANTED = 16384

_libc = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """Something did not run; the benchmark ends with this message."""


def _child_setup(cpu: int | None) -> Callable[[], None]:
    def setup() -> None:
        _libc.prctl(1, int(signal.SIGTERM), 0, 0, 0)  # PR_SET_PDEATHSIG
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES_WANTED, hard), hard))
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    return setup


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    what: str, log: Path, process: subprocess.Popen[bytes], done: Callable[[], bool]
) -> None:
    """Polls `done` with a deadline; the process's log is in the error."""
    deadline = time.monotonic() + READY_SECONDS
    while not done():
        if process.poll() is not None or time.monotonic() > deadline:
            status = process.returncode
            state = f"ended with {status}" if status is not None else "is not ready"
            raise BenchError(f"{what} {state}; its log:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.005)


class Server:
    """A process that listens: started by `start`, ended by `stop`."""

    name = ""

    def __init__(self, folder: Path, cpu: int | None = None) -> None:
        self.folder = folder
        self.log = folder / f"{self.name}.log"
        self.cpu = cpu
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> "Server":
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self.command()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=_child_setup(self.cpu),
            )
        try:
            wait_until(self.name, self.log, self._process, self.is_ready)
        except BenchError:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired as late:
                self._process.kill()
                self._process.wait()
                raise BenchError(f"{self.name} does not end on SIGTERM") from late
        self._process = None

    def ready_line(self, pattern: str) -> bool:
        """Looks for the line by which the process tells its address."""
        found = re.search(pattern, self.log.read_text(errors="replace"), re.MULTILINE)
        if found:
            self.address = found.group(1)
        return found is not None

    def accepts(self) -> bool:
        host, port = self.address.rsplit(":", 1)
        try:
            with socket.create_connection((host, int(port)), timeout=1):
                return True
        except OSError:
            return False


class Sink(Server):
    """The common backend, and its counters."""

    name = "sink"

    def __init__(self, binary: Path, folder: Path, cpu: int | None = None) -> None:
        super().__init__(folder, cpu)
        self.binary = binary

    def command(self) -> list[str]:
        return [str(self.binary), "--listen", "127.0.0.1:0"]

    def is_ready(self) -> bool:
        return self.ready_line(r"^ready (\S+)$")

    def counters(self) -> dict[str, int]:
        host, port = self.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            with connection.makefile("rwb") as stream:
                stream.readline()
                stream.write(b"XSTAT\r\n")
                stream.flush()
                answer = stream.readline().decode()
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", answer)}


class Proxy(Server):
    """What is compared. `packages` is what Debian calls it, for the error when it is missing."""

    title = ""
    packages = ""
    programs: tuple[str, ...] = ()

    def __init__(self, binaries: "Binaries", backend: str, folder: Path, cpu: int | None = None):
        super().__init__(folder, cpu)
        self.binaries = binaries
        self.backend = backend

    @classmethod
    def missing(cls, binaries: "Binaries") -> str | None:
        """Why it cannot run here; None if it can."""
        gone = [name for name in cls.programs if shutil.which(name, path=SEARCH_PATH) is None]
        return f"{', '.join(gone)} not found: apt-get install {cls.packages}" if gone else None


class Binaries:
    """Where our own programs are."""

    def __init__(self, build: Path) -> None:
        self.gateway = build / "ehlogate"
        self.relay = build / "bench" / "bench-relay"
        self.sink = build / "bench" / "bench-sink"
        self.load = build / "bench" / "bench-load"


SEARCH_PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"


def program(name: str) -> str:
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        raise BenchError(f"{name} not found")
    return path


class Gateway(Proxy):
    name = "ehlogate"
    title = "ehlogate serve --profile esmtp, log on"

    @classmethod
    def missing(cls, binaries: Binaries) -> str | None:
        if not binaries.gateway.exists():
            return f"{binaries.gateway} is not built"
        if b"__asan_init" in binaries.gateway.read_bytes():
            return f"{binaries.gateway} is a sanitizer build: its CPU time means nothing"
        return None

    def command(self) -> list[str]:
        return [
            str(self.binaries.gateway),
            *("serve", "--listen", "127.0.0.1:0", "--backend", self.backend),
            *("--profile", "esmtp", "--workers", "1"),
        ]

    def is_ready(self) -> bool:
        return self.ready_line(r"ready: .*\bdefault=(\S+)")


class Relay(Proxy):
    name = "relay"
    title = "bare relay, 64 KiB buffer (bench/relay.c)"

    @classmethod
    def missing(cls, binaries: Binaries) -> str | None:
        return None if binaries.relay.exists() else f"{binaries.relay} is not built"

    def command(self) -> list[str]:
        listen = ["--listen", "127.0.0.1:0"]
        return [str(self.binaries.relay), *listen, "--backend", self.backend]

    def is_ready(self) -> bool:
        return self.ready_line(r"^ready (\S+)$")


class Haproxy(Proxy):
    name = "haproxy"
    title = "HAProxy, mode tcp, as Debian ships it"
    packages = "haproxy"
    programs = ("haproxy",)
    tuning = ""

    def command(self) -> list[str]:
        self.address = f"127.0.0.1:{free_port()}"
        configuration = self.folder / f"{self.name}.cfg"
        configuration.write_text(
            f"""global
    nbthread 1
    maxconn 5000
{self.tuning}
defaults
    mode tcp
    timeout connect 10s
    timeout client 5m
    timeout server 5m
listen smtp
    bind {self.address}
    server sink {self.backend}
"""
        )
        return [program("haproxy"), "-db", "-f", str(configuration)]

    def is_ready(self) -> bool:
        return self.accepts()


class Haproxy64(Haproxy):
    name = "haproxy-64k"
    title = "HAProxy with tune.bufsize 65536"
    tuning = "    tune.bufsize 65536\n"


class Nginx(Proxy):
    name = "nginx"
    title = "nginx stream, as Debian ships it"
    packages = "nginx-light libnginx-mod-stream"
    programs = ("nginx",)
    module = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

    @classmethod
    def missing(cls, binaries: Binaries) -> str | None:
        if not cls.module.exists():
            return f"{cls.module} not found: apt-get install {cls.packages}"
        return super().missing(binaries)

    def command(self) -> list[str]:
        self.address = f"127.0.0.1:{free_port()}"
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            f"""load_module {self.module};
daemon off;
worker_processes 1;
worker_rlimit_nofile {FILES_WANTED};
pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log;
events {{ worker_connections 10000; }}
stream {{
    server {{
        listen {self.address};
        proxy_pass {self.backend};
    }}
}}
"""
        )
        arguments = ["-p", str(self.folder), "-c", str(configuration)]
        # -e: without it nginx opens the distribution's log before it reads the configuration.
        return [program("nginx"), *arguments, "-e", str(self.folder / "error.log")]

    def is_ready(self) -> bool:
        return self.accepts()


ALL: tuple[type[Proxy], ...] = (Gateway, Haproxy, Haproxy64, Nginx, Relay)


def run_load(binary: Path, target: str, arguments: list[str], cpu: int | None) -> dict[str, float]:
    """One run of the load to its end; its JSON result. Wrong replies end the benchmark."""
    done = subprocess.run(
        [str(binary), "--target", target, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_child_setup(cpu),
    )
    if done.returncode != 0:
        errors = done.stderr.strip()
        raise BenchError(f"the load against {target} ended with {done.returncode}: {errors}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def start_hold(
    binary: Path, target: str, sessions: int, cpu: int | None
) -> subprocess.Popen[bytes]:
    """A load that holds `sessions` idle sessions, all of them there when this returns."""
    arguments = ["--hold", "--sessions", str(sessions), "--concurrency", "50"]
    process = subprocess.Popen(
        [str(binary), "--target", target, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_child_setup(cpu),
    )
    assert process.stdout is not None
    # Bounded by the load's own --timeout.
    line = process.stdout.readline().decode().strip()
    if line != f"holding {sessions}":
        raise BenchError(f"the load cannot hold {sessions} sessions: {end_hold(process)}")
    return process


def end_hold(process: subprocess.Popen[bytes]) -> str:
    """Lets the held sessions say QUIT and waits for the load; returns its errors."""
    _, errors = process.communicate()
    return errors.decode(errors="replace").strip()
