/*
 * What the files of mail/ share: the scanner's state and who does what to it.
 *
 *   mail.c       lines: which octets are looked at, what of a line is kept
 *   pass.c       body lines that nobody looks at, 64 octets at a time
 *   header.c     fields and the ends of headers
 *   structure.c  parts, boundaries, nesting
 *   content.c    the three Content- fields that say what a part is
 *   param.c      their parameters (RFC 2231)
 *   word.c       character sets and encoded words (RFC 2047)
 */
#ifndef MAIL_PRIVATE_H
#define MAIL_PRIVATE_H

#include "base/line.h"
#include "mail/mail.h"

/* Octets of a body line that tell whether it is a boundary: "--", the boundary, "--". */
enum { MAIL_DELIMITER_MAX = MAIL_BOUNDARY_MAX + 4 };

/* The names of one part, and the boundaries that are open, at their most. */
enum {
    MAIL_NAMES_SIZE = MAIL_NAMES_MAX * MAIL_NAME_MAX,
    MAIL_BOUNDARIES_SIZE = MAIL_DEPTH_MAX * MAIL_BOUNDARY_MAX,
};

/* A text that grows up to a limit that each caller names. */
struct mail_text {
    unsigned char *ptr; /* owned */
    uint32_t len;
    uint32_t size;
};

/* Append of `s` what keeps the text within `max` octets; how many those were in `*kept_r`. False
 * when memory is out. */
bool mail_text_add(struct mail_text *text, struct span s, size_t max, size_t *kept_r)
    __attribute__((warn_unused_result));
void mail_text_free(struct mail_text *text);

static inline struct span mail_text_span(const struct mail_text *text)
{
    return span_of(text->ptr, text->len);
}

/* How far the current line has come. */
enum mail_line {
    MAIL_LINE_START,  /* nothing of it was seen */
    MAIL_LINE_DOT,    /* a dot that dot-stuffing put there */
    MAIL_LINE_GATHER, /* it is kept in `text` */
    MAIL_LINE_PASS,   /* nobody wants to know what it says */
};

/* A multipart, or a message within the message, that is open. */
struct mail_level {
    uint16_t boundary_at; /* in `boundaries` */
    uint8_t boundary_len;
    unsigned char boundary_first; /* its first octet, which settles most comparisons */
    bool message : 1;             /* no boundary: it ends with what it is within */
    bool digest : 1;              /* multipart/digest: its parts are messages */
    bool seen : 1;                /* its boundary has come */
    bool closed : 1;              /* its closing boundary has come */
};

enum mail_boundary {
    MAIL_BOUNDARY_NONE,
    MAIL_BOUNDARY_GIVEN,
    MAIL_BOUNDARY_UNUSABLE, /* above MAIL_BOUNDARY_MAX */
};

struct mail_name {
    uint16_t at; /* in `names` */
    uint16_t len;
    uint8_t rank; /* the lowest is what most readers show */
};

/* What the header under way has said of its part. */
struct mail_part {
    enum mail_encoding encoding;
    enum mail_boundary boundary_kind;
    bool attachment;
    uint8_t name_count;
    uint8_t type_len; /* 0: nothing usable was said */
    uint8_t boundary_len;
    uint32_t seen; /* bit per field that may be there once */
    struct mail_name names[MAIL_NAMES_MAX];
    unsigned char type[MAIL_TYPE_MAX];
    unsigned char boundary[MAIL_BOUNDARY_MAX];
};

/* Addresses are counted as they go by, since To may be longer than what is kept of a field. */
struct mail_addresses {
    uint32_t count;
    uint32_t commas;
    uint32_t comment; /* depth */
    bool quoted;
    bool escaped;
    bool angle;
    bool something; /* of an address, since the last comma */
};

struct mail {
    void (*tell)(void *context, const struct mail_event *event);
    void *context; /* borrowed */
    struct mail_counts counts;

    /* The current line. */
    uint64_t line_size; /* its octets so far, with its line end */
    uint64_t line_len;  /* its octets so far, with a CR at its end */
    uint32_t line_kept; /* how many of them are in `text` */
    enum mail_line line;
    bool chunked;
    bool failed;   /* memory is out */
    bool stopped;  /* a callback wants nothing more looked at */
    bool cr;       /* its last octet is a CR */
    bool over;     /* it did not fit into `text` */
    bool over_cr;  /* and what did not fit ends with a CR */
    bool trailing; /* and is more than blanks and the line end */

    /* The header under way. */
    bool in_header;
    bool top;              /* it is the message's */
    bool message;          /* or that of a message within */
    bool first;            /* no line of it has ended */
    bool field;            /* `text` is a field, which may go on with the next line */
    bool folded;           /* and does with the current line */
    bool field_long;       /* not all of it is in `text` */
    bool counting;         /* and what is not counts as addresses */
    uint32_t name_len;     /* of the field */
    uint32_t colon;        /* where it stands in `text` */
    uint64_t field_octets; /* of all its lines */
    struct mail_addresses addresses;
    struct mail_text text; /* the field, or a body line that may be a boundary */
    struct mail_text names;
    struct mail_part part;

    /* Where in the message it stands. */
    uint32_t part_count;
    uint8_t depth;
    uint8_t multiparts; /* levels with a boundary */
    struct mail_level levels[MAIL_DEPTH_MAX];
    struct mail_text boundaries;
};

_Static_assert(sizeof(struct mail) <= 1280, "what a message costs while it goes by");

static inline bool mail_is_of(struct span set, unsigned char c)
{
    return span_find(set, c) < set.len;
}

static inline void mail_bump(uint32_t *count)
{
    *count += *count < UINT32_MAX;
}

static inline void mail_raise(uint64_t *most, uint64_t value)
{
    *most = value > *most ? value : *most;
}

/* mail.c */
void mail_anomaly(struct mail *mail, enum mail_anomaly anomaly);

/* pass.c: what a body line is to the fast engine. */
struct mail_pass {
    uint64_t line; /* octets of the current line so far, with a CR at its end */
    uint64_t line_max;
    bool start; /* nothing of the line was seen */
    bool cr;
    bool dots;   /* a dot at a line's start matters */
    bool dashes; /* "--" at a line's start matters */
    bool eight_bit;
};

/* Pass over the lines at the front of `in` that are of no interest: none begins as one that
 * matters, none is longer than `line_max`. Returns the octets passed; what stands there is for the
 * exact engine, at the very least up to the next line end. */
size_t mail_pass(struct mail_pass *pass, struct span in);
bool mail_eight_bit(struct span s);

/* header.c */
void mail_header_begin(struct mail *mail, bool top, bool message);
void mail_header_line_begin(struct mail *mail, unsigned char first);
void mail_header_over(struct mail *mail, struct span over);
void mail_header_line_end(struct mail *mail);
void mail_header_cut(struct mail *mail); /* it ended without its empty line */

/* structure.c */
void mail_part_end(struct mail *mail); /* of its header */

/* The line in `text` is complete: where it is a boundary, what that ends and begins. False where it
 * is none. */
bool mail_delimiter(struct mail *mail);
void mail_structure_end(struct mail *mail);

/* content.c: a field's value; `again` where the header has had that field. */
void mail_content_type(struct mail *mail, struct span value, bool again);
void mail_content_disposition(struct mail *mail, struct span value);
void mail_content_encoding(struct mail *mail, struct span value, bool again);

/* param.c */

/* What is left of a field's value. */
struct mail_cursor {
    struct span rest;
    bool plain; /* brackets are no comments from here on: one was met that is none */
    bool bad;   /* something was malformed */
};

/* A parameter, or a piece of one: name, name*, name*2, name*2*. */
struct mail_segment {
    struct span value; /* in the field, without its quotes */
    int16_t number;    /* or MAIL_SEGMENT_… */
    bool quoted;
    bool extended;
};
enum {
    MAIL_SEGMENT_PLAIN = -2,  /* name=value */
    MAIL_SEGMENT_SINGLE = -1, /* name*=charset'language'value */
    MAIL_SEGMENTS_MAX = 64,
};

/* All that was said of one parameter, by the numbers of the pieces. */
struct mail_param {
    struct span name;
    unsigned count;
    struct mail_segment segments[MAIL_SEGMENTS_MAX];
};

/* Pass over blanks and comments. */
void mail_skip(struct mail_cursor *at);

/* The octets that come next and can be in a token. */
struct span mail_token(struct mail_cursor *at);

/* Read all parameters; what is said of those that `params` names is kept there. */
void mail_params(struct mail_cursor *at, struct mail_param *params, unsigned count);

/* How many segments from `from` on make one value: all that are numbered, or one. */
unsigned mail_param_run(const struct mail_param *param, unsigned from);

/* Append the value that those segments make, in UTF-8 where its character set is known.
 * `*extended_r`: a piece was in RFC 2231's coding. False when a piece is missing or malformed. */
bool mail_param_value(const struct mail_param *param, unsigned from, struct line *out,
                      bool *extended_r);

/* word.c */
enum mail_charset { MAIL_CHARSET_UTF8, MAIL_CHARSET_LATIN1, MAIL_CHARSET_OTHER };

enum mail_charset mail_charset(struct span name);

/* Append an octet of that character set as UTF-8; of an unknown set, as it is. */
void mail_charset_put(struct line *out, enum mail_charset charset, unsigned char octet);

/* The octet that two hexadecimal digits at the front of `s` make, or -1. */
int mail_hex(struct span s);

/* Append `in` with its encoded words decoded. False when one is malformed, which then stays. */
bool mail_words(struct line *out, struct span in);

#endif
