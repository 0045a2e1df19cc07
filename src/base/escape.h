/*
 * Foreign bytes made fit to print: in log lines, where they may not forge a line of their own, and
 * in JSON.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include "base/buf.h"

/* Append `s` with every byte that is neither printable ASCII nor part of a well-formed UTF-8
 * sequence of a printable character written as \xHH, and "\" itself as "\\". */
bool buf_escape(struct buf *b, struct span s) __attribute__((warn_unused_result));

/* Append `s` as a JSON string in its quotes (RFC 8259); bytes that are not UTF-8 become U+FFFD,
 * characters that are not printable \uHHHH. */
bool buf_json(struct buf *b, struct span s) __attribute__((warn_unused_result));

/* Where one escaped unit is written: at most a UTF-8 sequence of four bytes as \xHH, or a
 * surrogate pair. */
struct escape_unit {
    unsigned char bytes[16];
};

/* The next piece of what buf_escape() or buf_json() (without its quotes) makes of `*rest`, which
 * is shortened by what it stands for: a run of `*rest` that needs no change, or one changed
 * character in `unit`. `*rest` must not be empty. */
struct span escape_text_next(struct span *rest, struct escape_unit *unit);
struct span escape_json_next(struct span *rest, struct escape_unit *unit);

#endif
