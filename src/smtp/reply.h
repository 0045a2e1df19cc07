/*
 * Replies: "250-text CRLF 250 text CRLF" (RFC 5321 section 4.2) with their enhanced status codes
 * (RFC 3463, RFC 2034).
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/span.h"

/* One line of a reply. */
struct smtp_reply_line {
    unsigned code;    /* 200 to 599 */
    bool last;        /* no "-" after the code */
    bool bare_lf;     /* ended by LF alone */
    bool dirty;       /* its text has a NUL, a bare CR or another control character */
    struct span text; /* after "250 " */
    size_t size;      /* octets with its line end */
};

enum smtp_reply_error {
    SMTP_REPLY_OK,
    SMTP_REPLY_NO_CODE,   /* a line that does not begin with three digits, 2 to 5 the first */
    SMTP_REPLY_SEPARATOR, /* neither SP nor "-" nor the line's end after the code */
    SMTP_REPLY_MIXED,     /* the lines of one reply have different codes */
    SMTP_REPLY_LINE_LONG, /* a line above the limit */
    SMTP_REPLY_LINES,     /* more lines than the limit */
};

/* A reply as it comes in. Zero it to begin a reply; after 1 it describes the whole reply. */
struct smtp_reply {
    uint16_t code;
    uint16_t lines;   /* lines seen, all of them when it is complete */
    uint32_t size;    /* octets of those lines */
    uint32_t longest; /* octets of the longest of them */
    bool bare_lf;     /* some line ended by LF alone */
    bool dirty;       /* some text has control characters */
    uint8_t error;    /* enum smtp_reply_error */
};

/* Parse one line at the beginning of `in`. 1: *line_r is set; 0: no line end within `in`; -1:
 * malformed, *error_r says why. A line may have up to `max` octets with its end. */
int smtp_reply_line_parse(struct span in, size_t max, struct smtp_reply_line *line_r,
                          enum smtp_reply_error *error_r);

/* Go on with a reply. `in` is all that came since the reply's first octet: the caller keeps what
 * is not consumed and shows it again with more behind it; lines that have been seen are not looked
 * at twice. 1: complete, its octets are the first reply->size of `in`; 0: more is needed; -1:
 * malformed, see reply->error. */
int smtp_reply_parse(struct smtp_reply *reply, struct span in, size_t line_max, unsigned lines_max);

/* The enhanced status code at the beginning of a reply line's text, "5.1.1", checked against the
 * reply's class (RFC 2034 section 4); an empty span where there is none. */
struct span smtp_reply_enhanced(unsigned code, struct span text);

/* Why, in words for the log: "different codes in one reply". */
const char *smtp_reply_error_text(enum smtp_reply_error error);

#endif
