"""The messages that the suite sends, with CRLF line ends as on the wire."""

import random

SHORT = b"Date: Tue, 24 Nov 2026 00:00:00 +0000\r\nMessage-Id: <1@client.test>\r\n"
HEAD = (b"From: Sender <sender@client.test>\r\nTo: You <to@example.test>\r\nSubject: sample\r\n"
        + SHORT)

PLAIN = HEAD + b"\r\nA first line.\r\n\r\nA last line.\r\n"
DOTS = (HEAD + b"\r\n.\r\n..\r\n...\r\n.x\r\n. \r\n.\r\nMAIL FROM:<a@b.test>\r\n.\r\n\r\n.\r\n"
        b" .\r\nx.\r\n.\r\n")
EIGHT_BIT = (HEAD + b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
             b"Content-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n\xff\xfe\x80\xa0\r\n")
EMPTY_BODY = HEAD + b"\r\n"
HEADER_ONLY = HEAD
EMPTY = b""
FOLDED = (b"X-Odd:\r\n \t value\r\nReceived: from a (b [192.0.2.1])\r\n\tby c with SMTP;\r\n"
          b"\tTue, 24 Nov 2026 00:00:00 +0000\r\nX-Tab:\ta\r\n" + HEAD
          + b"\r\n\r\n\r\nx\r\n\r\n\r\n")
LONG_LINES = HEAD + b"\r\n" + b"".join(b"x" * length + b"\r\n" for length in (996, 997, 998))

SEVEN_BIT = {"plain": PLAIN, "dots": DOTS, "empty-body": EMPTY_BODY, "header-only": HEADER_ONLY,
             "empty": EMPTY, "folded": FOLDED, "long-lines": LONG_LINES}


def big(size, seed=1):
    """A message of about that many bytes: lines of all lengths, many of them with leading dots."""
    random_bytes = random.Random(seed)
    alphabet = bytes(range(33, 127))
    lines = []
    for _ in range(2000):
        length = random_bytes.choice((0, 1, 2, 60, 72, 76, 200, 998))
        line = bytes(random_bytes.choices(alphabet, k=length))
        lines.append(random_bytes.choice((b"", b"", b"", b".", b".."))[:998 - length] + line)
    block = b"\r\n".join(lines) + b"\r\n"
    # Blocks begin at different places of a buffer, whatever the buffer's size.
    count = size // len(block) + 1
    return HEAD + b"\r\n" + b"".join(b"%d\r\n" % number + block for number in range(count))
