/*
 * Message bodies on the wire: what follows DATA's 354 up to "CRLF . CRLF" (RFC 5321
 * sections 4.1.1.4 and 4.5.2) and what a BDAT chunk carries (RFC 3030). The scanner looks at every
 * octet and reports whatever is not text lines ended by CRLF; it never copies and never changes
 * anything.
 */
#ifndef SMTP_BODY_H
#define SMTP_BODY_H

#include "base/span.h"

enum smtp_body_event {
    SMTP_BODY_MORE,      /* all of the input was looked at: nothing to report */
    SMTP_BODY_END,       /* "CRLF . CRLF" is complete: `used` ends just behind it */
    SMTP_BODY_BARE_CR,   /* a CR that no LF follows */
    SMTP_BODY_BARE_LF,   /* an LF that no CR precedes */
    SMTP_BODY_NUL,       /* a NUL */
    SMTP_BODY_LONE_DOT,  /* "LF . CRLF" with a bare LF: an end of data to sloppy eyes only */
    SMTP_BODY_LONG_LINE, /* a line has passed the limit; reported once a line */
};
enum { SMTP_BODY_EVENTS = SMTP_BODY_LONG_LINE + 1 };

/* Where a body stands between two calls. */
struct smtp_body {
    uint32_t line_max; /* octets of a line without its CRLF; 0 for no limit */
    uint32_t line;     /* octets of the current line so far */
    uint8_t state;     /* private */
    bool chunk;        /* BDAT: dots mean nothing, END is never reported */
    bool reported;     /* the current line was reported as long */
    bool released;     /* the CR that is kept back was forwarded with its chunk */
};

/* What one call found.
 *
 * `carry`: a CR that ended an earlier input comes before in[0], to be forwarded with what follows.
 * in[0 .. clean) is ordinary and can be forwarded as it is. `used` octets are done with: the clean
 * ones and those that the event is about (the CR, the LF, the NUL, the CRLF behind a lone dot), or
 * a CR at the end of the input that is kept back until its successor is known. A BARE_CR may be
 * about such a CR of an earlier input: then `used` equals `clean`. `sent`: that CR has been
 * forwarded with the chunk that it ended; nothing may be put in its place any more.
 *
 * `end_dot`: the BARE_LF came behind a line that is "." alone. Servers that take a bare LF for a
 * line end would see an end of data there; whoever turns the LF into CRLF must double the dot. */
struct smtp_body_scan {
    enum smtp_body_event event;
    bool carry;
    bool sent;
    bool end_dot;
    size_t clean;
    size_t used;
};

/* `chunk`: a BDAT chunk, else DATA. `line_max`: octets of a line without its CRLF, 0 for any. */
void smtp_body_begin(struct smtp_body *body, bool chunk, uint32_t line_max);

/* Look at `in` from where the last call ended, up to the first event. */
struct smtp_body_scan smtp_body_scan(struct smtp_body *body, struct span in);

/* The end of a chunk. A CR that is kept back is forwarded now (`carry`), since a chunk has the size
 * that was announced for it; the LF may begin the next chunk. Behind the `last` one it is bare,
 * which is an event. */
struct smtp_body_scan smtp_body_chunk_end(struct smtp_body *body, bool last);

/* The event's name, as configuration and logs have it: "bare-lf". */
const char *smtp_body_event_name(enum smtp_body_event event);

#endif
