/*
 * Lines of bounded length. printf was rejected: it costs several times what these do, stops at a
 * NUL in a foreign text, and knows nothing of escaping.
 */
#include "base/line.h"

#include "base/escape.h"

void line_put(struct line *line, struct span own)
{
    size_t room = line->size - line->len;

    if (own.len > room) {
        own.len = room;
        line->cut = true;
    }
    if (own.len > 0) {
        memcpy(line->ptr + line->len, own.ptr, own.len);
        line->len += own.len;
    }
}

void line_number(struct line *line, uint64_t number)
{
    unsigned char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (unsigned char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    line_put(line, span_of(digits + at, sizeof(digits) - at));
}

/* Whole units only, so that a cut never leaves half an escape behind. */
static void line_foreign(struct line *line, struct span foreign, size_t most,
                         struct span (*next)(struct span *rest, struct escape_unit *unit))
{
    bool more = foreign.len > most;
    struct escape_unit unit;

    if (more) {
        foreign.len = most;
    }
    while (foreign.len > 0 && !line->cut) {
        struct span out = next(&foreign, &unit);
        if (out.len > line->size - line->len && out.ptr == unit.bytes) {
            line->cut = true;
        } else {
            line_put(line, out);
        }
    }
    if (more) {
        line_put(line, SPAN("..."));
    }
}

void line_escape(struct line *line, struct span foreign, size_t most)
{
    line_foreign(line, foreign, most, escape_text_next);
}

void line_json(struct line *line, struct span foreign, size_t most)
{
    line_put(line, SPAN("\""));
    line_foreign(line, foreign, most, escape_json_next);
    line_put(line, SPAN("\""));
}
