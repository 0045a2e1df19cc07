/*
 * Parameters of Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2231).
 *
 *   parameter = attribute "=" value          value = token / quoted-string
 *   attribute = name ["*" number] ["*"]      comments and blanks between all of these
 *
 * Mailers write file names with blanks and brackets and no quotes: an unquoted value goes on to the
 * next ";". A backslash in quotes escapes a quote and itself only, since "C:\temp\x" is what people
 * write. Pieces are joined by their numbers even where one is missing, as most readers do.
 *
 * Everything here is linear in the field, which is bounded by MAIL_FIELD_MAX.
 */
#include "mail/private.h"

static bool is_token(unsigned char c)
{
    return c > ' ' && c < 127 && !mail_is_of(SPAN("()<>@,;:\\\"/[]?="), c);
}

static unsigned char next(const struct mail_cursor *at)
{
    return at->rest.len > 0 ? at->rest.ptr[0] : '\0';
}

/* The octets of the comment that `s` begins with, or 0 when it is never closed. */
static size_t comment(struct span s)
{
    size_t depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\') {
            i++;
        } else if (s.ptr[i] == '(') {
            depth++;
        } else if (s.ptr[i] == ')' && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

void mail_skip(struct mail_cursor *at)
{
    size_t len = 1;

    while (len > 0 && at->rest.len > 0) {
        unsigned char c = at->rest.ptr[0];
        len = ascii_is_blank(c) || c == '\r' ? 1 : 0;
        if (c == '(') {
            len = at->plain ? 0 : comment(at->rest);
            at->plain = at->plain || len == 0;
            at->bad = at->bad || len == 0;
            len = len > 0 ? len : 1;
        }
        at->rest = span_from(at->rest, len);
    }
}

struct span mail_token(struct mail_cursor *at)
{
    size_t len = 0;

    while (len < at->rest.len && is_token(at->rest.ptr[len])) {
        len++;
    }
    struct span token = span_head(at->rest, len);
    at->rest = span_from(at->rest, len);
    return token;
}

/* Behind the opening quote. */
static struct span quoted_value(struct mail_cursor *at)
{
    size_t len = 0;

    while (len < at->rest.len && at->rest.ptr[len] != '"') {
        len += at->rest.ptr[len] == '\\' && len + 1 < at->rest.len ? 2 : 1;
    }
    bool closed = len < at->rest.len;
    struct span value = span_head(at->rest, len);
    at->rest = span_from(at->rest, len + closed);
    at->bad = at->bad || !closed;
    return value;
}

/* Where the comment stands that ends an unquoted value, as in "boundary=x (of ours)"; the value's
 * length where none does. A bracket that is closed amid the value is part of it, as in
 * "page (1).txt"; the field has no comments then, since each of its brackets would have to be
 * followed to its end. */
static size_t ending_comment(struct mail_cursor *at, size_t len)
{
    const unsigned char *value = at->rest.ptr;

    for (size_t i = 1; i < len && !at->plain; i++) {
        if (value[i] == '(' && ascii_is_blank(value[i - 1])) {
            struct mail_cursor behind = {.rest = span_from(at->rest, i)};
            mail_skip(&behind);
            at->plain = behind.plain || (behind.rest.len > 0 && next(&behind) != ';');
            return at->plain ? len : i;
        }
    }
    return len;
}

static struct span unquoted_value(struct mail_cursor *at)
{
    size_t len = ending_comment(at, span_find(at->rest, ';'));
    struct span value = span_trim_right(span_head(at->rest, len));

    at->rest = span_from(at->rest, len);
    at->bad = at->bad || value.len == 0;
    for (size_t i = 0; i < value.len; i++) {
        at->bad = at->bad || !is_token(value.ptr[i]);
    }
    return value;
}

/* What stands behind the parameter's name: nothing, "*", "*2", "*2*". False where it is something
 * else. */
static bool read_number(struct span s, struct mail_segment *segment)
{
    uint64_t number = 0;

    segment->number = MAIL_SEGMENT_PLAIN;
    if (s.len == 0) {
        return true;
    }
    if (s.ptr[0] != '*') {
        return false;
    }
    s = span_from(s, 1);
    segment->number = MAIL_SEGMENT_SINGLE;
    segment->extended = s.len == 0 || s.ptr[s.len - 1] == '*';
    if (s.len == 0) {
        return true;
    }
    if (!span_number(span_head(s, s.len - segment->extended), &number) || number > INT16_MAX) {
        return false;
    }
    segment->number = (int16_t)number;
    return true;
}

/* Keep a segment behind those of lower and the same number. False when it cannot be, or is one too
 * many. */
static bool keep(struct mail_param *param, struct mail_segment segment)
{
    unsigned at = param->count;

    if (param->count == MAIL_SEGMENTS_MAX) {
        return false;
    }
    while (at > 0 && param->segments[at - 1].number > segment.number) {
        at--;
    }
    bool doubled = at > 0 && param->segments[at - 1].number == segment.number;
    if (doubled && segment.number >= 0) {
        return false;
    }
    memmove(param->segments + at + 1, param->segments + at,
            (param->count - at) * sizeof(param->segments[0]));
    param->segments[at] = segment;
    param->count++;
    return !doubled;
}

static void read_param(struct mail_cursor *at, struct mail_param *params, unsigned count)
{
    struct mail_segment segment = {0};
    size_t len = 0;

    while (len < at->rest.len && !mail_is_of(SPAN("=;\"( \t\r"), at->rest.ptr[len])) {
        len++;
    }
    struct span name = span_head(at->rest, len);
    at->rest = span_from(at->rest, len);
    mail_skip(at);
    if (name.len == 0 || next(at) != '=') {
        at->bad = true;
        /* What is neither a name nor what ends one would stop us here for ever. */
        bool stuck = name.len == 0 && at->rest.len > 0 && next(at) != ';';
        at->rest = span_from(at->rest, stuck);
        return;
    }
    at->rest = span_from(at->rest, 1);
    mail_skip(at);
    segment.quoted = next(at) == '"';
    if (segment.quoted) {
        at->rest = span_from(at->rest, 1);
        segment.value = quoted_value(at);
    } else {
        segment.value = unquoted_value(at);
    }
    for (unsigned i = 0; i < count; i++) {
        size_t head = params[i].name.len;
        if (span_begins_nocase(name, params[i].name) &&
            (name.len == head || name.ptr[head] == '*') &&
            (!read_number(span_from(name, head), &segment) || !keep(&params[i], segment))) {
            at->bad = true;
        }
    }
}

void mail_params(struct mail_cursor *at, struct mail_param *params, unsigned count)
{
    bool separated = false;

    mail_skip(at);
    while (at->rest.len > 0) {
        if (at->rest.ptr[0] == ';') {
            at->rest = span_from(at->rest, 1);
            separated = true;
        } else {
            at->bad = at->bad || !separated;
            separated = false;
            read_param(at, params, count);
        }
        mail_skip(at);
    }
}

unsigned mail_param_run(const struct mail_param *param, unsigned from)
{
    return param->segments[from].number < 0 ? 1 : param->count - from;
}

/* Cut "charset'language'" off the front of a value. */
static bool cut_charset(struct span *value, enum mail_charset *charset_r)
{
    size_t charset = span_find(*value, '\'');
    struct span rest = span_from(*value, charset + (charset < value->len));
    size_t language = span_find(rest, '\'');

    if (language == rest.len) {
        return false;
    }
    *charset_r = mail_charset(span_head(*value, charset));
    *value = span_from(rest, language + 1);
    return true;
}

static bool put_segment(const struct mail_segment *segment, struct span value,
                        enum mail_charset charset, struct line *out)
{
    bool good = true;

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = value.ptr[i];
        if (segment->quoted && c == '\\' && i + 1 < value.len &&
            (value.ptr[i + 1] == '"' || value.ptr[i + 1] == '\\')) {
            c = value.ptr[++i];
        } else if (segment->extended && c == '%') {
            int octet = mail_hex(span_from(value, i + 1));
            c = octet < 0 ? c : (unsigned char)octet;
            good = good && octet >= 0;
            i += octet < 0 ? 0 : 2;
        }
        mail_charset_put(out, charset, c);
    }
    return good;
}

bool mail_param_value(const struct mail_param *param, unsigned from, struct line *out,
                      bool *extended_r)
{
    const struct mail_segment *segments = param->segments + from;
    unsigned count = mail_param_run(param, from);
    enum mail_charset charset = MAIL_CHARSET_OTHER;
    bool good = true;

    *extended_r = false;
    for (unsigned i = 0; i < count; i++) {
        struct span value = segments[i].value;
        if (segments[i].extended && !*extended_r) {
            /* It stands in the first piece or nowhere. */
            good = i == 0 && cut_charset(&value, &charset) && good;
            *extended_r = true;
        }
        good = put_segment(&segments[i], value, charset, out) && good;
        good = good && (segments[i].number < 0 || segments[i].number == (int)i);
    }
    return good;
}
