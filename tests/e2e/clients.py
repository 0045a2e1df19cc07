"""The senders of the suite as an admin types them: swaks, curl, msmtp and Postfix's smtp-source.

Each takes the message with CRLF line ends and must send exactly that, and what it adds itself:
swaks ends the last line of its data, smtp-source adds an empty line (ADDED).
"""

import os
import subprocess
from dataclasses import dataclass

from debs import need_tool, unpacked

SENDER = "sender@client.test"
HELO = "client.test"
ADDED = {"smtp_source": b"\r\n"}


@dataclass
class Result:
    """How a client ended, and what it said."""

    status: int
    output: str


def _run(command, data=b"", seconds=60):
    done = subprocess.run(command, input=data, capture_output=True, timeout=seconds, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})
    return Result(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))


def swaks(port, recipients, message, *options):
    """swaks; options may change what it does before or instead of sending."""
    return _run([need_tool("swaks", "swaks"), "--server", "127.0.0.1", "--port", str(port),
                 "--helo", HELO, "--from", SENDER, "--to", ",".join(recipients), "--timeout", "30",
                 "--data", "-", *options], message.removesuffix(b"\r\n"))


def curl(port, recipients, message, *options):
    """curl as a mail sender."""
    to = [word for recipient in recipients for word in ("--mail-rcpt", recipient)]
    return _run([need_tool("curl", "curl"), "--silent", "--show-error", "--verbose", "--max-time",
                 "30", f"smtp://127.0.0.1:{port}/{HELO}", "--mail-from", SENDER, *to,
                 "--upload-file", "-", *options], message)


def msmtp(port, recipients, message, *options):
    """msmtp as a sendmail replacement, which reads LF line ends as all of these do."""
    return _run([need_tool("msmtp", "msmtp"), "--file=/dev/null", "--host=127.0.0.1",
                 f"--port={port}", f"--domain={HELO}", f"--from={SENDER}", "--tls=off",
                 "--auth=off", "--set-from-header=off", "--set-date-header=off",
                 "--set-msgid-header=off", "--remove-bcc-headers=off", "--debug",
                 "--timeout=30", *options, "--", *recipients],
                message.replace(b"\r\n", b"\n"))


def smtp_source(port, recipients, message, *options, folder):
    """smtp-source of the unpacked Postfix, which speaks HELO only."""
    root = unpacked("postfix", ("postfix",))
    file = folder / "smtp-source.eml"
    file.write_bytes(message.replace(b"\r\n", b"\n"))
    loader = next(iter((root / "usr/lib64").glob("ld-linux*")), None)
    assert loader is not None and len(recipients) == 1
    libraries = f"{root}/usr/lib/postfix:{root}/usr/lib/x86_64-linux-gnu"
    return _run([loader, "--library-path", libraries, root / "usr/sbin/smtp-source",
                 "-M", HELO, "-f", SENDER, "-t", recipients[0], "-F", file, *options,
                 f"inet:127.0.0.1:{port}"])


def swaks_attach(port, recipient, *options):
    """swaks with its own message and what `--attach` and its kin add to it."""
    return _run([need_tool("swaks", "swaks"), "--server", "127.0.0.1", "--port", str(port),
                 "--helo", HELO, "--from", SENDER, "--to", recipient, "--timeout", "30", *options])
