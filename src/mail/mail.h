/*
 * The message as it goes by: header fields and MIME structure (RFC 5322, RFC 2045 to 2047,
 * RFC 2183, RFC 2231), scanned in one pass with bounded memory whatever the message does.
 *
 * The scanner is fed the body's octets as they stand on the wire behind DATA, dot-stuffing undone
 * by the scanner itself, or as BDAT chunks. It copies nothing but the header field that is under
 * way, the names of the part that is under way and the boundaries that are open, and it never
 * changes anything. It tells what it finds by one callback, and keeps the numbers that rules ask
 * for.
 *
 * Everything is best effort on hostile input: a message that breaks the grammar is still scanned to
 * its end, as a lenient mail reader would, and each breach is told as an anomaly. What it cannot
 * follow because a limit is reached is an anomaly too (MAIL_ANOMALY_DEPTH …), never silence. Where
 * readers differ, the scanner takes the side that shows more parts and more names.
 *
 * A line ends with LF, whether or not a CR stands before it. A CR alone ends no line; it and NUL
 * are smtp/body.h's to report.
 */
#ifndef MAIL_MAIL_H
#define MAIL_MAIL_H

#include "base/span.h"

enum {
    MAIL_FIELD_MAX = 16384,  /* octets of one header field that are kept, with its last CR; the
                              * rest is counted */
    MAIL_DEPTH_MAX = 32,     /* multiparts and messages within each other that are followed */
    MAIL_BOUNDARY_MAX = 200, /* octets of a boundary; RFC 2046 allows 70 */
    MAIL_NAME_MAX = 1024,    /* octets of a decoded attachment name */
    MAIL_NAMES_MAX = 8,      /* different names of one part */
    MAIL_TYPE_MAX = 255,     /* octets of a media type; RFC 6838 allows 127 on each side */
    MAIL_PARTS_MAX = 10000,  /* parts that are told of */
};

enum mail_event_kind {
    MAIL_EVENT_FIELD,      /* a header field is complete: name, value (unfolded, blanks trimmed) */
    MAIL_EVENT_HEADER_END, /* the message's own header has ended */
    MAIL_EVENT_PART,       /* a part's header has ended (the message itself is part 0): type … */
    MAIL_EVENT_NAME,       /* another name of the part just told, for other readers */
    MAIL_EVENT_ANOMALY,    /* something is not as the grammar wants it; told once of each kind */
    MAIL_EVENT_END,        /* the message has ended; told by mail_end() */
};

enum mail_anomaly {
    MAIL_ANOMALY_NONE,
    MAIL_ANOMALY_FIELD_SYNTAX,   /* a header line that is no field: the header ends before it */
    MAIL_ANOMALY_FIELD_OBSOLETE, /* blanks between a field's name and its colon (RFC 822) */
    MAIL_ANOMALY_FIELD_LONG,     /* a field above MAIL_FIELD_MAX: only its beginning was judged */
    MAIL_ANOMALY_FIELD_TWICE,    /* a second Content-Type, From … in a header; the first counts */
    MAIL_ANOMALY_NO_HEADER_END,  /* a header that no empty line ended (RFC 5322 allows a message
                                  * of a header alone) */
    MAIL_ANOMALY_BOUNDARY_MISSING, /* multipart without boundary parameter, or it never came */
    MAIL_ANOMALY_BOUNDARY_SYNTAX,  /* empty, too long or with characters that may not be */
    MAIL_ANOMALY_BOUNDARY_PREFIX,  /* an open boundary is the beginning of another, or of a line */
    MAIL_ANOMALY_BOUNDARY_OPEN,    /* its parent's boundary or the end closed a multipart */
    MAIL_ANOMALY_BOUNDARY_AGAIN,   /* parts behind the closing boundary; they are told of */
    MAIL_ANOMALY_DEPTH,            /* deeper than MAIL_DEPTH_MAX */
    MAIL_ANOMALY_PARTS,            /* more than MAIL_PARTS_MAX */
    MAIL_ANOMALY_PARAMETER,    /* a malformed type, malformed or doubled parameters (RFC 2231) */
    MAIL_ANOMALY_NAMES,        /* a part goes by different names; each is told of */
    MAIL_ANOMALY_ENCODING,     /* an unknown or, on a multipart, forbidden transfer encoding */
    MAIL_ANOMALY_ENCODED_WORD, /* a malformed encoded word in a name (RFC 2047) */
};
enum { MAIL_ANOMALIES = MAIL_ANOMALY_ENCODED_WORD + 1 };

enum mail_encoding {
    MAIL_ENCODING_7BIT, /* also where none is said */
    MAIL_ENCODING_8BIT,
    MAIL_ENCODING_BINARY,
    MAIL_ENCODING_QUOTED_PRINTABLE,
    MAIL_ENCODING_BASE64,
    MAIL_ENCODING_OTHER,
};
enum { MAIL_ENCODINGS = MAIL_ENCODING_OTHER + 1 };

/* Numbers of the message so far; a line counts when it has ended. */
struct mail_counts {
    uint64_t size;        /* octets after dot-unstuffing */
    uint64_t header_size; /* octets of the message's header with its empty line, once it ended */
    uint64_t header_line_max;  /* octets of its longest physical line without CRLF */
    uint64_t header_field_max; /* octets of its longest field, folded lines together without CRLF */
    uint64_t body_line_max;    /* octets of the longest line behind the header */
    uint32_t fields;           /* header fields of the message */
    uint32_t received;         /* Received fields among them */
    uint32_t to_addresses;     /* addresses in To and Cc, counted by their commas */
    uint32_t parts;            /* leaf parts */
    uint32_t attachments;      /* parts with a name or a Content-Disposition other than inline */
    uint32_t depth;            /* of the deepest part, 0 for a message that is no multipart */
    uint32_t anomalies;        /* bit per enum mail_anomaly */
    bool eight_bit;            /* an octet above 127 was seen */
};

struct mail_event {
    enum mail_event_kind kind;
    enum mail_anomaly anomaly;
    bool top; /* FIELD: of the message's own header, not of a part's */
    struct span
        name; /* FIELD: as written. PART: attachment name, decoded to UTF-8, or empty. NAME */
    struct span value;           /* FIELD: unfolded */
    struct span type;            /* PART: "text/plain", in small letters */
    enum mail_encoding encoding; /* PART */
    bool attachment;             /* PART: has a name or is declared an attachment */
    uint32_t depth;              /* PART: how many multiparts and messages it is within */
};

/* Opaque: mail_new() to mail_free(). Its memory is bounded by the limits above (about 34 KiB in the
 * worst case, 2 KiB ordinarily). */
struct mail;

/* `tell` is called within mail_scan() and mail_end(); spans are valid during the call. `chunked`:
 * BDAT, no dot-stuffing. NULL when memory is out. */
struct mail *mail_new(bool chunked, void (*tell)(void *context, const struct mail_event *event),
                      void *context) __attribute__((warn_unused_result));
void mail_free(struct mail **mail);

/* The next octets of the message (any segmentation gives the same events). Returns how many were
 * looked at: all of them unless `tell` has called mail_stop(), or memory is out, then and ever
 * after (mail_failed()). The end-of-data line is not part of it. */
size_t mail_scan(struct mail *mail, struct span bytes) __attribute__((warn_unused_result));
bool mail_failed(const struct mail *mail);

/* From within `tell`: look at nothing behind the octet that this was told for. */
void mail_stop(struct mail *mail);

/* The message has ended. False when memory is out. */
bool mail_end(struct mail *mail) __attribute__((warn_unused_result));

const struct mail_counts *mail_counts(const struct mail *mail);

/* Names, as rules and logs have them: "boundary-prefix", "quoted-printable". */
const char *mail_anomaly_name(enum mail_anomaly anomaly);
const char *mail_encoding_name(enum mail_encoding encoding);

#endif
