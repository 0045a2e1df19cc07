/*
 * A caller of the gate without sockets.
 *
 * Each run of input is shown from a copy of its exact size that is freed after the call: a read
 * beyond its end, or output that still points into it later, is what AddressSanitizer finds.
 */
#include "drive.h"

#include <stdlib.h>

/* One serves all sessions, as one serves all of a worker's. */
static struct gate_out out;

static void fault(struct drive *d, unsigned line, const char *what)
{
    if (d->fault == NULL) {
        d->fault = what;
        d->fault_line = line;
    }
}

static const char *side_name(enum gate_side side)
{
    return side == GATE_CLIENT ? "client" : "server";
}

/* "VRFY", or the word that the client sent in place of a verb. */
static void write_verb(struct text *t, const struct gate_event *e)
{
    struct span name = smtp_verb_info(e->verb)->name;

    if (e->word.len > 0) {
        text_escape(t, e->word);
    } else if (name.len > 0) {
        text_add(t, name);
    } else {
        text_add(t, SPAN("(unknown)"));
    }
}

static void write_envelope(struct text *t, const struct gate_event *e)
{
    text_add(t, SPAN("; from=<"));
    text_escape(t, e->from);
    text_add(t, SPAN("> to=<"));
    text_escape(t, e->to);
    text_add(t, SPAN("> helo=<"));
    text_escape(t, e->helo);
    text_printf(t, "> %s", e->esmtp ? "ESMTP" : "SMTP");
}

static void write_kind(struct text *t, const struct gate_event *e)
{
    text_add(t, span_str(gate_event_name(e->kind)));
    text_add(t, SPAN(" "));
}

/* Kinds that say what one side did: "lost client after DATA". */
static void write_side(struct text *t, const struct gate_event *e, struct span text)
{
    write_kind(t, e);
    text_printf(t, "%s after ", side_name(e->side));
    write_verb(t, e);
    if (text.len > 0) {
        text_add(t, SPAN(": "));
        text_escape(t, text);
    }
}

static void write_verdict(struct text *t, const struct gate_event *e)
{
    text_printf(t, "framing %s %s in ", smtp_body_event_name(e->framing),
                policy_framing_words[e->verdict]);
    write_verb(t, e);
    text_printf(t, " at %llu", (unsigned long long)e->size);
}

static void write_reply(struct drive *d, struct text *t, const struct gate_event *e)
{
    write_kind(t, e);
    if (e->kind == GATE_EVENT_MESSAGE) {
        text_printf(t, "%llu octets %u recipients: ", (unsigned long long)e->size, e->recipients);
    } else {
        write_verb(t, e);
        text_printf(t, " by %s: ", e->by_server ? "server" : "policy");
    }
    text_escape(t, e->reply);
    if ((d->trace & DRIVE_TRACE_ENVELOPE) != 0) {
        write_envelope(t, e);
    }
}

static void write_named(struct text *t, const struct gate_event *e, const char *between)
{
    write_kind(t, e);
    write_verb(t, e);
    text_add(t, span_str(between));
    text_escape(t, e->text);
}

static void on_event(void *context, const struct gate_event *e)
{
    struct drive *d = context;
    struct text *t = &d->events;

    switch (e->kind) {
    case GATE_EVENT_PHASE:
        if ((d->trace & DRIVE_TRACE_PHASES) == 0) {
            return;
        }
        text_printf(t, "phase %s -> %s", smtp_phase_name(e->was), smtp_phase_name(e->phase));
        break;
    case GATE_EVENT_HIDE:
        if ((d->trace & DRIVE_TRACE_HIDES) == 0) {
            return;
        }
        write_kind(t, e);
        text_escape(t, e->text);
        break;
    case GATE_EVENT_REJECT:
    case GATE_EVENT_MESSAGE:
        write_reply(d, t, e);
        break;
    case GATE_EVENT_MASK:
        write_named(t, e, " as ");
        break;
    case GATE_EVENT_DARK:
    case GATE_EVENT_LIMIT:
        write_named(t, e, ": ");
        break;
    case GATE_EVENT_FRAMING:
        write_verdict(t, e);
        break;
    case GATE_EVENT_PROTOCOL:
        write_side(t, e, e->text);
        break;
    case GATE_EVENT_LOST:
    case GATE_EVENT_TIMEOUT:
        write_side(t, e, span_of(NULL, 0));
        break;
    case GATE_EVENT_PIPELINING: /* its text depends on how the client's bytes were cut */
        text_add(t, SPAN("pipelining after "));
        write_verb(t, e);
        break;
    case GATE_EVENT_RULE:
        text_add(t, SPAN("rule "));
        text_escape(t, e->word);
        text_add(t, e->dry ? SPAN(" would ") : SPAN(" does "));
        text_add(t, e->text);
        break;
    case GATE_EVENT_MEMORY:
        d->out_of_memory = true;
        text_add(t, SPAN("memory"));
        break;
    }
    text_add(t, SPAN("\n"));
}

/* Before a call. */
static void call_begin(struct drive *d)
{
    gate_out_begin(&out);
    out.event = on_event;
    out.context = d;
}

/* Where may a piece of output stand? In the call's input, in the scratch, or in static memory,
 * which is not told apart from the rest. */
static bool piece_is_sane(const struct gate_piece *piece, struct span in)
{
    uintptr_t from = (uintptr_t)piece->ptr, to = from + piece->len;
    uintptr_t begin = (uintptr_t)in.ptr, end = begin + in.len;
    uintptr_t scratch = (uintptr_t)out.scratch;

    if (piece->len == 0 || from > to) {
        return false;
    }
    if (from >= begin && from < end) {
        return to <= end;
    }
    if (from >= scratch && from < scratch + GATE_SCRATCH) {
        return to <= scratch + out.used;
    }
    return true;
}

static void take_output(struct drive *d, enum gate_side side, struct span in)
{
    if (out.pieces[side] > GATE_PIECES) {
        fault(d, __LINE__, "more pieces than there is room for");
        return;
    }
    for (unsigned i = 0; i < out.pieces[side]; i++) {
        const struct gate_piece *piece = &out.piece[side][i];
        if (!piece_is_sane(piece, in)) {
            fault(d, __LINE__, "a piece of output that is not there");
            return;
        }
        if (d->closed[side]) {
            fault(d, __LINE__, "output to a side that is closed");
        }
        text_add(&d->got[side], span_of(piece->ptr, piece->len));
    }
}

/* After a call: carry out what it asked for. True when the gate has moved. */
static bool call_end(struct drive *d, struct span in)
{
    bool moved = out.requests != 0 || out.pieces[0] > 0 || out.pieces[1] > 0;

    if (out.used > GATE_SCRATCH) {
        fault(d, __LINE__, "more scratch than there is");
        return false;
    }
    take_output(d, GATE_CLIENT, in);
    take_output(d, GATE_SERVER, in);
    d->requests |= out.requests;
    if ((out.requests & GATE_CLOSE_SERVER) != 0) {
        d->closed[GATE_SERVER] = true;
        text_free(&d->kept[GATE_SERVER]);
    }
    if ((out.requests & GATE_CLOSE_CLIENT) != 0) {
        d->closed[GATE_CLIENT] = true;
        text_free(&d->kept[GATE_CLIENT]);
    }
    return moved;
}

/* Show one side's bytes once. True when the gate has moved. */
static bool show(struct drive *d, enum gate_side side)
{
    struct text *kept = &d->kept[side];
    size_t len = kept->len;
    bool wanted = gate_wants(d->gate, side);
    unsigned char *copy = malloc(len);

    if (copy == NULL) {
        abort();
    }
    memcpy(copy, kept->ptr, len);
    call_begin(d);
    size_t used = gate_input(d->gate, &out, d->now, side, span_of(copy, len));
    if (used > len) {
        fault(d, __LINE__, "more consumed than was shown");
        used = len;
    }
    if (!wanted && used > 0) {
        fault(d, __LINE__, "bytes consumed that were not wanted");
    }
    text_drop(kept, used);
    bool moved = call_end(d, span_of(copy, len)) || used > 0;
    free(copy);
    return moved;
}

/* Show what is kept until nothing moves any more. */
static void pump(struct drive *d, enum gate_side first)
{
    const enum gate_side order[2] = {first, first == GATE_CLIENT ? GATE_SERVER : GATE_CLIENT};
    bool moved = true;

    while (moved && d->fault == NULL) {
        moved = false;
        for (unsigned i = 0; i < 2; i++) {
            while (d->kept[order[i]].len > 0 && d->fault == NULL && show(d, order[i])) {
                moved = true;
            }
        }
    }
}

static enum gate_side order_of(const struct drive *d, enum gate_side side)
{
    return d->other_first ? (side == GATE_CLIENT ? GATE_SERVER : GATE_CLIENT) : side;
}

bool drive_begin(struct drive *d, const struct policy *policy, const struct gate_facts *facts)
{
    *d = (struct drive){.gate = gate_new(policy, facts), .now = 1000};
    return d->gate != NULL;
}

void drive_end(struct drive *d)
{
    gate_free(&d->gate);
    for (unsigned side = 0; side < 2; side++) {
        text_free(&d->kept[side]);
        text_free(&d->got[side]);
    }
    text_free(&d->events);
}

void drive_start(struct drive *d)
{
    call_begin(d);
    gate_start(d->gate, &out, d->now);
    call_end(d, span_of(NULL, 0));
}

void drive_connected(struct drive *d, bool ok)
{
    call_begin(d);
    gate_connected(d->gate, &out, d->now, ok);
    call_end(d, span_of(NULL, 0));
    pump(d, order_of(d, GATE_SERVER));
}

void drive_input(struct drive *d, enum gate_side side, struct span bytes)
{
    if (!d->closed[side] && !d->eof[side]) {
        text_add(&d->kept[side], bytes);
        pump(d, order_of(d, side));
    }
}

void drive_trickle(struct drive *d, enum gate_side side, struct span bytes, size_t step)
{
    while (bytes.len > 0 && !d->closed[side] && !d->eof[side]) {
        size_t n = step < bytes.len ? step : bytes.len;
        text_add(&d->kept[side], span_head(bytes, n));
        bytes = span_from(bytes, n);
        while (d->kept[side].len > 0 && d->fault == NULL && show(d, side)) {
        }
    }
    pump(d, order_of(d, side));
}

void drive_eof(struct drive *d, enum gate_side side)
{
    if (!d->closed[side] && !d->eof[side]) {
        d->eof[side] = true;
        text_free(&d->kept[side]);
        call_begin(d);
        gate_eof(d->gate, &out, d->now, side);
        call_end(d, span_of(NULL, 0));
        pump(d, order_of(d, GATE_SERVER));
    }
}

void drive_wait(struct drive *d, uint64_t ms)
{
    d->now += ms;
    call_begin(d);
    gate_expire(d->gate, &out, d->now);
    call_end(d, span_of(NULL, 0));
    pump(d, order_of(d, GATE_SERVER));
}

void drive_drain(struct drive *d)
{
    call_begin(d);
    gate_drain(d->gate, &out, d->now);
    call_end(d, span_of(NULL, 0));
    pump(d, order_of(d, GATE_SERVER));
}
