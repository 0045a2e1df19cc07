/*
 * Foreign bytes made fit to print.
 *
 * A byte passes as it is when it is printable ASCII or belongs to a well-formed UTF-8 sequence (RFC
 * 3629) of a character that shows: not a C1 control (terminals obey them), not a line or paragraph
 * separator, not one of the characters that turn the direction of what follows or show nothing (a
 * log line must read as it is), not a non-character. A table of all unassigned characters was
 * rejected: they do no harm, and the table ages.
 */
#include "base/escape.h"

/* Characters above ASCII that are not let through. */
static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x80, 0x9F},       /* C1 controls */
    {0xAD, 0xAD},       /* soft hyphen */
    {0x61C, 0x61C},     /* Arabic letter mark */
    {0x200B, 0x200F},   /* zero width, direction marks */
    {0x2028, 0x202E},   /* separators, embeddings and overrides */
    {0x2060, 0x206F},   /* invisible operators, isolates */
    {0xFDD0, 0xFDEF},   /* non-characters */
    {0xFEFF, 0xFEFF},   /* byte order mark */
    {0xFFF0, 0xFFFB},   /* specials but the replacement characters */
    {0xFFFE, 0xFFFF},   /* non-characters */
    {0xE0000, 0xE0FFF}, /* tags and what else shows nothing */
};

static bool is_hidden(uint32_t c)
{
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        if (c >= hidden[i].first && c <= hidden[i].last) {
            return true;
        }
    }
    return c > 0xFFFF && (c & 0xFFFE) == 0xFFFE;
}

/* The well-formed UTF-8 sequence at the beginning of `s`: its length, or 0 where there is none. */
static size_t utf8_decode(struct span s, uint32_t *c_r)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = s.ptr[0];
    size_t len = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;

    if (len == 0 || len > s.len) {
        return 0;
    }
    uint32_t c = lead & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s.ptr[i] & 0xC0) != 0x80) {
            return 0;
        }
        c = c << 6 | (s.ptr[i] & 0x3Fu);
    }
    if (c < least[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
        return 0;
    }
    *c_r = c;
    return len;
}

static bool is_plain(unsigned char c)
{
    return c >= ' ' && c <= '~' && c != '\\';
}

/* Cut off the bytes at the front of `*rest` that pass as they are in both forms but for `stop`. */
static struct span take_run(struct span *rest, unsigned char stop)
{
    size_t len = 0;

    while (len < rest->len) {
        unsigned char c = rest->ptr[len];
        if (is_plain(c) && c != stop) {
            len++;
            continue;
        }
        uint32_t character;
        size_t sequence = c >= 0x80 ? utf8_decode(span_from(*rest, len), &character) : 0;
        if (sequence == 0 || is_hidden(character)) {
            break;
        }
        len += sequence;
    }
    struct span run = span_head(*rest, len);
    *rest = span_from(*rest, len);
    return run;
}

static size_t put_hex(unsigned char *out, size_t at, char kind, uint32_t value, unsigned digits)
{
    out[at++] = '\\';
    out[at++] = (unsigned char)kind;
    while (digits-- > 0) {
        out[at++] = (unsigned char)"0123456789ABCDEF"[value >> (4 * digits) & 15];
    }
    return at;
}

struct span escape_text_next(struct span *rest, struct escape_unit *unit)
{
    struct span run = take_run(rest, '\\');
    size_t len = 0;

    if (run.len > 0) {
        return run;
    }
    if (rest->ptr[0] == '\\') {
        *rest = span_from(*rest, 1);
        return SPAN("\\\\");
    }
    uint32_t character;
    size_t sequence = rest->ptr[0] >= 0x80 ? utf8_decode(*rest, &character) : 0;
    sequence = sequence > 0 ? sequence : 1;
    for (size_t i = 0; i < sequence; i++) {
        len = put_hex(unit->bytes, len, 'x', rest->ptr[i], 2);
    }
    *rest = span_from(*rest, sequence);
    return span_of(unit->bytes, len);
}

struct span escape_json_next(struct span *rest, struct escape_unit *unit)
{
    struct span run = take_run(rest, '"');
    uint32_t c = 0;
    size_t len;

    if (run.len > 0) {
        return run;
    }
    unsigned char byte = rest->ptr[0];
    size_t sequence = byte >= 0x80 ? utf8_decode(*rest, &c) : 0;
    *rest = span_from(*rest, sequence > 0 ? sequence : 1);
    if (byte == '\\') {
        return SPAN("\\\\");
    }
    if (byte == '"') {
        return SPAN("\\\"");
    }
    if (byte < 0x80) {
        len = put_hex(unit->bytes, 0, 'u', byte, 4);
    } else if (sequence == 0) {
        return SPAN("\xEF\xBF\xBD");
    } else if (c > 0xFFFF) {
        len = put_hex(unit->bytes, 0, 'u', 0xD7C0 + (c >> 10), 4);
        len = put_hex(unit->bytes, len, 'u', 0xDC00 | (c & 0x3FF), 4);
    } else {
        len = put_hex(unit->bytes, 0, 'u', c, 4);
    }
    return span_of(unit->bytes, len);
}

bool buf_escape(struct buf *b, struct span s)
{
    struct escape_unit unit;

    while (s.len > 0) {
        if (!buf_append(b, escape_text_next(&s, &unit))) {
            return false;
        }
    }
    return true;
}

bool buf_json(struct buf *b, struct span s)
{
    struct escape_unit unit;

    if (!buf_append(b, SPAN("\""))) {
        return false;
    }
    while (s.len > 0) {
        if (!buf_append(b, escape_json_next(&s, &unit))) {
            return false;
        }
    }
    return buf_append(b, SPAN("\""));
}
