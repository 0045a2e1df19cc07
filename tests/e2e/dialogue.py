"""Reads a recorded SMTP session as RFC 5321 would have it: commands, replies, bodies, chunks.

A body ends at <CR><LF>.<CR><LF> and nowhere else.  A server that saw its end elsewhere answers
commands that this reading takes for text: more replies than there were commands (surplus).
"""

import re
from dataclasses import dataclass, field

from tap import TO_CLIENT, TO_SERVER

REPLY = re.compile(rb"(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\r?\n")
END = b"\r\n.\r\n"


@dataclass
class Step:
    """One thing that the client sent, and the server's answer, if there was one."""

    kind: str
    sent: bytes
    reply: bytes = b""

    def code(self):
        """The reply's code, or 0."""
        return int(self.reply[:3] or b"0")


@dataclass
class Dialogue:
    """A session's steps in order."""

    greeting: bytes
    steps: list = field(default_factory=list)
    surplus: list = field(default_factory=list)
    dark: bool = False

    def commands(self):
        """The command lines that the server saw, without their line ends."""
        return [step.sent.rstrip(b"\r\n") for step in self.steps if step.kind == "command"]

    def verbs(self):
        """The first words of the command lines."""
        return [line.split(b" ")[0].upper().decode(errors="replace") for line in self.commands()]

    def accepted(self):
        """How many messages the server took, by its own replies."""
        ends = [step for step in self.steps if step.kind in ("body", "last chunk")]
        return sum(step.code() == 250 for step in ends)

    def bodies(self):
        """The messages that came whole, as they were before dot-stuffing."""
        found, chunks = [], []
        for step in self.steps:
            if step.kind == "body":
                found.append(unstuffed(step.sent))
            elif step.kind in ("chunk", "last chunk"):
                chunks.append(step.sent)
                if step.kind == "last chunk":
                    found.append(b"".join(chunks))
                    chunks = []
        return found


def unstuffed(body):
    """The message of a DATA phase, which begins after the 354 and ends with the final dot."""
    text = b"\r\n" + body
    assert text.endswith(END)
    return text[:-3].replace(b"\r\n.", b"\r\n")[2:]


def stuffed(message):
    """The bytes that send the message, which must end with a line end or be empty."""
    assert message == b"" or message.endswith(b"\r\n")
    return (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def read(session):
    """The Dialogue of a tap session that has ended."""
    sent, got = session.sent(TO_SERVER), session.sent(TO_CLIENT)
    replies = [match.group() for match in REPLY.finditer(got)]
    dialogue = Dialogue(replies.pop(0) if replies else b"")
    reply = b""
    position = 0
    while position < len(sent):
        kind, end = _next(sent, position, dialogue.steps)
        reply = replies.pop(0) if replies and not kind.startswith("part") else b""
        if kind.endswith("chunk"):
            start = sent.index(b"\n", position) + 1
            dialogue.steps.append(Step("bdat", sent[position:start]))
            position = start
        dialogue.steps.append(Step(kind, sent[position:end], reply))
        position = end
        if reply.startswith(b"220") and dialogue.verbs()[-1] == "STARTTLS":
            dialogue.dark = True
            return dialogue
    dialogue.surplus = replies
    return dialogue


def _next(sent, position, steps):
    """What begins at position, and where it ends, given what came before."""
    before = steps[-1] if steps else Step("", b"")
    if before.code() == 354:
        if sent.startswith(END[2:], position):
            return "body", position + 3
        end = sent.find(END, position)
        return ("body", end + 5) if end >= 0 else ("part of a body", len(sent))
    end = sent.find(b"\n", position) + 1
    if end == 0:
        return "part of a command", len(sent)
    if before.code() == 334:
        return "answer", end
    chunk = re.match(rb"BDAT (\d+)( LAST)?\r\n$", sent[position:end], re.IGNORECASE)
    if chunk is None:
        return "command", end
    end += int(chunk.group(1))
    if end > len(sent):
        return "part of a chunk", len(sent)
    return ("last chunk" if chunk.group(2) else "chunk"), end
