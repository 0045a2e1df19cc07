/*
 * The scanner's lines: where they begin and end, which are kept, and what is counted of every one.
 *
 * A header's lines are gathered until the field is complete. Of a body's lines only those are
 * gathered that begin with "-" while a boundary is open; the rest is passed over, by pass.c as far
 * as it goes and here where a line needs care. What a line means is decided when its LF has come
 * (header.c, structure.c), so that the cuts between two inputs cannot matter.
 *
 * Rejected: a tree of the message, or the decoded text of its parts. Both would need memory that
 * the sender decides about.
 */
#include "mail/private.h"

#include "base/mem.h"

bool mail_text_add(struct mail_text *text, struct span s, size_t max, size_t *kept_r)
{
    size_t room = max > text->len ? max - text->len : 0;
    size_t kept = s.len < room ? s.len : room;

    *kept_r = kept;
    if (kept == 0) {
        return true;
    }
    if (text->len + kept > text->size) {
        size_t size = text->size > 0 ? text->size : 256;
        while (size < text->len + kept) {
            size *= 2;
        }
        unsigned char *ptr = mem_realloc(text->ptr, size);
        if (ptr == NULL) {
            return false;
        }
        text->ptr = ptr;
        text->size = (uint32_t)size;
    }
    memcpy(text->ptr + text->len, s.ptr, kept);
    text->len += (uint32_t)kept;
    return true;
}

void mail_text_free(struct mail_text *text)
{
    mem_free(text->ptr);
    *text = (struct mail_text){0};
}

struct mail *mail_new(bool chunked, void (*tell)(void *context, const struct mail_event *event),
                      void *context)
{
    struct mail *mail = mem_zalloc(sizeof(*mail));

    if (mail != NULL) {
        mail->tell = tell;
        mail->context = context;
        mail->chunked = chunked;
        mail_header_begin(mail, true, true);
    }
    return mail;
}

void mail_free(struct mail **mail)
{
    if (*mail != NULL) {
        mail_text_free(&(*mail)->text);
        mail_text_free(&(*mail)->names);
        mail_text_free(&(*mail)->boundaries);
        mem_free(*mail);
        *mail = NULL;
    }
}

const struct mail_counts *mail_counts(const struct mail *mail)
{
    return &mail->counts;
}

void mail_anomaly(struct mail *mail, enum mail_anomaly anomaly)
{
    uint32_t bit = 1U << anomaly;

    if ((mail->counts.anomalies & bit) == 0) {
        mail->counts.anomalies |= bit;
        mail->tell(mail->context,
                   &(struct mail_event){.kind = MAIL_EVENT_ANOMALY, .anomaly = anomaly});
    }
}

/* The first octet of a line, behind the dot that dot-stuffing put there, decides what becomes of
 * it. Returns how many octets were used up: 1 for such a dot. */
static size_t line_begin(struct mail *mail, unsigned char first)
{
    if (first == '.' && mail->line == MAIL_LINE_START && !mail->chunked) {
        mail->line = MAIL_LINE_DOT;
        return 1;
    }
    if (mail->in_header) {
        mail_header_line_begin(mail, first);
        mail->line = MAIL_LINE_GATHER;
    } else if (first == '-' && mail->multiparts > 0) {
        mail->text.len = 0;
        mail->line = MAIL_LINE_GATHER;
    } else {
        mail->line = MAIL_LINE_PASS;
    }
    return 0;
}

/* What does not fit into the text: is it more than the blanks that may follow a boundary? */
static void line_over(struct mail *mail, struct span over)
{
    mail->over = true;
    for (size_t i = 0; i < over.len && !mail->trailing; i++) {
        unsigned char c = over.ptr[i];
        mail->trailing = mail->over_cr || !(ascii_is_blank(c) || c == '\r');
        mail->over_cr = c == '\r';
    }
    if (mail->in_header) {
        mail_header_over(mail, over);
    }
}

/* The next octets of the current line, without its LF. */
static void line_add(struct mail *mail, struct span piece)
{
    if (piece.len == 0) {
        return;
    }
    mail->counts.size += piece.len;
    mail->counts.eight_bit = mail->counts.eight_bit || mail_eight_bit(piece);
    mail->line_size += piece.len;
    mail->line_len += piece.len;
    mail->cr = piece.ptr[piece.len - 1] == '\r';
    if (mail->line == MAIL_LINE_GATHER) {
        size_t max = mail->in_header ? MAIL_FIELD_MAX : MAIL_DELIMITER_MAX;
        size_t kept = 0;
        mail->failed = !mail_text_add(&mail->text, piece, max, &kept);
        mail->line_kept += (uint32_t)kept;
        if (kept < piece.len && !mail->failed) {
            line_over(mail, span_from(piece, kept));
        }
    }
}

/* The line is complete. */
static void line_end(struct mail *mail)
{
    if (mail->cr) {
        mail->text.len -= mail->line == MAIL_LINE_GATHER && mail->line_kept == mail->line_len;
        mail->line_len--;
    }
    if (mail->in_header) {
        mail_header_line_end(mail);
    } else {
        mail_raise(&mail->counts.body_line_max, mail->line_len);
        if (mail->line == MAIL_LINE_GATHER) {
            (void)mail_delimiter(mail);
        }
    }
    mail->line = MAIL_LINE_START;
    mail->line_size = mail->line_len = mail->line_kept = 0;
    mail->cr = mail->over = mail->over_cr = mail->trailing = false;
}

/* The current line up to its end or that of the input. Returns the octets used. */
static size_t line_more(struct mail *mail, struct span in)
{
    size_t len = span_find(in, '\n');

    line_add(mail, span_head(in, len));
    if (len == in.len || mail->failed) {
        return len;
    }
    mail->counts.size++;
    mail->line_size++;
    line_end(mail);
    return len + 1;
}

/* The body lines that need no care. Returns the octets passed. */
static size_t pass(struct mail *mail, struct span in)
{
    struct mail_pass lines = {
        .line = mail->line_len,
        .line_max = mail->counts.body_line_max,
        .start = mail->line == MAIL_LINE_START,
        .cr = mail->cr,
        .dots = !mail->chunked,
        .dashes = mail->multiparts > 0,
    };
    size_t used = mail_pass(&lines, in);

    if (used > 0) {
        mail->counts.size += used;
        mail->counts.eight_bit |= lines.eight_bit;
        mail->line = lines.start ? MAIL_LINE_START : MAIL_LINE_PASS;
        mail->line_len = mail->line_size = lines.line;
        mail->cr = lines.cr;
    }
    return used;
}

void mail_stop(struct mail *mail)
{
    mail->stopped = true;
}

bool mail_failed(const struct mail *mail)
{
    return mail->failed;
}

size_t mail_scan(struct mail *mail, struct span bytes)
{
    size_t at = 0;

    while (at < bytes.len && !mail->failed && !mail->stopped) {
        bool begin = mail->line == MAIL_LINE_START || mail->line == MAIL_LINE_DOT;
        if (!mail->in_header && (mail->line == MAIL_LINE_START || mail->line == MAIL_LINE_PASS)) {
            at += pass(mail, span_from(bytes, at));
            begin = mail->line == MAIL_LINE_START;
        }
        if (at < bytes.len) {
            at += begin ? line_begin(mail, bytes.ptr[at]) : line_more(mail, span_from(bytes, at));
        }
    }
    return at;
}

bool mail_end(struct mail *mail)
{
    if (mail->line_size > 0 && !mail->failed) {
        line_end(mail);
    }
    if (mail->in_header && !mail->failed) {
        mail_header_cut(mail);
    }
    if (!mail->failed) {
        mail_structure_end(mail);
        mail->tell(mail->context, &(struct mail_event){.kind = MAIL_EVENT_END});
    }
    return !mail->failed;
}

const char *mail_anomaly_name(enum mail_anomaly anomaly)
{
    static const char *const names[] = {
        [MAIL_ANOMALY_NONE] = "none",
        [MAIL_ANOMALY_FIELD_SYNTAX] = "field-syntax",
        [MAIL_ANOMALY_FIELD_OBSOLETE] = "field-obsolete",
        [MAIL_ANOMALY_FIELD_LONG] = "field-long",
        [MAIL_ANOMALY_FIELD_TWICE] = "field-twice",
        [MAIL_ANOMALY_NO_HEADER_END] = "no-header-end",
        [MAIL_ANOMALY_BOUNDARY_MISSING] = "boundary-missing",
        [MAIL_ANOMALY_BOUNDARY_SYNTAX] = "boundary-syntax",
        [MAIL_ANOMALY_BOUNDARY_PREFIX] = "boundary-prefix",
        [MAIL_ANOMALY_BOUNDARY_OPEN] = "boundary-open",
        [MAIL_ANOMALY_BOUNDARY_AGAIN] = "boundary-again",
        [MAIL_ANOMALY_DEPTH] = "depth",
        [MAIL_ANOMALY_PARTS] = "parts",
        [MAIL_ANOMALY_PARAMETER] = "parameter",
        [MAIL_ANOMALY_NAMES] = "names",
        [MAIL_ANOMALY_ENCODING] = "encoding",
        [MAIL_ANOMALY_ENCODED_WORD] = "encoded-word",
    };
    _Static_assert(sizeof(names) / sizeof(names[0]) == MAIL_ANOMALIES, "a name for each");
    return names[anomaly];
}

const char *mail_encoding_name(enum mail_encoding encoding)
{
    static const char *const names[] = {
        [MAIL_ENCODING_7BIT] = "7bit",     [MAIL_ENCODING_8BIT] = "8bit",
        [MAIL_ENCODING_BINARY] = "binary", [MAIL_ENCODING_QUOTED_PRINTABLE] = "quoted-printable",
        [MAIL_ENCODING_BASE64] = "base64", [MAIL_ENCODING_OTHER] = "other",
    };
    _Static_assert(sizeof(names) / sizeof(names[0]) == MAIL_ENCODINGS, "a name for each");
    return names[encoding];
}
