"""A room of its own for one mail server: a chroot with its own processes and mounts.

The programs lie in a root that debs.py has unpacked, which is bound read-only below the room;
/etc, /var and /run are the room's.  The room has its own process numbers, so that ending its
first process ends all, and dies with the test run, however that ends.  Nothing of the machine's
own /etc, /var, users or services is read or changed.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import certs
from debs import STORE, Missing, need_tool

ENTER = """
set -e
mount --rbind /dev "$1/dev"
mount --bind "$2/usr" "$1/usr"
mount -o remount,bind,ro "$1/usr"
room=$1
shift 2
# Not exec: the first process must keep its identity, or it would outlive unshare.
chroot "$room" "$@"
exit $?
"""
# The users that Debian's packages name, and vmail, to whom all mail is delivered.
USERS = {"root": 0, "nobody": 65534, "vmail": 5000, "postfix": 201, "postdrop": 202,
         "Debian-exim": 203, "opensmtpd": 204, "opensmtpq": 205}


def free_port():
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _sweep(rooms):
    """Removes the rooms of test runs that were killed."""
    for room in rooms.iterdir():
        if not pathlib.Path("/proc", room.name.split("-")[1]).exists():
            shutil.rmtree(room, ignore_errors=True)


class Box:
    """The room's directory and the processes that run in it."""

    def __init__(self, name, root):
        if os.geteuid() != 0:
            raise Missing("mail servers need root (or tests/e2e/run, which makes a name space)")
        self.programs = root
        (STORE / "rooms").mkdir(parents=True, exist_ok=True)
        _sweep(STORE / "rooms")
        prefix = f"{name}-{os.getpid()}-"
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=STORE / "rooms"))
        self.path.chmod(0o755)
        self.process = None
        for folder in ("dev", "usr", "etc", "tmp", "root", "var/mail", "var/log", "run"):
            self.folder(folder)
        for top in ("bin", "sbin", "lib", "lib64"):
            (self.path / top).symlink_to(f"usr/{top}")
        (self.path / "var/run").symlink_to("/run")
        (self.path / "tmp").chmod(0o1777)
        self._write_etc()

    def _write_etc(self):
        self.write("etc/passwd", "".join(f"{user}:x:{number}:{number}:{user}:/:/bin/sh\n"
                                         for user, number in USERS.items()))
        self.write("etc/group", "".join(f"{user}:x:{number}:\n"
                                        for user, number in USERS.items()))
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"
                                        "services: files\nprotocols: files\n")
        self.write("etc/hosts", "127.0.0.1 localhost mx.example.test\n")
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\n")
        self.write("etc/services", "smtp 25/tcp\n")
        self.folder("etc/tls")
        certs.make(self.path / "etc/tls")

    def folder(self, path, user="root", mode=0o755):
        """Makes a directory that belongs to the user; returns where it is."""
        folder = self.path / path
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, USERS[user], USERS[user])
        folder.chmod(mode)
        return folder

    def write(self, path, text):
        """Writes a file of the room, which belongs to root."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)
        return file

    def start(self, *command):
        """Runs a program as the first process of the room; its output goes to var/log/output."""
        with open(self.path / "var/log/output", "ab") as output:
            self.process = subprocess.Popen(
                [need_tool("setpriv", "util-linux"), "--pdeathsig", "KILL", "--",
                 need_tool("unshare", "util-linux"), "--mount", "--pid", "--ipc", "--uts",
                 "--fork", "--kill-child", "--", "/bin/sh", "-c", ENTER, "enter",
                 self.path, self.programs, *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            )

    def signal(self, number):
        """Sends a signal to all processes of the room (STOP, CONT)."""
        for process in self.processes():
            os.kill(process, number)

    def processes(self):
        """The numbers of the processes in the room, as the machine counts them."""
        found, queue = [], [self.process.pid]
        while queue:
            number = queue.pop()
            try:
                with open(f"/proc/{number}/task/{number}/children", encoding="ascii") as file:
                    children = [int(word) for word in file.read().split()]
            except FileNotFoundError:
                children = []
            found += children
            queue += children
        return found

    def kill(self):
        """Ends every process of the room at once, as a crash would."""
        if self.process is not None:
            # Its first process ends only after all others; unshare then ends by itself.
            for number in self.processes()[:1] or [self.process.pid]:
                os.kill(number, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def remove(self):
        """Ends the room and removes its directory."""
        self.kill()
        shutil.rmtree(self.path, ignore_errors=True)
