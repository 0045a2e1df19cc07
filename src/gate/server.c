/*
 * The server's replies: each is read whole, matched to the command that it answers, shown to the
 * client in the form that the policy wants, and only then moves the session on.
 */
#include "base/mem.h"
#include "gate/private.h"

static void protocol_error(struct gate *g, struct gate_out *out, const char *what)
{
    struct gate_event event = {.kind = GATE_EVENT_PROTOCOL,
                               .side = GATE_SERVER,
                               .verb = (enum smtp_verb)g->last,
                               .text = span_str(what)};

    gate_tell(g, out, &event);
    gate_fail(g, out, "421 4.3.0 %.*s Mail server broke the protocol",
              SPAN_ARG(g->facts->hostname));
}

static struct span first_line(struct span bytes)
{
    struct span line = span_head(bytes, span_find(bytes, '\n'));
    return line.len > 0 && line.ptr[line.len - 1] == '\r' ? span_head(line, line.len - 1) : line;
}

/* The reply as the client may see it: as it is, or made regular in the scratch. */
static struct span regular(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                           struct span bytes)
{
    size_t max = g->policy->limits.reply_line;
    unsigned char *begin = out->scratch + out->used;
    struct smtp_reply_line line;
    enum smtp_reply_error error;

    if (g->policy->verbatim || (!reply->bare_lf && !reply->dirty && reply->longest <= max)) {
        return bytes;
    }
    struct gate_event event = {.kind = GATE_EVENT_PROTOCOL,
                               .side = GATE_SERVER,
                               .verb = (enum smtp_verb)g->last,
                               .text = reply->bare_lf ? SPAN("bare LF in reply, mended")
                                       : reply->dirty ? SPAN("control character in reply, mended")
                                                      : SPAN("reply line too long, cut")};
    gate_tell(g, out, &event);
    while (bytes.len > 0 && smtp_reply_line_parse(bytes, GATE_REPLY_LINE_READ, &line, &error) > 0) {
        out_scratch_line(out, bytes, line.last, line.text, max);
        bytes = span_from(bytes, line.size);
    }
    return span_of(begin, (size_t)(out->scratch + out->used - begin));
}

void reply_relay(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                 struct span bytes)
{
    out_bytes(out, GATE_CLIENT, regular(g, out, reply, bytes));
}

/* May the server answer `as` with 3yz? */
static bool wants_more(enum smtp_verb as)
{
    return as == SMTP_VERB_DATA || as == SMTP_VERB_AUTH || as == SMTP_VERB_AUTH_RESPONSE ||
           as == SMTP_VERB_X_EXPS;
}

static void tell_message(struct gate *g, struct gate_out *out, const struct gate_pending *p,
                         struct span bytes)
{
    struct gate_event event = {.kind = GATE_EVENT_MESSAGE,
                               .verb = (enum smtp_verb)p->verb,
                               .by_server = true,
                               .size = p->size,
                               .recipients = g->recipients,
                               .reply = first_line(bytes)};
    gate_tell(g, out, &event);
}

static void tell_reject(struct gate *g, struct gate_out *out, const struct gate_pending *p,
                        struct span bytes)
{
    struct gate_event event = {.kind = GATE_EVENT_REJECT,
                               .verb = (enum smtp_verb)p->verb,
                               .by_server = true,
                               .reply = first_line(bytes)};
    if (p->arg != NULL && p->verb == SMTP_VERB_RCPT) {
        event.to = span_str(p->arg);
    } else if (p->arg != NULL &&
               (smtp_verb_info((enum smtp_verb)p->as)->flags & SMTP_VERB_TRANSACTION) != 0) {
        event.from = span_str(p->arg);
    }
    gate_tell(g, out, &event);
}

/* Move a string that the command named into the session. */
static void keep(char **where, struct gate_pending *p)
{
    mem_free(*where);
    *where = p->arg;
    p->arg = NULL;
}

/* HELO or EHLO was accepted: a new beginning (RFC 5321 section 4.1.4). */
static void hello_accepted(struct gate *g, struct gate_pending *p)
{
    gate_transaction_end(g);
    keep(&g->helo, p);
    g->esmtp = p->as == SMTP_VERB_EHLO;
    if (!g->esmtp) {
        g->announced = 0;
        g->offered = 0;
    }
}

/* What a positive or intermediate reply brings about. */
static void accepted(struct gate *g, struct gate_out *out, struct gate_pending *p, unsigned class)
{
    enum smtp_verb as = (enum smtp_verb)p->as;
    unsigned flags = smtp_verb_info(as)->flags;

    if ((flags & SMTP_VERB_HELLO) != 0) {
        hello_accepted(g, p);
    } else if ((flags & SMTP_VERB_TRANSACTION) != 0) {
        keep(&g->from, p);
        g->recipients = 0;
    } else if (as == SMTP_VERB_RCPT) {
        g->recipients++;
    } else if (as == SMTP_VERB_RSET) {
        gate_transaction_end(g);
    } else if (as == SMTP_VERB_DATA) {
        body_begin_data(g);
    } else if ((flags & SMTP_VERB_TLS) != 0) {
        g->dark_tls = true;
        gate_go_dark(g, out, as, "TLS is passed through");
    } else if ((flags & SMTP_VERB_ROLES) != 0) {
        gate_go_dark(g, out, as, "client and server change roles");
    } else if (class == 3 && !wants_more(as)) {
        gate_go_dark(g, out, as, "a dialogue that is not known");
    }
}

/* What no server may answer to the queue's head, or NULL. */
static const char *impossible(const struct gate *g, enum smtp_verb as, unsigned class)
{
    bool chunk = as == SMTP_VERB_BDAT || as == SMTP_VERB_BDAT_LAST;

    if (class == 3 && !wants_more(as) && !g->policy->verbatim) {
        return "intermediate reply to a command that has none";
    }
    if (class == 3 && (as == SMTP_VERB_AUTH || as == SMTP_VERB_X_EXPS) && !g->policy->verbatim &&
        smtp_phase_after((enum smtp_phase)g->phase, as, class) != SMTP_PHASE_AUTH) {
        return "AUTH begun where it may not be";
    }
    if (class == 2 && as == SMTP_VERB_DATA) {
        return "DATA answered without 354";
    }
    if (class == 2 && chunk && g->queue.len == 1 && g->chunk > 0) {
        return "chunk accepted before it was complete";
    }
    return NULL;
}

/* The reply to the queue's head. */
static void answer(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                   struct span bytes)
{
    struct gate_pending *p = queue_head(&g->queue);
    enum smtp_verb as = (enum smtp_verb)p->as;
    unsigned class = reply->code / 100u;
    bool message = as == SMTP_VERB_END_OF_DATA || as == SMTP_VERB_BDAT_LAST;

    const char *wrong = impossible(g, as, class);

    if (wrong != NULL) {
        protocol_error(g, out, wrong);
        return;
    }
    if (as == SMTP_VERB_EHLO && class == 2) {
        ehlo_relay(g, out, reply, bytes);
    } else {
        reply_relay(g, out, reply, bytes);
    }
    const struct policy_rule *rule =
        judge_reply(g, out, (enum smtp_verb)p->verb, p->arg, reply->code, bytes);
    judge_answered(g, as, class);
    if (message) {
        tell_message(g, out, p, bytes);
    } else if (class >= 4) {
        tell_reject(g, out, p, bytes);
    }
    gate_count_add(g, (enum smtp_verb)p->verb, class == 2, 0);
    enum smtp_phase next = smtp_phase_after((enum smtp_phase)g->phase, as, class);
    if (next == SMTP_PHASE_CLOSED) { /* 221 */
        gate_end(g, out, 0);
        return;
    }
    gate_set_phase(g, out, next);
    if (class < 4) {
        accepted(g, out, p, class);
    }
    if (message) {
        gate_transaction_end(g);
    }
    queue_pop(&g->queue);
    gate_flush_replies(g, out);
    if (rule != NULL && g->phase != SMTP_PHASE_CLOSED) {
        gate_sentence(g, out, rule); /* behind the reply: it may be the one to a message */
    }
    gate_settled(g, out);
}

/* 421: the server is closing, whatever it was asked (RFC 5321 section 3.8). */
static void closing(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                    struct span bytes)
{
    struct gate_event event = {.kind = GATE_EVENT_REJECT,
                               .verb = (enum smtp_verb)g->last,
                               .by_server = true,
                               .reply = first_line(bytes)};

    gate_tell(g, out, &event);
    reply_relay(g, out, reply, bytes);
    gate_end(g, out, GATE_LINGER);
}

/* A reply while the body is still on its way. A refusal is kept for the client's end of data; a
 * server that accepts what it has not got is not believed. */
static void early(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                  struct span bytes)
{
    if (g->policy->verbatim) {
        reply_relay(g, out, reply, bytes);
    } else if (reply->code < 400) {
        protocol_error(g, out, "reply before the end of data");
    } else {
        body_abandon(g, out, regular(g, out, reply, bytes), true);
    }
}

static void unasked(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                    struct span bytes)
{
    if (g->policy->verbatim) {
        reply_relay(g, out, reply, bytes);
    } else {
        protocol_error(g, out, "reply to no command");
    }
}

static void handle(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                   struct span bytes)
{
    const struct gate_pending *head = queue_head(&g->queue);
    bool asked = head != NULL && head->reply == NULL;

    if (g->phase == SMTP_PHASE_CONNECT) {
        greeting_relay(g, out, reply, bytes);
    } else if (g->in_data && !asked) {
        early(g, out, reply, bytes);
    } else if (reply->code == 421) {
        closing(g, out, reply, bytes);
    } else if (!asked && g->swallow == GATE_SWALLOW_LAST) {
        return; /* about the message that was given up */
    } else if (!asked) {
        unasked(g, out, reply, bytes);
    } else {
        answer(g, out, reply, bytes);
    }
}

size_t server_step(struct gate *g, struct gate_out *out, struct span in)
{
    int got = smtp_reply_parse(&g->reply, in, GATE_REPLY_LINE_READ, g->policy->limits.reply_lines);

    if (got < 0) {
        protocol_error(g, out, smtp_reply_error_text((enum smtp_reply_error)g->reply.error));
        return in.len;
    }
    if ((got == 0 ? in.len : g->reply.size) > GATE_REPLY_MAX) {
        protocol_error(g, out, "reply too large");
        return in.len;
    }
    if (got == 0) {
        return 0;
    }
    struct smtp_reply reply = g->reply;
    g->reply = (struct smtp_reply){0};
    handle(g, out, &reply, span_head(in, reply.size));
    return reply.size;
}
