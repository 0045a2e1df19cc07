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

/* Append `s` as a JSON string in its quotes (RFC 8259); bytes that are not UTF-8 become U+FFFD. */
bool buf_json(struct buf *b, struct span s) __attribute__((warn_unused_result));

#endif
