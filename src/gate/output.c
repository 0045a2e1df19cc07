/*
 * What comes out of the engine: runs of bytes for either side, our own replies, and events.
 */
#include "base/mem.h"
#include "gate/private.h"

#include <stdarg.h>
#include <stdio.h>

/* What one step may put out: a few pieces a side, and half of the scratch. */
enum { STEP_PIECES = 8, STEP_SCRATCH = GATE_SCRATCH / 2 };

/* A reply that is made regular, and behind it all of our own that waited for it. */
_Static_assert(GATE_REPLY_MAX + 10000 + (GATE_REPLIES_MAX + 2) * GATE_TEXT_MAX <= STEP_SCRATCH,
               "a step fits its scratch");

void gate_out_begin(struct gate_out *out)
{
    out->requests = 0;
    out->pieces[GATE_CLIENT] = 0;
    out->pieces[GATE_SERVER] = 0;
    out->used = 0;
}

bool out_has_room(const struct gate_out *out)
{
    return out->pieces[GATE_CLIENT] + STEP_PIECES <= GATE_PIECES &&
           out->pieces[GATE_SERVER] + STEP_PIECES <= GATE_PIECES &&
           out->used + STEP_SCRATCH <= GATE_SCRATCH;
}

void out_bytes(struct gate_out *out, enum gate_side side, struct span bytes)
{
    unsigned n = out->pieces[side];

    if (bytes.len == 0) {
        return;
    }
    if (n > 0) {
        struct gate_piece *last = &out->piece[side][n - 1];
        if ((const unsigned char *)last->ptr + last->len == bytes.ptr) {
            last->len += bytes.len;
            return;
        }
    }
    out->piece[side][n] = (struct gate_piece){bytes.ptr, bytes.len};
    out->pieces[side] = n + 1;
}

unsigned char *out_scratch(struct gate_out *out, size_t size)
{
    unsigned char *ptr = out->scratch + out->used;
    out->used += size;
    return ptr;
}

static struct span format_line(struct gate_out *out, const char *format, va_list args)
{
    char *text = (char *)out->scratch + out->used;
    int len = vsnprintf(text, GATE_TEXT_MAX - 2, format, args);
    size_t taken = len < 0 ? 0 : len < GATE_TEXT_MAX - 2 ? (size_t)len : GATE_TEXT_MAX - 3;

    memcpy(text + taken, "\r\n", 2);
    out->used += taken + 2;
    return span_of(text, taken + 2);
}

void out_text(struct gate_out *out, enum gate_side side, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    out_bytes(out, side, format_line(out, format, args));
    va_end(args);
}

unsigned char *out_scratch_line(struct gate_out *out, struct span code, bool last, struct span text,
                                size_t max)
{
    enum { FRAME = 6 }; /* code, separator, CRLF */
    size_t len = text.len + FRAME <= max ? text.len : max - FRAME;
    unsigned char *line = out_scratch(out, len + FRAME);

    memcpy(line, code.ptr, 3);
    line[3] = last ? ' ' : '-';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = text.ptr[i];
        line[4 + i] = (c < ' ' && c != '\t') || c == 0x7f ? '?' : c;
    }
    memcpy(line + 4 + len, "\r\n", 2);
    return line;
}

unsigned char *out_reply_line(struct gate_out *out, struct span code, bool last, struct span text,
                              size_t max)
{
    unsigned char *line = out_scratch_line(out, code, last, text, max);

    out_bytes(out, GATE_CLIENT, span_of(line, (size_t)(out->scratch + out->used - line)));
    return line;
}

void gate_tell(struct gate *g, struct gate_out *out, struct gate_event *event)
{
    if (out->event == NULL) {
        return;
    }
    event->helo = g->helo != NULL ? span_str(g->helo) : span_of(NULL, 0);
    event->from = g->from != NULL ? span_str(g->from) : event->from;
    event->esmtp = g->esmtp;
    out->event(out->context, event);
}

void gate_reply(struct gate *g, struct gate_out *out, bool close, const char *format, ...)
{
    va_list args;

    if (g->phase == SMTP_PHASE_CLOSED) {
        return; /* the last word has been said */
    }
    va_start(args, format);
    struct span line = format_line(out, format, args);
    va_end(args);
    if (g->queue.len == 0) {
        out_bytes(out, GATE_CLIENT, line);
        if (close) {
            gate_end(g, out, GATE_LINGER);
        }
        return;
    }
    struct gate_pending own = {.reply = mem_string(line), .as = SMTP_VERB_UNKNOWN, .close = close};
    if (own.reply == NULL || !queue_push(&g->queue, &own)) {
        gate_out_of_memory(g, out);
    }
}
