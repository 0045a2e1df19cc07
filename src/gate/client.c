/*
 * The client's lines: whose turn it is, whether the policy lets the command pass, whether it is
 * well-formed and in sequence, and in what form the server gets it.
 *
 * A command is never judged by what stands behind it in the same segment: TCP's segmentation is not
 * part of the dialogue. Whatever arrives while a reply is outstanding that the client had to wait
 * for is a violation, whether it came in the same segment or a second later.
 */
#include "base/mem.h"
#include "gate/private.h"
#include "smtp/command.h"

#include <stdio.h>

enum {
    QUOTE_MAX = 64,            /* octets of a client's word that our replies repeat */
    PIPELINING_TEXT_MAX = 100, /* octets of what was sent out of turn that the log gets */
};

static bool checks(const struct gate *g, enum policy_check check)
{
    return (g->policy->checks & check) != 0;
}

/* May the client send commands without waiting? Only where it was told so. */
static bool may_pipeline(const struct gate *g)
{
    return (g->offered & smtp_keyword_bit(SMTP_KEYWORD_PIPELINING)) != 0;
}

/* A reply that clients are known not to wait for before QUIT or the next message. */
static bool is_message_end(const struct gate_pending *p)
{
    return p->as == SMTP_VERB_END_OF_DATA || p->as == SMTP_VERB_BDAT_LAST ||
           p->as == SMTP_VERB_BDAT;
}

enum gate_turn client_turn(const struct gate *g)
{
    enum gate_turn out_of_turn =
        checks(g, POLICY_CHECK_PIPELINING) ? GATE_TURN_VIOLATION : GATE_TURN_WAIT;
    const struct gate_pending *last = queue_tail(&g->queue);

    if (g->phase == SMTP_PHASE_CONNECT) {
        return out_of_turn;
    }
    if (last == NULL) {
        return GATE_TURN_SPEAK;
    }
    if (last->as == SMTP_VERB_QUIT || last->close) {
        return GATE_TURN_OVER;
    }
    if (last->as == SMTP_VERB_STARTTLS && !g->policy->verbatim) {
        return GATE_TURN_VIOLATION; /* nothing crosses a STARTTLS, whatever else is relaxed */
    }
    if ((smtp_verb_info((enum smtp_verb)last->as)->flags & SMTP_VERB_SYNC) != 0) {
        return out_of_turn;
    }
    if (!may_pipeline(g)) {
        return is_message_end(last) ? GATE_TURN_WAIT : out_of_turn;
    }
    return g->queue.len < g->policy->limits.pipeline && g->queue.own < GATE_REPLIES_MAX
               ? GATE_TURN_SPEAK
               : GATE_TURN_WAIT;
}

static void violation(struct gate *g, struct gate_out *out, struct span in)
{
    struct gate_event event = {
        .kind = GATE_EVENT_PIPELINING,
        .side = GATE_CLIENT,
        .verb = (enum smtp_verb)g->last,
        .text = span_head(in, in.len < PIPELINING_TEXT_MAX ? in.len : PIPELINING_TEXT_MAX),
    };
    bool secret = (smtp_verb_info((enum smtp_verb)g->last)->flags & SMTP_VERB_SECRET) != 0 ||
                  g->last == SMTP_VERB_STARTTLS;
    if (secret) {
        event.text = SPAN("(not shown)");
    }
    /* What was shown depends on the segmentation; the rest of the trace does not. */
    gate_tell(g, out, &event);
    if (queue_awaits_message(&g->queue)) {
        /* The client takes it for the answer to its message, which the server may have accepted. */
        gate_fail(g, out, "421 4.5.0 %.*s Error: SMTP protocol synchronization",
                  SPAN_ARG(g->facts->hostname));
    } else {
        gate_fail(g, out, "554 5.5.0 Error: SMTP protocol synchronization");
    }
}

static void envelope_event(struct gate_event *event, const struct smtp_command *c)
{
    if (c->verb == SMTP_VERB_RCPT) {
        event->to = c->path.text;
    } else if ((smtp_verb_info(c->verb)->flags & SMTP_VERB_TRANSACTION) != 0) {
        event->from = c->path.text;
    }
}

/* Answer a command ourselves: it never reaches the server. */
static void refuse(struct gate *g, struct gate_out *out, const struct smtp_command *c,
                   const char *reply)
{
    struct gate_event event = {
        .kind = GATE_EVENT_REJECT, .verb = c->verb, .word = c->word, .reply = span_str(reply)};
    /* An unreadable BDAT leaves us not knowing where commands begin again. */
    bool lost = c->verb == SMTP_VERB_BDAT && c->error != SMTP_COMMAND_OK;

    envelope_event(&event, c);
    gate_tell(g, out, &event);
    g->errors++;
    bool enough = g->policy->limits.errors > 0 && g->errors >= g->policy->limits.errors;
    if (enough) {
        struct gate_event limit = {
            .kind = GATE_EVENT_LIMIT, .verb = c->verb, .text = SPAN("errors")};
        gate_tell(g, out, &limit);
    }
    if (c->verb == SMTP_VERB_BDAT && !lost) {
        body_begin_chunk(g, c->chunk, c->last, true);
    }
    gate_reply(g, out, lost && !enough, "%s", reply);
    if (enough) {
        gate_reply(g, out, true, "421 4.7.0 %.*s Error: too many errors",
                   SPAN_ARG(g->facts->hostname));
    }
}

static struct span quote(struct span s)
{
    return span_head(s, s.len < QUOTE_MAX ? s.len : QUOTE_MAX);
}

/* Remember that the server will answer, and count. */
static void expect_reply(struct gate *g, struct gate_out *out, const struct smtp_command *c,
                         enum smtp_verb as)
{
    struct gate_pending pending = {.verb = (uint8_t)c->verb, .as = (uint8_t)as};
    unsigned flags = smtp_verb_info(as)->flags;
    bool named = true;

    if (as == SMTP_VERB_RCPT || (flags & SMTP_VERB_TRANSACTION) != 0) {
        pending.arg = mem_string(c->path.text);
    } else if ((flags & SMTP_VERB_HELLO) != 0) {
        pending.arg = mem_string(c->args);
    } else {
        named = false;
    }
    if ((named && pending.arg == NULL) || !queue_push(&g->queue, &pending)) {
        gate_out_of_memory(g, out);
    }
}

/* The line as it came, or in canonical form where it differs. */
static void forward(struct gate *g, struct gate_out *out, const struct smtp_command *c,
                    struct span raw)
{
    bool crlf = raw.len == c->line.len + 2;
    bool as_is = g->policy->verbatim || (crlf && (c->canonical || c->error != SMTP_COMMAND_OK));

    if (as_is) {
        out_bytes(out, GATE_SERVER, raw);
        return;
    }
    size_t room = c->line.len + SMTP_CANONICAL_MORE + 2;
    unsigned char *line = out_scratch(out, room);
    size_t len = c->error == SMTP_COMMAND_OK ? smtp_command_write(c, line, room) : 0;
    if (len == 0) { /* not understood, and let through all the same: only its end is mended */
        memcpy(line, c->line.ptr, c->line.len);
        memcpy(line + c->line.len, "\r\n", 2);
        len = c->line.len + 2;
    }
    out_bytes(out, GATE_SERVER, span_of(line, len));
}

/* HELO in EHLO's place, whatever stands behind it and however the rest is forwarded. */
static void forward_hello(struct gate_out *out, const struct smtp_command *c)
{
    size_t len = sizeof("HELO ") - 1 + c->args.len;
    unsigned char *line = out_scratch(out, len + 2);

    memcpy(line, "HELO ", len - c->args.len);
    if (c->args.len > 0) {
        memcpy(line + len - c->args.len, c->args.ptr, c->args.len);
    }
    memcpy(line + len, "\r\n", 2);
    out_bytes(out, GATE_SERVER, span_of(line, len + 2));
}

/* Send X…X or NOOP of the same length in the command's place, as PIX and ASA do, which cannot
 * change a segment's length. A line too short for NOOP becomes X's. */
static void replace(struct gate *g, struct gate_out *out, const struct smtp_command *c, bool noop)
{
    unsigned char *line = out_scratch(out, c->line.len + 2);

    noop = noop && c->line.len >= 4;
    struct gate_event event = {.kind = GATE_EVENT_MASK,
                               .verb = c->verb,
                               .word = c->word,
                               .text = noop ? SPAN("NOOP") : SPAN("X")};
    gate_tell(g, out, &event);
    memset(line, noop ? ' ' : 'X', c->line.len);
    if (noop) {
        memcpy(line, "NOOP", 4);
    }
    memcpy(line + c->line.len, "\r\n", 2);
    out_bytes(out, GATE_SERVER, span_of(line, c->line.len + 2));
    if (c->verb == SMTP_VERB_BDAT) {
        body_begin_chunk(g, c->chunk, c->last, true);
    }
    expect_reply(g, out, c, noop ? SMTP_VERB_NOOP : SMTP_VERB_UNKNOWN);
}

/* True when the policy has dealt with the command. */
static bool denied(struct gate *g, struct gate_out *out, const struct smtp_command *c)
{
    enum policy_command verdict = policy_command_verdict(g->policy, c->verb);

    if (verdict == POLICY_COMMAND_ALLOW &&
        judge_hides(g, (enum smtp_keyword)smtp_verb_info(c->verb)->keyword)) {
        verdict = POLICY_COMMAND_REFUSE;
    }
    if ((verdict == POLICY_COMMAND_MASK || verdict == POLICY_COMMAND_NOOP) &&
        c->verb == SMTP_VERB_BDAT && c->error != SMTP_COMMAND_OK) {
        return false; /* the session cannot go on behind it, whatever the server would say */
    }
    switch (verdict) {
    case POLICY_COMMAND_ALLOW:
        break;
    case POLICY_COMMAND_REFUSE:
        refuse(g, out, c,
               c->verb == SMTP_VERB_UNKNOWN ? "500 5.5.2 Error: command not recognized"
                                            : "502 5.5.1 Error: command not available here");
        return true;
    case POLICY_COMMAND_MASK:
        replace(g, out, c, false);
        return true;
    case POLICY_COMMAND_NOOP:
        replace(g, out, c, true);
        return true;
    case POLICY_COMMAND_DROP: {
        struct gate_event event = {.kind = GATE_EVENT_REJECT,
                                   .verb = c->verb,
                                   .word = c->word,
                                   .reply = SPAN("connection dropped")};
        gate_tell(g, out, &event);
        gate_end(g, out, 0);
        return true;
    }
    }
    if (c->verb == SMTP_VERB_EHLO && g->policy->ehlo == POLICY_EHLO_REFUSE) {
        refuse(g, out, c, "502 5.5.1 Error: command not available here");
        return true;
    }
    return false;
}

/* STARTTLS first (RFC 3207 section 4): all that may come before it. */
static bool needs_tls(const struct gate *g, enum smtp_verb verb)
{
    return g->policy->starttls == POLICY_STARTTLS_REQUIRE && verb != SMTP_VERB_EHLO &&
           verb != SMTP_VERB_HELO && verb != SMTP_VERB_STARTTLS && verb != SMTP_VERB_NOOP &&
           verb != SMTP_VERB_RSET && verb != SMTP_VERB_QUIT;
}

/* The sequence is only known while nothing is outstanding; else the server is the judge. */
static const char *out_of_sequence(const struct gate *g, enum smtp_verb verb)
{
    const struct smtp_verb_info *info = smtp_verb_info(verb);

    if (!checks(g, POLICY_CHECK_SEQUENCE) || g->queue.len > 0 ||
        (info->phases & (1u << g->phase)) != 0) {
        return NULL;
    }
    if (g->phase == SMTP_PHASE_GREETED) {
        return "503 5.5.1 Error: send HELO/EHLO first";
    }
    if (g->phase == SMTP_PHASE_READY) {
        return "503 5.5.1 Error: need MAIL command";
    }
    if ((info->flags & SMTP_VERB_TRANSACTION) != 0) {
        return "503 5.5.1 Error: nested MAIL command";
    }
    return g->phase == SMTP_PHASE_MAIL && (info->phases & SMTP_IN(RCPT)) != 0
               ? "503 5.5.1 Error: need RCPT command"
               : "503 5.5.1 Error: command out of sequence";
}

/* The parameters of MAIL and RCPT against what the client was offered. Fills `reply` of
 * GATE_TEXT_MAX bytes and returns true when one cannot be had. */
static bool parameters_refused(struct gate *g, const struct smtp_command *c, char *reply)
{
    bool rcpt = c->verb == SMTP_VERB_RCPT;
    struct span rest = c->params;
    struct smtp_param param;
    uint64_t size;

    while (smtp_param_next(&rest, &param) > 0) {
        enum smtp_keyword keyword = smtp_param_keyword(&param, rcpt);
        if (checks(g, POLICY_CHECK_PARAMETERS) &&
            (keyword == SMTP_KEYWORD_UNKNOWN || (g->offered & smtp_keyword_bit(keyword)) == 0)) {
            snprintf(reply, GATE_TEXT_MAX, "555 5.5.4 Unsupported option: %.*s",
                     SPAN_ARG(quote(param.name)));
            return true;
        }
        uint64_t max = g->policy->limits.message_size;
        if (keyword == SMTP_KEYWORD_SIZE && !rcpt && max > 0 && span_number(param.value, &size) &&
            size > max) {
            snprintf(reply, GATE_TEXT_MAX, "552 5.3.4 Message size exceeds limit");
            return true;
        }
    }
    if (c->path.utf8 && checks(g, POLICY_CHECK_PARAMETERS) &&
        (g->offered & smtp_keyword_bit(SMTP_KEYWORD_SMTPUTF8)) == 0) {
        snprintf(reply, GATE_TEXT_MAX, "553 5.6.7 SMTPUTF8 is not available here");
        return true;
    }
    return false;
}

/* Why the command is not forwarded, into `reply` of GATE_TEXT_MAX bytes; false when it is. */
static bool objection(struct gate *g, const struct smtp_command *c, char *reply)
{
    const char *sequence;

    if (needs_tls(g, c->verb)) {
        snprintf(reply, GATE_TEXT_MAX, "530 5.7.0 Must issue a STARTTLS command first");
    } else if (c->error != SMTP_COMMAND_OK && checks(g, POLICY_CHECK_SYNTAX)) {
        bool line = c->error == SMTP_COMMAND_EMPTY || c->error == SMTP_COMMAND_CONTROL;
        bool path = c->error == SMTP_COMMAND_PATH;
        snprintf(reply, GATE_TEXT_MAX, "%s %s",
                 line   ? "500 5.5.2 Error:"
                 : path ? (c->verb == SMTP_VERB_RCPT ? "501 5.1.3 Bad recipient address:"
                                                     : "501 5.1.7 Bad sender address:")
                        : "501 5.5.4",
                 smtp_command_error_text(c));
    } else if (c->verb == SMTP_VERB_BDAT && c->error != SMTP_COMMAND_OK) {
        snprintf(reply, GATE_TEXT_MAX, "501 5.5.4 %s", smtp_command_error_text(c));
    } else if (g->chunk_refused && (c->verb == SMTP_VERB_BDAT || c->verb == SMTP_VERB_BURL)) {
        snprintf(reply, GATE_TEXT_MAX, "503 5.5.1 Error: a chunk of this message was refused");
    } else if ((sequence = out_of_sequence(g, c->verb)) != NULL) {
        snprintf(reply, GATE_TEXT_MAX, "%s", sequence);
    } else if (c->verb == SMTP_VERB_RCPT && g->policy->limits.recipients > 0 &&
               g->asked >= g->policy->limits.recipients) {
        snprintf(reply, GATE_TEXT_MAX, "452 4.5.3 Error: too many recipients");
    } else {
        return c->params.len > 0 || c->path.utf8 ? parameters_refused(g, c, reply) : false;
    }
    return true;
}

static bool is_binary(const struct smtp_command *c)
{
    struct span rest = c->params;
    struct smtp_param param;
    bool binary = false;

    while (smtp_param_next(&rest, &param) > 0) {
        binary = binary || smtp_param_keyword(&param, false) == SMTP_KEYWORD_BINARYMIME;
    }
    return binary;
}

/* Forward a command that nothing speaks against. */
static void pass(struct gate *g, struct gate_out *out, const struct smtp_command *c,
                 struct span raw)
{
    enum smtp_verb as = c->verb;

    if (c->verb == SMTP_VERB_EHLO && g->policy->ehlo == POLICY_EHLO_AS_HELO) {
        as = SMTP_VERB_HELO;
        forward_hello(out, c);
    } else {
        forward(g, out, c, raw);
    }
    if (c->verb == SMTP_VERB_RCPT) {
        g->asked++;
    } else if (c->verb == SMTP_VERB_RSET ||
               (smtp_verb_info(c->verb)->flags & (SMTP_VERB_TRANSACTION | SMTP_VERB_HELLO)) != 0) {
        body_forget(g);
        g->binary = is_binary(c);
    } else if ((c->verb == SMTP_VERB_BDAT || c->verb == SMTP_VERB_BURL) && c->last) {
        as = SMTP_VERB_BDAT_LAST;
    }
    if (c->verb == SMTP_VERB_BDAT) {
        body_begin_chunk(g, c->chunk, c->last, false);
    }
    expect_reply(g, out, c, as);
    if (c->verb == SMTP_VERB_BDAT && c->chunk == 0 && g->phase != SMTP_PHASE_CLOSED) {
        body_end_chunk(g, out);
    }
}

/* What a command line is told that is refused for `event`. */
static const char *line_refusal(enum smtp_body_event event)
{
    return event == SMTP_BODY_BARE_LF   ? "500 5.5.2 Error: bare <LF> received"
           : event == SMTP_BODY_BARE_CR ? "500 5.5.2 Error: bare <CR> received"
                                        : "500 5.5.2 Error: NUL received";
}

/* The policy on a line that ends in LF alone or has a CR or NUL in it: what is no line end to us
 * may be one to the server, and then it reads two commands where we have read one. Returns the
 * strictest verdict; *worst_r is what it is about. */
static enum policy_framing line_verdict(struct gate *g, struct gate_out *out,
                                        const struct smtp_command *c, struct span raw,
                                        enum smtp_body_event *worst_r)
{
    const struct {
        enum smtp_body_event event;
        bool seen;
    } irregular[] = {
        {SMTP_BODY_BARE_LF, raw.len == c->line.len + 1},
        {SMTP_BODY_BARE_CR, span_find(c->line, '\r') < c->line.len},
        {SMTP_BODY_NUL, span_find(c->line, '\0') < c->line.len},
    };
    enum policy_framing worst = POLICY_FRAMING_PASS;

    for (size_t i = 0; i < sizeof(irregular) / sizeof(irregular[0]); i++) {
        struct gate_event event = {
            .kind = GATE_EVENT_FRAMING,
            .side = GATE_CLIENT,
            .verb = c->verb,
            .word = c->word,
            .framing = irregular[i].event,
            .verdict = (enum policy_framing)g->policy->framing[irregular[i].event],
        };
        if (!irregular[i].seen || event.verdict == POLICY_FRAMING_PASS) {
            continue;
        }
        gate_tell(g, out, &event);
        if (event.verdict < worst) {
            worst = event.verdict;
            *worst_r = event.framing;
        }
    }
    return worst;
}
_Static_assert(POLICY_FRAMING_REFUSE < POLICY_FRAMING_FIX &&
                   POLICY_FRAMING_FIX < POLICY_FRAMING_LOG &&
                   POLICY_FRAMING_LOG < POLICY_FRAMING_PASS,
               "verdicts begin with the strictest");

/* A regular line in the place of an irregular one: CRLF at its end, and blanks for what the policy
 * wants mended. */
static struct span line_mend(struct gate *g, struct gate_out *out, struct span line)
{
    bool cr = g->policy->framing[SMTP_BODY_BARE_CR] == POLICY_FRAMING_FIX;
    bool nul = g->policy->framing[SMTP_BODY_NUL] == POLICY_FRAMING_FIX;
    unsigned char *mended = out_scratch(out, line.len + 2);

    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = line.ptr[i];
        mended[i] = (c == '\r' && cr) || (c == '\0' && nul) ? ' ' : c;
    }
    memcpy(mended + line.len, "\r\n", 2);
    return span_of(mended, line.len + 2);
}

/* Do to a command what a rule says. */
static void sentence(struct gate *g, struct gate_out *out, const struct smtp_command *c,
                     const struct policy_rule *rule)
{
    enum policy_action action = rule->effect.action;
    bool unreadable = c->verb == SMTP_VERB_BDAT && c->error != SMTP_COMMAND_OK;

    if (action == POLICY_ACTION_REJECT || action == POLICY_ACTION_TEMPFAIL ||
        action == POLICY_ACTION_LIMIT) {
        refuse(g, out, c, judge_text(rule));
    } else if ((action == POLICY_ACTION_MASK || action == POLICY_ACTION_NOOP) && !unreadable) {
        replace(g, out, c, action == POLICY_ACTION_NOOP);
    } else {
        gate_sentence(g, out, rule);
    }
}

/* False when the command has to wait: a rule delays it. */
static bool command(struct gate *g, struct gate_out *out, struct span line, struct span raw)
{
    struct smtp_command c;
    char reply[GATE_TEXT_MAX];

    smtp_command_parse(line, &c);
    g->last = (uint8_t)c.verb;
    const struct policy_rule *rule =
        judge_command(g, out, &c, raw.len, out_of_sequence(g, c.verb) != NULL);
    if (judge_waits(g)) {
        return false;
    }
    gate_count_add(g, c.verb, 0, 1);
    if (raw.len == line.len + 1 || c.error == SMTP_COMMAND_CONTROL) {
        enum smtp_body_event event = SMTP_BODY_MORE;
        enum policy_framing verdict = line_verdict(g, out, &c, raw, &event);
        if (verdict == POLICY_FRAMING_REFUSE) {
            refuse(g, out, &c, line_refusal(event));
            return true;
        }
        if (verdict == POLICY_FRAMING_FIX) {
            raw = line_mend(g, out, line);
            smtp_command_parse(span_head(raw, line.len), &c);
            g->last = (uint8_t)c.verb;
        }
    }
    if (rule != NULL) {
        sentence(g, out, &c, rule);
        return true;
    }
    if (denied(g, out, &c)) {
        return true;
    }
    if (objection(g, &c, reply)) {
        refuse(g, out, &c, reply);
        return true;
    }
    if (c.verb == SMTP_VERB_BDAT && c.last && c.chunk == 0 && body_end_refused(g, out)) {
        refuse(g, out, &c, "550 5.5.2 Error: bare <CR> received in message");
        return true;
    }
    if (c.verb == SMTP_VERB_BDAT && c.last && c.chunk == 0 &&
        (rule = body_end_judged(g, out)) != NULL) {
        sentence(g, out, &c, rule);
        return true;
    }
    if (g->phase == SMTP_PHASE_CLOSED) {
        return true;
    }
    pass(g, out, &c, raw);
    if (!judge_passed(g, &c)) {
        gate_out_of_memory(g, out);
    }
    return true;
}

/* One line of an AUTH exchange (RFC 4954 section 4): base64, or "*" to cancel. What is neither is
 * not passed on; the server gets the cancellation instead and says what it thinks of it. */
static void auth_response(struct gate *g, struct gate_out *out, struct span line, struct span raw)
{
    bool ok = g->policy->verbatim || span_equal(line, SPAN("*"));
    struct gate_pending pending = {.verb = SMTP_VERB_AUTH, .as = SMTP_VERB_AUTH_RESPONSE};

    if (!ok) {
        ok = raw.len == line.len + 2;
        for (size_t i = 0; i < line.len; i++) {
            unsigned char ch = line.ptr[i];
            ok = ok && (ascii_is_alnum(ch) || ch == '+' || ch == '/' || ch == '=');
        }
    }
    out_bytes(out, GATE_SERVER, ok ? raw : SPAN("*\r\n"));
    if (!queue_push(&g->queue, &pending)) {
        gate_out_of_memory(g, out);
    }
}

/* The longest line that is accepted now, in octets with its CRLF. What extensions add is in the
 * keyword table (RFC 5321 section 4.5.3.1.4 and each extension's RFC). */
static size_t line_max(const struct gate *g, struct span in)
{
    const struct policy_limits *limits = &g->policy->limits;
    bool mail = span_begins_nocase(in, SPAN("MAIL"));
    size_t max = limits->command_line;

    if (g->phase == SMTP_PHASE_AUTH || span_begins_nocase(in, SPAN("AUTH "))) {
        return limits->auth_line;
    }
    if (mail || span_begins_nocase(in, SPAN("RCPT"))) {
        for (unsigned k = SMTP_KEYWORD_FIRST; k < SMTP_KEYWORDS; k++) {
            if ((g->offered & smtp_keyword_bit((enum smtp_keyword)k)) != 0) {
                const struct smtp_keyword_info *info = smtp_keyword_info((enum smtp_keyword)k);
                max += mail ? info->mail : info->rcpt;
            }
        }
    }
    return max;
}

static void line_too_long(struct gate *g, struct gate_out *out, struct span in)
{
    struct gate_event event = {
        .kind = GATE_EVENT_LIMIT, .side = GATE_CLIENT, .text = SPAN("command-line")};
    struct span rest = span_head(in, in.len < QUOTE_MAX ? in.len : QUOTE_MAX);
    struct smtp_command c = {.line = rest};

    c.word = span_word(&rest);
    c.verb = smtp_verb_find(c.word);
    if (g->phase == SMTP_PHASE_AUTH) {
        event.text = SPAN("auth-line");
        c.verb = SMTP_VERB_AUTH;
    }
    event.verb = c.verb;
    g->last = (uint8_t)c.verb;
    gate_tell(g, out, &event);
    if (g->phase == SMTP_PHASE_AUTH) {
        auth_response(g, out, SPAN("*"), SPAN("*\r\n"));
    } else {
        /* What a BDAT of this length announces cannot be read. */
        c.error = c.verb == SMTP_VERB_BDAT ? SMTP_COMMAND_CHUNK : SMTP_COMMAND_OK;
        gate_count_add(g, c.verb, 0, 1);
        refuse(g, out, &c, "500 5.5.2 Error: line too long");
    }
}

/* Drop what is left of a line that was refused for its length. */
static size_t skip_line(struct gate *g, struct span in)
{
    size_t lf = span_find(in, '\n');

    g->skip_line = lf == in.len;
    return lf < in.len ? lf + 1 : in.len;
}

static size_t take_line(struct gate *g, struct gate_out *out, struct span in)
{
    const struct policy_limits *limits = &g->policy->limits;
    size_t base =
        limits->command_line < limits->auth_line ? limits->command_line : limits->auth_line;
    size_t lf = span_find(span_head(in, in.len < base ? in.len : base), '\n');

    if (lf == in.len || lf == base) {
        size_t max = line_max(g, in);
        size_t window = in.len < max ? in.len : max;
        lf = span_find(span_head(in, window), '\n');
        if (lf == window) {
            if (in.len < max) {
                return 0;
            }
            g->skip_line = true;
            line_too_long(g, out, in);
            return window;
        }
    }
    bool crlf = lf > 0 && in.ptr[lf - 1] == '\r';
    struct span line = span_head(in, crlf ? lf - 1 : lf);
    struct span raw = span_head(in, lf + 1);
    if (g->phase == SMTP_PHASE_AUTH) {
        auth_response(g, out, line, raw);
    } else if (!command(g, out, line, raw)) {
        return 0;
    }
    return raw.len;
}

size_t client_step(struct gate *g, struct gate_out *out, struct span in)
{
    if (g->in_data) {
        return body_data_step(g, out, in);
    }
    if (g->chunk > 0) {
        return body_chunk_step(g, out, in);
    }
    if (g->swallow == GATE_SWALLOW_LAST) {
        return in.len; /* the session's last reply waits for its turn; nothing else counts */
    }
    if (g->skip_line) {
        return skip_line(g, in);
    }
    if (judge_waits(g)) {
        return 0;
    }
    switch (client_turn(g)) {
    case GATE_TURN_SPEAK:
        return take_line(g, out, in);
    case GATE_TURN_WAIT:
        return 0;
    case GATE_TURN_VIOLATION:
        violation(g, out, in);
        return in.len;
    case GATE_TURN_OVER:
        return in.len;
    }
    return 0;
}
