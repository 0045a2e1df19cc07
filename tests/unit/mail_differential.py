#!/usr/bin/env python3
"""Does the message scanner see what Python's email package sees? MIME made at random, in TAP.

    mail_differential.py PROGRAM [MESSAGES [SEED]]

PROGRAM is mail-tell (mail_tell.c). The messages are what mailers write, from the plain to the odd:
multiparts and messages within each other, boundaries that begin each other or never come or are
never closed, preambles and epilogues, names quoted, unquoted, in the pieces and the coding of RFC
2231, in encoded words. Each is read by email.parser (policy compat32 for the structure; names are
put together from the parameters that it finds) and by the scanner, and these must agree: the parts
in their order, their depth, type, encoding, whether they are attachments, and all their names.

Left out is where the two differ on purpose, each of which has its vector in test_mail_*.c: lines
that only begin with a boundary, boundaries behind the closing one, a boundary that is another with "--", comments, blanks before
a field's colon, the message types that Python takes for messages and the scanner does not.
"""

import email
import email.header
import email.policy
import random
import re
import subprocess
import sys
import urllib.parse

BATCH = 250
WORDS = ["a", "report", "photo 1", "x.exe", "invoice.pdf", "na\u00efve.txt", "\u00e4\u00f6\u00fc.doc",
         "\u65e5\u672c\u8a9e.zip", "winmail.dat", "a;b", "back\\slash", "quo\"te", "per%cent", "it's",
         "x" * 70, "dots...", "=not=", "semi;colon=\"x\""]
TYPES = ["text/plain", "text/html", "image/png", "application/octet-stream", "Application/PDF",
         "application/ms-tnef", "text/calendar", "x-a/x-b.c+d"]
ENCODINGS = ["7bit", "8bit", "binary", "quoted-printable", "base64", "Base64", "QUOTED-PRINTABLE"]


class Maker:
    """One message, made of dice."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.boundaries = []

    def chance(self, percent):
        return self.dice.randrange(100) < percent

    def boundary(self):
        """A new one; now and then one that begins an open one, or that one begins."""
        if self.boundaries and self.chance(20):
            base = self.dice.choice(self.boundaries)
            made = base + self.dice.choice("xyz-.=") if self.chance(60) else base[:-1]
        else:
            letters = "abcdefghijklmnopqrstuvwxyz0123456789'()+_,-./:=?"
            made = "".join(self.dice.choice(letters) for _ in range(self.dice.randrange(1, 40)))
        # "--x--" is the end of x and the beginning of a part of "x--": nobody can tell.
        taken = {b + end for b in self.boundaries for end in ("", "--")} | \
                {b.removesuffix("--") for b in self.boundaries} | {""}
        return made if made not in taken else self.boundary()

    def quoted(self, text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def folded(self):
        return self.dice.choice(["; ", ";", ";\r\n ", " ;\r\n\t", "; \r\n  "])

    def encoded_word(self, text):
        if self.chance(50):
            return email.header.Header(text, "utf-8", maxlinelen=1000).encode(linesep="")
        octets = text.encode("utf-8")
        return "=?UTF-8?Q?" + "".join(f"={octet:02X}" for octet in octets) + "?="

    def pieces(self, name, text):
        """RFC 2231 continuations, in the wrong order now and then, extended or not."""
        extended = not text.isascii() or self.chance(50)
        text = text.replace("\\", "/")  # Python takes "\\\\" at the end of a string for an escaped quote
        cut, pieces = 0, []
        while cut < len(text):
            step = self.dice.randrange(1, 12)
            pieces.append(text[cut:cut + step])
            cut += step
        out = []
        for number, piece in enumerate(pieces):
            if extended:
                charset = "utf-8'en'" if number == 0 else ""
                out.append(f"{name}*{number}*={charset}{urllib.parse.quote(piece, safe='')}")
            else:
                out.append(f"{name}*{number}={self.quoted(piece)}")
        if self.chance(20):
            self.dice.shuffle(out)
        return out

    def name_parameters(self, name, text):
        form = self.dice.randrange(6)
        if form == 0:
            charset = "utf-8"
            if self.chance(30) and all(ord(c) < 256 for c in text):
                charset = "iso-8859-1"
            value = urllib.parse.quote(text.encode(charset), safe="")
            return [f"{name}*={charset}''{value}"]
        if form == 1:
            return self.pieces(name, text)
        if form == 2 or not text.isascii():
            return [f"{name}={self.quoted(self.encoded_word(text))}"]
        if form == 3 and text.isalnum():
            return [f"{name}={text}"]
        return [f"{name}={self.quoted(text)}"]

    def name(self):
        words = [self.dice.choice(WORDS) for _ in range(self.dice.randrange(1, 4))]
        return self.dice.choice(["", "-", "_"]).join(words)

    def parameter(self):
        return self.dice.choice(["charset=us-ascii", 'charset="utf-8"', "Charset = x", "format=flowed",
                                 'x="a;b"', "type=\"text/html\"", "start=\"<a@b>\""])

    def header(self, media_type, parameters, encoding, disposition):
        fields = []
        if media_type:
            pieces = [media_type] + parameters
            value = pieces[0] + "".join(self.folded() + piece for piece in pieces[1:])
            fields.append(f"{self.spelled('Content-Type')}: {value}")
        if encoding:
            fields.append(f"{self.spelled('Content-Transfer-Encoding')}: {encoding}")
        if disposition:
            value = disposition[0] + "".join(self.folded() + piece for piece in disposition[1:])
            fields.append(f"{self.spelled('Content-Disposition')}: {value}")
        for _ in range(self.dice.randrange(3)):
            fields.append(self.dice.choice(["Subject: x\r\n y", "X-Long: " + "z" * 300, "Content-ID: <a>",
                                            "Content-Description: name.exe", "X-Empty:"]))
        self.dice.shuffle(fields)
        return "".join(field + "\r\n" for field in fields) + "\r\n"

    def spelled(self, name):
        return self.dice.choice([name, name.lower(), name.upper()])

    def text(self):
        lines = ["", "text", "--", "-- ", "---", "--other", " --x", ".", "From x", "Field: x", "x" * 200]
        lines += ["x" + "--" + b for b in self.boundaries]
        return "".join(self.dice.choice(lines) + "\r\n" for _ in range(self.dice.randrange(5)))

    def harmless_text(self):
        """Text of which no line begins with an open boundary."""
        text = self.text()
        while any(line.startswith("--" + b) for line in text.split("\r\n") for b in self.boundaries):
            text = self.text()
        return text

    def leaf(self):
        parameters = [self.parameter() for _ in range(self.dice.randrange(3))]
        disposition = []
        if self.chance(50):
            disposition = [self.dice.choice(["attachment", "inline", "ATTACHMENT"])]
            if self.chance(80):
                disposition += self.name_parameters("filename", self.name())
            if self.chance(20):
                disposition.append("size=3")
        if self.chance(40):
            parameters += self.name_parameters("name", self.name())
        media_type = self.dice.choice(TYPES) if parameters or self.chance(80) else ""
        # Without a type it may be a message in a digest, which may not be encoded.
        encoding = self.dice.choice(ENCODINGS) if media_type and self.chance(60) else ""
        return self.header(media_type, parameters, encoding, disposition) + self.harmless_text()

    def multipart(self, depth):
        boundary = self.boundary()
        media_type = "multipart/" + self.dice.choice(["mixed", "alternative", "Related", "digest"])
        form = self.quoted(boundary)
        if boundary.isalnum() and self.chance(50):
            form = boundary
        parameters = [f"boundary={form}"] + [self.parameter() for _ in range(self.dice.randrange(2))]
        if self.chance(10) and len(boundary) > 3:
            parameters = [f"boundary*1={self.quoted(boundary[2:])}",
                          f"boundary*0={self.quoted(boundary[:2])}"]
        self.dice.shuffle(parameters)
        out = [self.header(media_type, parameters, "", [])]
        self.boundaries.append(boundary)
        if self.chance(30):
            out.append(self.harmless_text())
        if self.chance(95):
            for _ in range(self.dice.randrange(1, 4)):
                padding = self.dice.choice(["", "", " ", "\t  "])
                out.append(f"--{boundary}{padding}\r\n{self.entity(depth + 1)}")
            if self.chance(90):
                out.append(f"--{boundary}--{self.dice.choice(['', '', ' '])}\r\n")
                if self.chance(30):
                    out.append(self.harmless_text())
        self.boundaries.pop()
        return "".join(out)

    def entity(self, depth):
        draw = self.dice.randrange(100)
        if depth < 6 and draw < 35 - 4 * depth:
            return self.multipart(depth)
        if depth < 6 and draw < 45 - 4 * depth:
            return self.header("message/rfc822", [], "", []) + self.entity(depth + 1)
        return self.leaf()

    def message(self):
        return self.multipart(0) if self.chance(70) else self.entity(0)


def decoded(text):
    """The encoded words of a plain parameter."""
    out = b""
    for piece, charset in email.header.decode_header(text):
        if isinstance(piece, str):
            out += piece.encode("utf-8", "surrogateescape")
        else:
            out += piece.decode(charset).encode("utf-8") if charset else piece
    return out


def names(part):
    """Each name that the part's parameters give."""
    found = []
    for field, wanted in (("content-disposition", "filename"), ("content-type", "name")):
        for name, value in part.get_params([], header=field):
            if name.lower() != wanted:
                continue
            if isinstance(value, tuple):
                octets = email.utils.unquote(value[2]).encode("latin-1")
                found.append(octets.decode(value[0] or "ascii").encode("utf-8"))
            else:
                found.append(decoded(email.utils.unquote(value)))
    return [name for name in dict.fromkeys(found) if name]


def expected(part, depth, out):
    """What the scanner should tell of the part, as lines without anomalies."""
    media_type = part.get_content_type()
    encoding = str(part.get("content-transfer-encoding", "7bit")).strip().lower()
    found = names(part)
    disposition = part.get_content_disposition()
    attachment = bool(found) or disposition not in (None, "inline")
    out.append((depth, media_type, encoding, attachment, found))
    if part.is_multipart():
        for child in part.get_payload():
            expected(child, depth + 1, out)
    return out


def told(lines):
    """The scanner's parts, in the same form, and its anomalies."""
    parts, anomalies = [], []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "part":
            depth, media_type, encoding, attachment, name = rest.split(" ")
            found = [] if name == "-" else [bytes.fromhex(name)]
            parts.append((int(depth), media_type, encoding, attachment == "1", found))
        elif word == "name":
            parts[-1][4].append(bytes.fromhex(rest))
        else:
            anomalies.append(rest)
    return parts, anomalies


def scan(program, messages):
    """What the program tells of each message."""
    fed = b"".join(b"%d\n%s" % (len(message), message) for message in messages)
    done = subprocess.run([program], input=fed, capture_output=True, check=True, timeout=120)
    out = re.split("^end\n", done.stdout.decode("ascii"), flags=re.MULTILINE)
    assert len(out) == len(messages) + 1 and out[-1] == "", "the program told of other messages"
    return [told(text.splitlines()) for text in out[:-1]]


def same(theirs, ours):
    """Equal, but for the order of the names."""
    return [part[:4] + (sorted(part[4]),) for part in theirs] == \
           [part[:4] + (sorted(part[4]),) for part in ours]


def first_difference(theirs, ours):
    """Where two lists of parts begin to differ."""
    for index, (one, other) in enumerate(zip(theirs, ours)):
        if not same([one], [other]):
            return f"part {index}: email {one}, ours {other}"
    return f"{len(theirs)} parts, ours {len(ours)}"


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 2231
    batches = (count + BATCH - 1) // BATCH
    totals = {"parts": 0, "names": 0, "several": 0, "nested": 0}
    print(f"1..{batches + 1}")
    for batch in range(batches):
        messages = [Maker(seed * 1000003 + batch * BATCH + i).message().encode("ascii")
                    for i in range(BATCH)]
        failed = None
        for i, (message, (ours, anomalies)) in enumerate(zip(messages, scan(program, messages))):
            theirs = expected(email.message_from_bytes(message, policy=email.policy.compat32), 0, [])
            totals["parts"] += len(ours)
            totals["names"] += sum(len(part[4]) for part in ours)
            totals["several"] += sum(len(part[4]) > 1 for part in ours)
            totals["nested"] += any(part[0] > 2 for part in ours)
            if not same(theirs, ours) and failed is None:
                failed = f"message {batch * BATCH + i}:\n{message.decode()}\nemail: {theirs}\n" \
                         f"ours:  {ours}\nanomalies: {anomalies}\n{first_difference(theirs, ours)}"
        print(f"{'not ok' if failed else 'ok'} {batch + 1} - messages {batch * BATCH} and on")
        if failed:
            print("".join(f"# {line}\n" for line in failed.splitlines()), end="")
    # The messages had in them what they are made for.
    rich = all(number * 10 >= count for number in totals.values())
    print(f"{'ok' if rich else 'not ok'} {batches + 1} - the messages are rich: {totals}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
