/*
 * The session as a whole: its birth, its phases, its time, the ends of its connections.
 */
#include "base/mem.h"
#include "gate/private.h"

#include <stdarg.h>
#include <stdio.h>

/* An idle session is this and nothing else; see bench/ for what it is in all. */
_Static_assert(sizeof(struct gate) <= 448, "a session stays small");

struct gate *gate_new(const struct policy *policy, const struct gate_facts *facts)
{
    struct gate *g = mem_zalloc(sizeof(*g));

    if (g != NULL) {
        g->policy = policy;
        g->facts = facts;
        g->phase = SMTP_PHASE_CONNECT;
        g->last = SMTP_VERB_GREETING;
        queue_begin(&g->queue);
        bool ok;
        g->judge = judge_new(policy, facts, &ok);
        if (!ok) {
            gate_free(&g);
        }
    }
    return g;
}

void gate_free(struct gate **gate)
{
    struct gate *g = *gate;

    if (g == NULL) {
        return;
    }
    queue_free(&g->queue);
    judge_free(&g->judge);
    mem_free(g->helo);
    mem_free(g->from);
    mem_free(g);
    *gate = NULL;
}

void gate_set_phase(struct gate *g, struct gate_out *out, enum smtp_phase phase)
{
    if (phase != g->phase) {
        struct gate_event event = {
            .kind = GATE_EVENT_PHASE, .was = (enum smtp_phase)g->phase, .phase = phase};
        g->phase = (uint8_t)phase;
        gate_tell(g, out, &event);
    }
}

void gate_end(struct gate *g, struct gate_out *out, unsigned how)
{
    if (g->phase == SMTP_PHASE_CLOSED) {
        return;
    }
    gate_set_phase(g, out, SMTP_PHASE_CLOSED);
    queue_free(&g->queue);
    g->connected = false;
    g->swallow = GATE_SWALLOW_NOTHING;
    out->requests |= GATE_CLOSE_SERVER | GATE_CLOSE_CLIENT | how;
}

void gate_fail(struct gate *g, struct gate_out *out, const char *format, ...)
{
    char text[GATE_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!g->client_gone && !g->dark) {
        out_text(out, GATE_CLIENT, "%s", text);
    }
    gate_end(g, out, GATE_LINGER);
}

void gate_out_of_memory(struct gate *g, struct gate_out *out)
{
    struct gate_event event = {.kind = GATE_EVENT_MEMORY, .verb = (enum smtp_verb)g->last};

    gate_tell(g, out, &event);
    gate_fail(g, out, "421 4.3.1 %.*s Insufficient system resources", SPAN_ARG(g->facts->hostname));
}

void gate_transaction_end(struct gate *g)
{
    mem_free(g->from);
    g->from = NULL;
    g->recipients = 0;
}

void gate_flush_replies(struct gate *g, struct gate_out *out)
{
    struct gate_pending *head;

    while ((head = queue_head(&g->queue)) != NULL && head->reply != NULL) {
        if (head->close && body_expected(g)) {
            return; /* the client is still sending what nobody wants */
        }
        bool close = head->close;
        size_t len = strlen(head->reply);
        unsigned char *copy = out_scratch(out, len);
        memcpy(copy, head->reply, len);
        out_bytes(out, GATE_CLIENT, span_of(copy, len));
        queue_pop(&g->queue);
        if (close) {
            gate_end(g, out, GATE_LINGER);
            return;
        }
    }
}

static bool is_between_transactions(const struct gate *g)
{
    return g->queue.len == 0 && !g->dark && !body_expected(g) &&
           (g->phase == SMTP_PHASE_GREETED || g->phase == SMTP_PHASE_READY ||
            g->phase == SMTP_PHASE_REFUSED);
}

void gate_settled(struct gate *g, struct gate_out *out)
{
    if (g->phase == SMTP_PHASE_CLOSED) {
        return;
    }
    if (g->client_gone && !queue_awaits_server(&g->queue)) {
        gate_end(g, out, 0);
    } else if (g->draining && is_between_transactions(g)) {
        gate_fail(g, out, "421 4.3.2 %.*s Service shutting down", SPAN_ARG(g->facts->hostname));
    }
}

void gate_go_dark(struct gate *g, struct gate_out *out, enum smtp_verb verb, const char *why)
{
    struct gate_event event = {.kind = GATE_EVENT_DARK, .verb = verb, .text = span_str(why)};

    g->dark = true;
    g->dark_client = false;
    gate_tell(g, out, &event);
}

/* What the rules say of the connection. */
static void admit(struct gate *g, struct gate_out *out)
{
    const struct policy_rule *rule = judge_connection(g, out);

    if (judge_waits(g)) {
        return;
    }
    if (rule == NULL) {
        out->requests |= GATE_CONNECT;
        return;
    }
    gate_sentence(g, out, rule);
}

void gate_sentence(struct gate *g, struct gate_out *out, const struct policy_rule *rule)
{
    enum policy_action action = rule->effect.action;
    bool silent = action == POLICY_ACTION_DROP || action == POLICY_ACTION_RESET;
    const char *text = silent ? "connection dropped" : judge_text(rule);
    struct gate_event event = {
        .kind = GATE_EVENT_REJECT, .verb = (enum smtp_verb)g->last, .reply = span_str(text)};

    gate_tell(g, out, &event);
    if (silent) {
        gate_end(g, out, action == POLICY_ACTION_RESET ? GATE_RESET : 0);
    } else {
        gate_reply(g, out, true, "%s", text);
    }
}

void gate_start(struct gate *g, struct gate_out *out, uint64_t now)
{
    g->since = g->now = now;
    admit(g, out);
}

void gate_connected(struct gate *g, struct gate_out *out, uint64_t now, bool ok)
{
    g->since = g->now = now;
    if (g->phase == SMTP_PHASE_CLOSED) {
        out->requests |= GATE_CLOSE_SERVER;
    } else if (ok) {
        g->connected = true;
    } else {
        struct gate_event event = {
            .kind = GATE_EVENT_LOST, .side = GATE_SERVER, .verb = SMTP_VERB_GREETING};
        gate_tell(g, out, &event);
        gate_fail(g, out, "421 4.4.1 %.*s Service not available, no mail server answers",
                  SPAN_ARG(g->facts->hostname));
    }
}

/* Octets of a dark session. TLS begins with the client: a server that speaks first behind its 220
 * is not speaking TLS, but having someone else's plaintext believed (RFC 3207 section 5). */
static size_t dark_step(struct gate *g, struct gate_out *out, enum gate_side side, struct span in)
{
    if (side == GATE_CLIENT) {
        g->dark_client = true;
    } else if (g->dark_tls && !g->dark_client) {
        struct gate_event event = {.kind = GATE_EVENT_PROTOCOL,
                                   .side = GATE_SERVER,
                                   .verb = SMTP_VERB_STARTTLS,
                                   .text = SPAN("octets behind the reply to STARTTLS")};
        gate_tell(g, out, &event);
        gate_end(g, out, 0);
        return in.len;
    }
    out_bytes(out, side == GATE_CLIENT ? GATE_SERVER : GATE_CLIENT, in);
    return in.len;
}

static size_t gate_step(struct gate *g, struct gate_out *out, enum gate_side side, struct span in)
{
    if (g->phase == SMTP_PHASE_CLOSED || (side == GATE_SERVER && !g->connected)) {
        return in.len;
    }
    if (g->dark) {
        return dark_step(g, out, side, in);
    }
    return side == GATE_CLIENT ? client_step(g, out, in) : server_step(g, out, in);
}

/* Whom the session waits for, and for how long (RFC 5321 section 4.5.3.2). */
static uint32_t patience(const struct gate *g, enum gate_side *side_r)
{
    const struct policy_timeouts *t = &g->policy->timeouts;
    const struct gate_pending *head = queue_first(&g->queue);

    *side_r = GATE_SERVER;
    if (g->phase == SMTP_PHASE_CONNECT) {
        return t->greeting;
    }
    if (body_expected(g)) {
        *side_r = GATE_CLIENT;
        return t->data_block;
    }
    if (head != NULL && head->reply == NULL) {
        bool message = head->as == SMTP_VERB_END_OF_DATA || head->as == SMTP_VERB_BDAT_LAST;
        return message ? t->data_end : t->reply;
    }
    *side_r = GATE_CLIENT;
    return t->command;
}

/* One step. The session has moved where the side that it waits for has, or where it now waits for
 * the other one: a client that goes on talking does not lengthen a silent server's time, nor its
 * own with a line that never ends. */
static size_t gate_move(struct gate *g, struct gate_out *out, uint64_t now, enum gate_side side,
                        struct span in)
{
    bool skipping = side == GATE_CLIENT && g->skip_line;
    enum gate_side waited, waits;

    patience(g, &waited);
    size_t took = gate_step(g, out, side, in);
    if (side == GATE_CLIENT) {
        judge_took(g, took);
    }
    patience(g, &waits);
    if (took > 0 && !skipping && (side == waited || waits != waited || g->dark)) {
        g->since = now;
    }
    return took;
}

size_t gate_input(struct gate *g, struct gate_out *out, uint64_t now, enum gate_side side,
                  struct span bytes)
{
    size_t used = 0;

    g->now = now;
    while (used < bytes.len && out_has_room(out)) {
        size_t took = gate_move(g, out, now, side, span_from(bytes, used));
        if (took == 0) {
            break;
        }
        used += took;
    }
    return used;
}

static void client_eof(struct gate *g, struct gate_out *out)
{
    if (!body_expected(g) && queue_awaits_server(&g->queue) && g->connected) {
        g->client_gone = true; /* half a close: the replies to what was asked are still owed */
        return;
    }
    struct gate_event event = {
        .kind = GATE_EVENT_LOST, .side = GATE_CLIENT, .verb = (enum smtp_verb)g->last};
    gate_tell(g, out, &event);
    gate_end(g, out, 0);
}

static void server_eof(struct gate *g, struct gate_out *out)
{
    const struct gate_pending *head = queue_head(&g->queue);

    if (!g->connected) {
        return;
    }
    g->connected = false;
    /* Nothing but the QUIT: before it, a 221 would be taken for the answer to a message. */
    if (head != NULL && head->as == SMTP_VERB_QUIT) {
        gate_fail(g, out, "221 2.0.0 %.*s Bye", SPAN_ARG(g->facts->hostname));
        return;
    }
    if (g->swallow == GATE_SWALLOW_LAST && !queue_awaits_server(&g->queue)) {
        return; /* what ends this session is already known */
    }
    struct gate_event event = {
        .kind = GATE_EVENT_LOST, .side = GATE_SERVER, .verb = (enum smtp_verb)g->last};
    gate_tell(g, out, &event);
    gate_fail(g, out, "421 4.4.2 %.*s Mail server closed the connection",
              SPAN_ARG(g->facts->hostname));
}

void gate_eof(struct gate *g, struct gate_out *out, uint64_t now, enum gate_side side)
{
    g->since = g->now = now;
    if (g->phase == SMTP_PHASE_CLOSED) {
        return;
    }
    if (g->dark) {
        gate_end(g, out, 0);
    } else if (side == GATE_CLIENT) {
        client_eof(g, out);
    } else {
        server_eof(g, out);
    }
}

uint64_t gate_deadline(const struct gate *g)
{
    uint64_t until = judge_until(g);
    enum gate_side side;

    if (g->phase == SMTP_PHASE_CLOSED) {
        return UINT64_MAX;
    }
    if (g->phase == SMTP_PHASE_CONNECT && !g->connected) {
        return until; /* the caller dials, by its own clock */
    }
    uint64_t deadline = g->since + patience(g, &side);
    return until < deadline ? until : deadline;
}

void gate_expire(struct gate *g, struct gate_out *out, uint64_t now)
{
    struct gate_event event = {.kind = GATE_EVENT_TIMEOUT, .verb = (enum smtp_verb)g->last};

    g->now = now;
    if (now < gate_deadline(g)) {
        return;
    }
    if (now >= judge_until(g)) { /* a rule has kept the client waiting for long enough */
        judge_wait_over(g);
        g->since = now;
        if (g->phase == SMTP_PHASE_CONNECT && !g->connected) {
            admit(g, out);
        }
        return;
    }
    patience(g, &event.side);
    gate_tell(g, out, &event);
    if (event.side == GATE_CLIENT) {
        gate_fail(g, out, "421 4.4.2 %.*s Error: timeout exceeded", SPAN_ARG(g->facts->hostname));
    } else {
        gate_fail(g, out, "421 4.4.2 %.*s Mail server does not answer",
                  SPAN_ARG(g->facts->hostname));
    }
}

void gate_drain(struct gate *g, struct gate_out *out, uint64_t now)
{
    g->draining = true;
    gate_settled(g, out);
    (void)now;
}

bool gate_wants(const struct gate *g, enum gate_side side)
{
    bool dropped = g->skip_line || g->swallow == GATE_SWALLOW_LAST; /* whoever's turn it is */

    if (side == GATE_SERVER || g->dark || body_expected(g) || dropped ||
        g->phase == SMTP_PHASE_CLOSED) {
        return true;
    }
    return !judge_waits(g) && client_turn(g) != GATE_TURN_WAIT;
}

bool gate_is_dark(const struct gate *g)
{
    return g->dark;
}

bool gate_in_body(const struct gate *g)
{
    return body_expected(g);
}
