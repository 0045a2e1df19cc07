/*
 * Bodies of any octets, cut anywhere. Beside what the sanitizers see: the same is found whole,
 * octet by octet and in pieces; what is clean, with what the events are about, is the body; what is
 * clean has none of it.
 *
 *   input = options step *octet        options: bit 0 a chunk, bits 1 to 3 the limit of a line
 */
#include "golden/text.h"
#include "smtp/body.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_body: %s\n", what);
        abort();
    }
}

static struct span event_bytes(const struct smtp_body_scan *scan)
{
    switch (scan->event) {
    case SMTP_BODY_BARE_CR:
        return SPAN("\r");
    case SMTP_BODY_BARE_LF:
        return SPAN("\n");
    case SMTP_BODY_NUL:
        return span_of("", 1);
    case SMTP_BODY_LONE_DOT:
        return SPAN("\r\n");
    case SMTP_BODY_MORE:
    case SMTP_BODY_END:
    case SMTP_BODY_LONG_LINE:
        break;
    }
    return span_of(NULL, 0);
}

/* Scan in pieces. `found` gets the events, `out` the body again. */
static void scan(const uint8_t *options, struct span in, size_t step, struct text *found,
                 struct text *out)
{
    static const uint32_t maxima[] = {0, 1, 63, 64, 65, 78, 100, 998};
    struct smtp_body body;
    size_t at = 0;
    bool end = false;

    smtp_body_begin(&body, (options[0] & 1) != 0, maxima[options[0] >> 1 & 7]);
    while (at < in.len && !end) {
        struct span piece = span_head(span_from(in, at), step < in.len - at ? step : in.len - at);
        while (piece.len > 0 && !end) {
            struct smtp_body_scan s = smtp_body_scan(&body, piece);
            require(s.used <= piece.len && s.clean <= s.used && !s.sent, "out of bounds");
            require(s.event != SMTP_BODY_MORE || s.used == piece.len, "it stopped for nothing");
            require(memchr(piece.ptr, '\0', s.clean) == NULL, "a NUL that is clean");
            text_add(out, s.carry ? SPAN("\r") : SPAN(""));
            text_add(out, span_head(piece, s.clean));
            text_add(out, event_bytes(&s));
            piece = span_from(piece, s.used);
            at += s.used;
            end = s.event == SMTP_BODY_END;
            if (s.event != SMTP_BODY_MORE) {
                text_printf(found, "%s %zu %d\n", smtp_body_event_name(s.event), at, s.end_dot);
            }
        }
    }
    bool held = smtp_body_chunk_end(&body, false).carry;
    require(out->len + held == at && span_equal(text_span(out), span_head(in, out->len)),
            "what is forwarded is not what came");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text found[3] = {{0}}, out[3] = {{0}};

    if (size < 3) {
        return 0;
    }
    struct span in = span_of(data + 2, size - 2);
    const size_t steps[3] = {in.len, 1, 1u + data[1]};
    for (unsigned i = 0; i < 3; i++) {
        scan(data, in, steps[i], &found[i], &out[i]);
        require(span_equal(text_span(&found[i]), text_span(&found[0])), "other events in pieces");
    }
    for (unsigned i = 0; i < 3; i++) {
        text_free(&found[i]);
        text_free(&out[i]);
    }
    return 0;
}
