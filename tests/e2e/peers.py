"""The real mail servers of the suite: Postfix, Exim and OpenSMTPD, as Debian builds them.

Each takes mail for anyone at example.test from loopback, without DNS, into one Maildir, and
leaves the message as it came but for the headers that it adds (TRACE).  Checks that a server may
have of its own against odd line ends stay as Debian ships them: Postfix 3.7 still takes
<LF>.<CR><LF> as the end of a message, which makes it the best witness of what a gateway lets by.
"""

import contextlib
import pathlib
import os
import re
import socket
import stat

from box import Box, free_port
from deadline import until
from debs import unpacked

DOMAIN = "example.test"
SIZE_LIMIT = 104857600
# The header fields that a server puts before a message that it delivers.
TRACE = (b"Return-Path", b"X-Original-To", b"Delivered-To", b"Received", b"Envelope-To",
         b"Delivery-Date")
RECIPIENT = re.compile(rb"^(?:X-Original-To|Delivered-To|Envelope-To): <?([^>\n]*)>?$",
                       re.IGNORECASE | re.MULTILINE)


def trace_of(stored):
    """The length of the header fields that the server itself put first."""
    fields = b"|".join(TRACE)
    pattern = rb"(?:(?:" + fields + rb"):[^\n]*\n(?:[ \t][^\n]*\n)*)*"
    return re.compile(pattern, re.IGNORECASE).match(stored).end()


def same(message, stored):
    """Whether a stored message, its trace fields gone, is the one sent.

    A server may end a header that the message left open, and to an empty message it may add the
    two fields that RFC 5322 wants (OpenSMTPD does).
    """
    want = message.replace(b"\r\n", b"\n")
    if want == b"":
        return re.fullmatch(rb"(Date: [^\n]*\nMessage-ID: [^\n]*\n)?\n?", stored) is not None
    return stored == want or (b"\n\n" not in want and stored == want + b"\n")


class Peer:
    """One server process tree with its mailbox."""

    name = ""
    packages = ()
    queue_folders = ()

    def __init__(self):
        self.port = free_port()
        self.box = Box(self.name, unpacked(self.name, self.packages))
        self.mailbox = self.box.folder("var/mail/box", "vmail")
        for folder in ("new", "cur", "tmp"):
            self.box.folder(f"var/mail/box/{folder}", "vmail")
        self.features = {}
        self._read = set()
        self._by_recipient = {}

    def configure(self):
        """Writes the server's configuration into its room."""
        raise NotImplementedError

    def command(self):
        """The command line that runs the server in the foreground."""
        raise NotImplementedError

    def start(self):
        """Starts the server, or starts it again after kill(), and waits until it greets."""
        self.box.start(*self.command())
        self.features = until(self._ask_features,
                              lambda: f"{self.name} to greet: {self.log()[-2000:]}")

    def _ask_features(self):
        if self.box.process.poll() is not None:
            raise AssertionError(f"{self.name} ended at once: {self.log()[-3000:]}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as server:
                file = server.makefile("rb")
                greeting = file.readline()
                server.sendall(b"EHLO probe.example.test\r\n")
                lines = []
                while (line := file.readline()).startswith(b"250-"):
                    lines.append(line)
                lines.append(line)
                server.sendall(b"QUIT\r\n")
                file.readline()
        except OSError:
            return None
        if not greeting.startswith(b"220") or not line.startswith(b"250"):
            return None
        words = [line[4:].decode().split() for line in lines[1:]]
        return {word[0].upper(): word[1:] for word in words}

    def kill(self):
        """Ends the server as a power cut would; its queue and mailbox stay."""
        self.box.kill()

    def stop(self):
        """Ends the server and removes all that it had."""
        self.box.remove()

    def log(self):
        """All that the server has logged so far."""
        files = [file for file in (self.box.path / "var/log").rglob("*") if file.is_file()]
        return "".join(file.read_text(errors="replace") for file in sorted(files))

    def queue_files(self):
        """Whatever lies in the server's queue, whole or not.  (Path.rglob() would stumble over a
        folder that the server removes meanwhile; os.walk() does not.)"""
        return {pathlib.Path(place) / name for folder in self.queue_folders
                for place, _, names in os.walk(self.box.path / folder) for name in names}

    def queued(self):
        """How many messages lie in the server's queue, accepted and not yet delivered."""
        count = 0
        for path in self.queue_files():
            with contextlib.suppress(FileNotFoundError):
                count += self.is_message(path)
        return count

    def is_message(self, path):
        """Whether a file of the queue is a whole message, and not one that was never finished."""
        return path.is_file()

    def settle(self, seconds=60):
        """Waits until nothing is queued: what is not in the mailbox now never will be."""
        until(lambda: self.queued() == 0, f"{self.name} to empty its queue", seconds)

    def messages(self, recipient):
        """The messages delivered to the address, as stored: the server's headers, LF line ends."""
        for file in (self.mailbox / "new").iterdir():
            if file.name not in self._read:
                self._read.add(file.name)
                stored = file.read_bytes()
                for name in set(RECIPIENT.findall(stored[:trace_of(stored)])):
                    self._by_recipient.setdefault(name.lower(), []).append(stored)
        return list(self._by_recipient.get(recipient.encode().lower(), []))

    def delivered(self, recipient, count=1, seconds=60):
        """Waits for messages to the address; returns them without the server's headers."""
        until(lambda: len(self.messages(recipient)) >= count,
              lambda: f"{count} messages to {recipient} at {self.name}:\n{self.log()[-3000:]}",
              seconds)
        found = self.messages(recipient)
        assert len(found) == count, f"{len(found)} messages to {recipient} instead of {count}"
        return [stored[trace_of(stored):] for stored in found]

    def forget(self):
        """Empties the mailbox, so that big messages do not pile up."""
        for file in (self.mailbox / "new").iterdir():
            file.unlink()
        self._read.clear()
        self._by_recipient.clear()


class Postfix(Peer):
    """Postfix: master in the foreground, virtual(8) delivers."""

    name = "postfix"
    packages = ("postfix",)
    queue_folders = tuple(f"var/spool/postfix/{queue}"
                          for queue in ("maildrop", "incoming", "active", "deferred"))

    MAIN = f"""
compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = /var/log/maillog
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
mynetworks = 192.0.2.1
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = /var/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
virtual_mailbox_limit = 0
virtual_destination_concurrency_limit = 20
message_size_limit = {SIZE_LIMIT}
local_header_rewrite_clients =
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_tls_security_level = may
smtpd_tls_cert_file = /etc/tls/cert.pem
smtpd_tls_key_file = /etc/tls/key.pem
smtpd_timeout = 100s
in_flow_delay = 0
queue_run_delay = 5s
minimal_backoff_time = 5s
maximal_backoff_time = 5s
"""
    MASTER = """
127.0.0.1:{port} inet n - n - 60 smtpd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 5 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
error     unix - - n - - error
retry     unix - - n - - error
smtp      unix - - n - - error
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
tlsmgr    unix - - n 1000? 1 tlsmgr
proxymap  unix - - n - - proxymap
postlog   unix-dgram n - n - 1 postlogd
"""

    def configure(self):
        self.box.write("etc/postfix/main.cf", self.MAIN)
        self.box.write("etc/postfix/master.cf", self.MASTER.format(port=self.port))
        self.box.write("etc/postfix/dynamicmaps.cf", "")
        self.box.folder("var/lib/postfix", "postfix")
        self.box.folder("var/spool/postfix")
        self.box.folder("var/spool/postfix/pid")
        for queue in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
                      "incoming", "private", "public", "maildrop", "saved", "trace"):
            self.box.folder(f"var/spool/postfix/{queue}", "postfix", 0o700)

    def is_message(self, path):
        # Postfix makes a queue file executable once it is complete.
        mode = path.stat().st_mode
        return stat.S_ISREG(mode) and bool(mode & stat.S_IXUSR)

    def command(self):
        return "/usr/lib/postfix/sbin/master", "-d", "-c", "/etc/postfix"


class Exim(Peer):
    """Exim's heavy daemon, with AUTH PLAIN and LOGIN for user "known", password "right-secret"."""

    name = "exim"
    packages = ("exim4-daemon-heavy",)
    queue_folders = ("var/spool/exim4/input",)

    CONFIGURATION = r"""
exim_path = /usr/sbin/exim4
primary_hostname = mx.example.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
log_file_path = /var/log/exim4/%slog
log_selector = +all
domainlist local = {domain}
never_users =
host_lookup =
rfc1413_hosts =
message_size_limit = {size}
accept_8bitmime = true
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
auth_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = /etc/tls/exim.pem
tls_privatekey = /etc/tls/exim.pem
smtp_accept_max = 100
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
smtp_max_unknown_commands = 1000
smtp_max_synprot_errors = 1000
smtp_receive_timeout = 100s
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
acl_smtp_etrn = deny
acl_smtp_vrfy = deny

begin acl
rcpt:
  accept domains = +local
  deny   message = relay not permitted

begin routers
box:
  driver = accept
  domains = +local
  transport = box

begin transports
box:
  driver = appendfile
  directory = /var/mail/box
  maildir_format
  user = vmail
  group = vmail
  mode = 0644
  mode_fail_narrower = false
  envelope_to_add
  return_path_add

begin retry
* * F,1h,5s

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{known}}}}{{eq{{$auth3}}{{right-secret}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{known}}}}{{eq{{$auth2}}{{right-secret}}}}}}}}
  server_set_id = $auth1
"""

    def configure(self):
        self.box.write("etc/exim4/exim4.conf", self.CONFIGURATION.format(
            port=self.port, domain=DOMAIN, size=SIZE_LIMIT))
        self.box.folder("var/spool/exim4", "Debian-exim")
        self.box.folder("var/log/exim4", "Debian-exim")
        both = (self.box.path / "etc/tls/both.pem").read_text(encoding="ascii")
        self.box.write("etc/tls/exim.pem", both)

    def is_message(self, path):
        return path.name.endswith("-H")

    def command(self):
        return "/usr/sbin/exim4", "-bdf", "-q5s"


class OpenSMTPD(Peer):
    """OpenSMTPD, with a trace of its SMTP dialogue in the log."""

    name = "opensmtpd"
    packages = ("opensmtpd",)
    queue_folders = ("var/spool/smtpd/queue",)

    CONFIGURATION = """
pki here cert "/etc/tls/cert.pem"
pki here key "/etc/tls/key.pem"
smtp max-message-size "{size}"
table anyone {{ "@{domain}" = "vmail" }}
listen on 127.0.0.1 port {port} tls pki here hostname mx.example.test
action box maildir "/var/mail/box" virtual <anyone>
match from any for domain "{domain}" action box
"""

    def configure(self):
        self.box.write("etc/smtpd.conf", self.CONFIGURATION.format(
            port=self.port, domain=DOMAIN, size=SIZE_LIMIT))
        self.box.folder("var/lib/opensmtpd/empty")
        self.box.folder("var/spool/smtpd", mode=0o711)

    def command(self):
        return "/usr/sbin/smtpd", "-d", "-v", "-T", "smtp"


ALL = {peer.name: peer for peer in (Postfix, Exim, OpenSMTPD)}


def started(name):
    """A running server of that name."""
    peer = ALL[name]()
    try:
        peer.configure()
        peer.start()
    except BaseException:
        peer.stop()
        raise
    return peer
