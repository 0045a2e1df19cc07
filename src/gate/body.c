/*
 * Bodies: DATA up to its final dot, BDAT chunks by their size, and what becomes of both when they
 * are refused half-way.
 *
 * Until the final dot nothing has been acknowledged, so a message is refused safely at any octet by
 * closing the server's connection: the server drops what it has (RFC 5321 section 4.1.1.4 lets it
 * deliver only at the end of data). The rest of the client's body is read and dropped, so that the
 * reply comes where the client looks for it, and the session ends with that reply: its server side
 * is gone, and what follows a broken body is not to be trusted with another.
 */
#include "base/mem.h"
#include "gate/private.h"

#include <stdio.h>

/* Octets of the line that ends a body, which is no part of it. */
enum { END_OF_DATA = sizeof(".\r\n") - 1 };

bool body_expected(const struct gate *g)
{
    return g->in_data || g->chunk > 0;
}

void body_forget(struct gate *g)
{
    g->asked = 0;
    g->size = 0;
    g->framing_seen = 0;
    g->in_chunks = false;
    g->chunk_refused = false;
    g->binary = false;
    g->judged = g->judge_over = false;
}

void body_begin_data(struct gate *g)
{
    g->in_data = true;
    g->size = 0;
    g->framing_seen = 0;
    g->judged = g->judge_over = false;
    smtp_body_begin(&g->body, false, g->policy->limits.text_line);
}

void body_begin_chunk(struct gate *g, uint64_t size, bool last, bool refused)
{
    g->chunk = size;
    g->chunk_last = last;
    if (refused) {
        g->chunk_refused = true;
        g->swallow = size > 0 ? GATE_SWALLOW_CHUNK : GATE_SWALLOW_NOTHING;
        return;
    }
    g->swallow = GATE_SWALLOW_NOTHING;
    if (!g->in_chunks) {
        g->in_chunks = true;
        g->size = 0;
        g->framing_seen = 0;
        g->judged = g->judge_over = false;
        smtp_body_begin(&g->body, true, g->policy->limits.text_line);
    }
}

void body_abandon(struct gate *g, struct gate_out *out, struct span reply, bool by_server)
{
    struct gate_event event = {.kind = GATE_EVENT_REJECT,
                               .verb = SMTP_VERB_END_OF_DATA,
                               .by_server = by_server,
                               .reply = span_head(reply, span_find(reply, '\r'))};
    struct gate_pending own = {.reply = mem_string(reply),
                               .verb = SMTP_VERB_END_OF_DATA,
                               .as = SMTP_VERB_UNKNOWN,
                               .close = true};
    const struct gate_pending *chunk = queue_tail(&g->queue);
    bool chunked = !g->in_data;

    gate_tell(g, out, &event);
    g->swallow = GATE_SWALLOW_LAST;
    if (own.reply == NULL) {
        gate_out_of_memory(g, out);
        return;
    }
    if (chunked && chunk != NULL && chunk->reply == NULL) { /* in place of the server's */
        queue_tail_replace(&g->queue, &own);
    } else if (!queue_push(&g->queue, &own)) {
        gate_out_of_memory(g, out);
        return;
    }
    /* Replies to an earlier message may be on their way: the server is kept until they came. */
    if (!queue_awaits_server(&g->queue)) {
        g->connected = false;
        out->requests |= GATE_CLOSE_SERVER;
    }
}

/* What is said to a client whose body has `event` in it. */
static struct span framing_reply(enum smtp_body_event event)
{
    switch (event) {
    case SMTP_BODY_BARE_CR:
        return SPAN("550 5.5.2 Error: bare <CR> received in message\r\n");
    case SMTP_BODY_BARE_LF:
    case SMTP_BODY_LONE_DOT:
        return SPAN("550 5.5.2 Error: bare <LF> received in message\r\n");
    case SMTP_BODY_NUL:
        return SPAN("550 5.5.2 Error: NUL received in message\r\n");
    case SMTP_BODY_LONG_LINE:
        return SPAN("550 5.5.2 Error: line too long in message\r\n");
    case SMTP_BODY_MORE:
    case SMTP_BODY_END:
        break;
    }
    return SPAN("550 5.5.2 Error: malformed message\r\n");
}

/* The policy on an event; a lone dot is the work of the bare LF before it. */
static enum policy_framing framing_verdict(struct gate *g, struct gate_out *out,
                                           const struct smtp_body_scan *scan)
{
    enum smtp_body_event kind = scan->event == SMTP_BODY_LONE_DOT ? SMTP_BODY_BARE_LF : scan->event;
    struct gate_event event = {
        .kind = GATE_EVENT_FRAMING,
        .side = GATE_CLIENT,
        .verb = g->in_data ? SMTP_VERB_DATA : SMTP_VERB_BDAT,
        .framing = scan->event,
        .verdict = (enum policy_framing)g->policy->framing[kind],
        .size = g->size,
    };

    /* A chunk has the size that was announced: what would change it can only be refused. */
    if (event.verdict == POLICY_FRAMING_FIX && !g->in_data && kind == SMTP_BODY_BARE_LF) {
        event.verdict = POLICY_FRAMING_REFUSE;
    }
    if (event.verdict != POLICY_FRAMING_PASS && (g->framing_seen & (1u << scan->event)) == 0) {
        g->framing_seen |= (uint8_t)(1u << scan->event);
        gate_tell(g, out, &event);
    }
    return event.verdict;
}

/* What goes to the server in an event's place. */
static struct span framing_bytes(const struct smtp_body_scan *scan, bool fix)
{
    switch (scan->event) {
    case SMTP_BODY_BARE_CR:
        return scan->sent ? span_of(NULL, 0) : fix ? SPAN(" ") : SPAN("\r");
    case SMTP_BODY_NUL:
        return fix ? SPAN(" ") : span_of("", 1);
    case SMTP_BODY_BARE_LF:
        /* A line that is "." alone would become an end of data: its dot is doubled. */
        return fix ? (scan->end_dot ? SPAN(".\r\n") : SPAN("\r\n")) : SPAN("\n");
    case SMTP_BODY_LONE_DOT:
        return fix ? SPAN(".\r\n") : SPAN("\r\n");
    case SMTP_BODY_LONG_LINE:
    case SMTP_BODY_MORE:
    case SMTP_BODY_END:
        break;
    }
    return span_of(NULL, 0);
}

/* As much of `in` as the policy's limit leaves room for; nothing where the message is too large and
 * was given up. It is cut at the limit and not judged as it comes, or what the server gets would
 * depend on the segmentation. */
static struct span within_limit(struct gate *g, struct gate_out *out, struct span in)
{
    struct gate_event event = {.kind = GATE_EVENT_LIMIT,
                               .side = GATE_CLIENT,
                               .verb = g->in_data ? SMTP_VERB_DATA : SMTP_VERB_BDAT,
                               .text = SPAN("message-size")};
    uint64_t max = g->policy->limits.message_size + (g->in_data ? END_OF_DATA : 0);

    if (g->policy->limits.message_size == 0 || in.len <= max - g->size) {
        return in;
    }
    if (g->size < max) {
        return span_head(in, (size_t)(max - g->size));
    }
    gate_tell(g, out, &event);
    body_abandon(g, out, SPAN("552 5.3.4 Message size exceeds limit\r\n"), false);
    return span_head(in, 0);
}

/* Begin to show the message to the rules, if they want to see it. False when memory is out. */
static bool judge_begin(struct gate *g, struct gate_out *out)
{
    if (g->judged || g->judge_over || !judge_message_wanted(g)) {
        return true;
    }
    g->judged = true;
    if (!judge_message_begin(g, !g->in_data)) {
        gate_out_of_memory(g, out);
        return false;
    }
    return true;
}

/* A rule has spoken against the message. */
static void convict(struct gate *g, struct gate_out *out, const struct policy_rule *rule)
{
    char reply[GATE_TEXT_MAX];
    enum policy_action action = rule->effect.action;

    g->judged = false;
    g->judge_over = true;
    if (action == POLICY_ACTION_DROP || action == POLICY_ACTION_RESET) {
        gate_sentence(g, out, rule);
        return;
    }
    int len = snprintf(reply, sizeof(reply), "%.*s\r\n", GATE_TEXT_MAX - 3, judge_text(rule));
    body_abandon(g, out, span_of(reply, (size_t)len), false);
}

/* Show the rules what is about to be forwarded, and forward it as far as they let it pass. False
 * when the message is given up. */
static bool forward_judged(struct gate *g, struct gate_out *out, struct span bytes)
{
    const struct policy_rule *rule = NULL;
    size_t passed = bytes.len;

    if (g->judged && bytes.len > 0) {
        passed = judge_message_feed(g, out, bytes, &rule);
    }
    if (passed == SIZE_MAX) {
        gate_out_of_memory(g, out);
        return false;
    }
    out_bytes(out, GATE_SERVER, span_head(bytes, passed));
    if (rule != NULL) {
        convict(g, out, rule);
    }
    return rule == NULL;
}

/* The message is complete: what do the rules say of it? */
static const struct policy_rule *judge_end(struct gate *g, struct gate_out *out)
{
    const struct policy_rule *rule = NULL;

    if (!g->judged) {
        return NULL;
    }
    g->judged = false;
    g->judge_over = true;
    if (!judge_message_end(g, out, &rule)) {
        gate_out_of_memory(g, out);
    }
    return rule;
}

/* The message is complete but for its last octets, which the server has not got. True when nothing
 * speaks against it. */
static bool end_judged(struct gate *g, struct gate_out *out)
{
    const struct policy_rule *rule = judge_end(g, out);

    if (rule != NULL) {
        convict(g, out, rule);
    }
    return rule == NULL && g->phase != SMTP_PHASE_CLOSED;
}

const struct policy_rule *body_end_judged(struct gate *g, struct gate_out *out)
{
    return judge_begin(g, out) ? judge_end(g, out) : NULL;
}

/* Forward the end of a DATA body: the line end of its final dot only once the rules have spoken.
 * The dot, and its CR, may have come with an earlier input: the dot went on, the CR was kept back.
 */
static void forward_end(struct gate *g, struct gate_out *out, struct span in,
                        const struct smtp_body_scan *scan)
{
    size_t line_end = scan->clean >= 2 ? 2 : 1;
    size_t dot = scan->clean > line_end ? 1 : 0;
    struct span content = span_head(in, scan->clean - line_end - dot);

    if ((scan->carry && line_end == 2 && !forward_judged(g, out, SPAN("\r"))) ||
        !forward_judged(g, out, content)) {
        return;
    }
    out_bytes(out, GATE_SERVER, span_of(in.ptr + content.len, dot));
    if (end_judged(g, out)) {
        out_bytes(out, GATE_SERVER, SPAN("\r\n"));
    }
}

/* Forward what a scan of `in` found. */
static void forward_scan(struct gate *g, struct gate_out *out, struct span in,
                         const struct smtp_body_scan *scan)
{
    g->size += scan->used;
    if (scan->event == SMTP_BODY_END && g->judged) {
        forward_end(g, out, in, scan);
        return;
    }
    if ((scan->carry && !forward_judged(g, out, SPAN("\r"))) ||
        !forward_judged(g, out, span_head(in, scan->clean)) || scan->event == SMTP_BODY_MORE ||
        scan->event == SMTP_BODY_END) {
        return;
    }
    enum policy_framing verdict = framing_verdict(g, out, scan);
    judge_message_framing(g, scan->event);
    if (verdict == POLICY_FRAMING_REFUSE) {
        body_abandon(g, out, framing_reply(scan->event), false);
        return;
    }
    forward_judged(g, out, framing_bytes(scan, verdict == POLICY_FRAMING_FIX));
}

/* One scan of a body that is forwarded. Returns what it took; *event_r is what it stopped for. */
static size_t scan_and_forward(struct gate *g, struct gate_out *out, struct span in,
                               enum smtp_body_event *event_r)
{
    in = within_limit(g, out, in);
    struct smtp_body_scan scan = smtp_body_scan(&g->body, in);

    *event_r = scan.event;
    forward_scan(g, out, in, &scan);
    return scan.used;
}

/* One scan of a body that is dropped. What sloppy eyes take for an end is one here, since nothing
 * that follows it will be looked at. */
static size_t scan_and_drop(struct gate *g, struct span in, enum smtp_body_event *event_r)
{
    struct smtp_body_scan scan = smtp_body_scan(&g->body, in);

    *event_r = scan.event;
    if (scan.event == SMTP_BODY_LONE_DOT || (scan.event == SMTP_BODY_BARE_LF && scan.end_dot)) {
        *event_r = SMTP_BODY_END;
    }
    return scan.used;
}

/* The swallowed rest of a refused body has ended. The session's last reply may have to wait for
 * those to earlier commands. */
static void swallowed(struct gate *g, struct gate_out *out)
{
    if (g->swallow == GATE_SWALLOW_CHUNK) {
        g->swallow = GATE_SWALLOW_NOTHING;
    }
    gate_flush_replies(g, out);
    gate_settled(g, out);
}

size_t body_data_step(struct gate *g, struct gate_out *out, struct span in)
{
    enum smtp_body_event event = SMTP_BODY_MORE;
    size_t used = 0;

    if (g->swallow == GATE_SWALLOW_NOTHING && !judge_begin(g, out)) {
        return in.len;
    }
    while (used < in.len && event != SMTP_BODY_END && out_has_room(out) &&
           g->phase != SMTP_PHASE_CLOSED) {
        struct span rest = span_from(in, used);
        used += g->swallow == GATE_SWALLOW_NOTHING ? scan_and_forward(g, out, rest, &event)
                                                   : scan_and_drop(g, rest, &event);
    }
    if (event != SMTP_BODY_END || g->phase == SMTP_PHASE_CLOSED) {
        return used;
    }
    g->in_data = false;
    g->last = SMTP_VERB_END_OF_DATA;
    if (g->swallow != GATE_SWALLOW_NOTHING) {
        swallowed(g, out);
        return used;
    }
    struct gate_pending pending = {
        .verb = SMTP_VERB_DATA, .as = SMTP_VERB_END_OF_DATA, .size = g->size - END_OF_DATA};
    if (!queue_push(&g->queue, &pending)) {
        gate_out_of_memory(g, out);
    }
    return used;
}

bool body_end_refused(struct gate *g, struct gate_out *out)
{
    if (!g->in_chunks || g->binary) {
        return false;
    }
    struct smtp_body_scan scan = smtp_body_chunk_end(&g->body, true);
    return scan.event == SMTP_BODY_BARE_CR &&
           framing_verdict(g, out, &scan) == POLICY_FRAMING_REFUSE;
}

void body_end_chunk(struct gate *g, struct gate_out *out)
{
    if (g->swallow == GATE_SWALLOW_NOTHING && !g->binary) {
        struct smtp_body_scan scan = smtp_body_chunk_end(&g->body, g->chunk_last);
        forward_scan(g, out, span_of(NULL, 0), &scan);
    }
    if (g->swallow != GATE_SWALLOW_NOTHING) {
        swallowed(g, out);
        return;
    }
    struct gate_pending *own = queue_tail_edit(&g->queue);
    if (own != NULL) { /* else the server has answered before it had all of the chunk */
        own->size = g->size;
    }
}

/* The last octet of the last chunk completes the message: the rules speak before it is forwarded.
 */
static void judge_last_octet(struct gate *g, struct gate_out *out, struct span octet)
{
    const struct policy_rule *rule = NULL;

    if (g->judged && judge_message_feed(g, out, octet, &rule) == SIZE_MAX) {
        gate_out_of_memory(g, out);
    } else if (rule != NULL) {
        convict(g, out, rule);
    } else {
        end_judged(g, out);
    }
}

size_t body_chunk_step(struct gate *g, struct gate_out *out, struct span in)
{
    struct span chunk = span_head(in, in.len < g->chunk ? in.len : (size_t)g->chunk);
    enum smtp_body_event event;
    size_t used = 0;

    if (g->swallow == GATE_SWALLOW_NOTHING && !judge_begin(g, out)) {
        return in.len;
    }
    while (used < chunk.len && out_has_room(out) && g->phase != SMTP_PHASE_CLOSED) {
        struct span rest = span_from(chunk, used);
        if (g->judged && g->chunk_last && chunk.len == g->chunk) {
            if (rest.len == 1) {
                judge_last_octet(g, out, rest);
                continue;
            }
            rest = span_head(rest, rest.len - 1);
        }
        if (g->swallow != GATE_SWALLOW_NOTHING) {
            used = chunk.len;
        } else if (g->binary) {
            rest = within_limit(g, out, rest);
            g->size += rest.len;
            used += rest.len;
            forward_judged(g, out, rest);
        } else {
            used += scan_and_forward(g, out, rest, &event);
        }
    }
    g->chunk -= used;
    if (g->chunk == 0 && g->phase != SMTP_PHASE_CLOSED) {
        body_end_chunk(g, out);
    }
    return used;
}
