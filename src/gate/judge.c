/*
 * The judge of a session: its memory, and the asking of the rules.
 */
#include "gate/judge.h"

#include "base/mem.h"
#include "gate/judge_private.h"
#include "gate/private.h"

struct judge *judge_new(const struct policy *policy, const struct gate_facts *facts, bool *ok_r)
{
    *ok_r = true;
    if (policy->rules == NULL) {
        return NULL;
    }
    struct judge *j = mem_zalloc(sizeof(*j));
    if (j == NULL) {
        *ok_r = false;
        return NULL;
    }
    j->rules = policy->rules;
    j->until = UINT64_MAX;
    j->facts.client_address = facts->client_address;
    j->facts.client_port = facts->client_port;
    j->facts.listener = facts->listener;
    j->facts.session_sessions = facts->client_sessions;
    return j;
}

void judge_free(struct judge **judge)
{
    struct judge *j = *judge;

    if (j == NULL) {
        return;
    }
    judge_message_free(j);
    mem_free(j->helo);
    mem_free(j->mail);
    mem_free(j->mechanism);
    mem_free(j->domains);
    mem_free(j);
    *judge = NULL;
}

static void tell_rule(struct gate *g, struct gate_out *out, const struct policy_rule *rule)
{
    struct gate_event event = {
        .kind = GATE_EVENT_RULE,
        .verb = (enum smtp_verb)g->last,
        .word = span_str(rule->name),
        .text = span_str(policy_action_info(rule->effect.action)->name),
        .dry = rule->effect.dry || rule->effect.action == POLICY_ACTION_LOG,
        .to = g->judge->facts.rcpt_to,
    };
    gate_tell(g, out, &event);
}

/* Does the rule's action apply now? A limit does when it is passed; a delay begins. */
static bool applies(struct gate *g, const struct policy_rule *rule)
{
    struct judge *j = g->judge;
    const struct policy_effect *effect = &rule->effect;

    if (effect->action == POLICY_ACTION_LIMIT) {
        return !policy_rules_take(rule, &j->facts.client_address, g->now);
    }
    return true;
}

/* Patterns that gave up at a limit did not match: the admin is told, once for each rule. */
static void tell_exceeded(struct gate *g, struct gate_out *out)
{
    const struct policy_rule *rule;

    while ((rule = policy_rules_exceeded(g->judge->rules)) != NULL) {
        struct gate_event event = {.kind = GATE_EVENT_LIMIT,
                                   .verb = (enum smtp_verb)g->last,
                                   .word = span_str(rule->name),
                                   .text =
                                       SPAN("a pattern's, so that its rule may not have applied")};
        gate_tell(g, out, &event);
    }
}

static const struct policy_rule *decide(struct gate *g, struct gate_out *out,
                                        enum policy_stage stage)
{
    struct judge *j = g->judge;
    const struct policy_rule *rule = NULL;

    if (j->delayed != NULL) {
        if (j->delayed->stage != stage) {
            return NULL; /* that stage had its say before the wait */
        }
        rule = j->delayed;
        j->delayed = NULL;
    }
    while ((rule = policy_rules_next(j->rules, stage, &j->facts, rule)) != NULL) {
        if (rule->effect.action == POLICY_ACTION_ALLOW && !rule->effect.dry) {
            return NULL;
        }
        if (!applies(g, rule)) {
            continue;
        }
        tell_rule(g, out, rule);
        if (rule->effect.dry || rule->effect.action == POLICY_ACTION_LOG) {
            continue;
        }
        if (rule->effect.action == POLICY_ACTION_DELAY) {
            j->until = g->now + rule->effect.number;
            j->delayed = rule;
        }
        return rule;
    }
    return NULL;
}

const struct policy_rule *judge_ask(struct gate *g, struct gate_out *out, enum policy_stage stage)
{
    if (!policy_rules_ask(g->judge->rules, stage)) {
        return NULL;
    }
    const struct policy_rule *rule = decide(g, out, stage);
    tell_exceeded(g, out);
    return rule;
}

bool judge_waits(const struct gate *g)
{
    return g->judge != NULL && g->judge->until != UINT64_MAX;
}

uint64_t judge_until(const struct gate *g)
{
    return g->judge != NULL ? g->judge->until : UINT64_MAX;
}

void judge_wait_over(struct gate *g)
{
    g->judge->until = UINT64_MAX;
}

const char *judge_text(const struct policy_rule *rule)
{
    if (rule->effect.text != NULL) {
        return rule->effect.text;
    }
    bool now =
        rule->effect.action == POLICY_ACTION_TEMPFAIL || rule->effect.action == POLICY_ACTION_LIMIT;
    return rule->effect.action == POLICY_ACTION_LIMIT ? "450 4.7.1 Error: too much of this"
           : now                                      ? "450 4.7.1 Error: not now"
                                                      : "554 5.7.1 Error: refused by policy";
}

const struct policy_rule *judge_connection(struct gate *g, struct gate_out *out)
{
    return g->judge != NULL ? judge_ask(g, out, POLICY_STAGE_CONNECT) : NULL;
}

const struct policy_rule *judge_greeting(struct gate *g, struct gate_out *out, struct span bytes)
{
    struct smtp_reply_line line;
    enum smtp_reply_error error;

    if (g->judge == NULL ||
        smtp_reply_line_parse(bytes, GATE_REPLY_LINE_READ, &line, &error) <= 0) {
        return NULL;
    }
    g->judge->facts.greeting = line.text;
    const struct policy_rule *rule = judge_ask(g, out, POLICY_STAGE_GREETING);
    g->judge->facts.greeting = span_of(NULL, 0);
    return rule;
}

const struct policy_rule *judge_offer(struct gate *g, struct gate_out *out, struct span text)
{
    struct span rest = text;

    if (g->judge == NULL) {
        return NULL;
    }
    g->judge->facts.offer = text;
    g->judge->facts.offer_keyword = span_word(&rest);
    const struct policy_rule *rule = judge_ask(g, out, POLICY_STAGE_OFFER);
    g->judge->facts.offer = g->judge->facts.offer_keyword = span_of(NULL, 0);
    return rule;
}

void judge_hid(struct gate *g, smtp_keyword_set hidden)
{
    if (g->judge != NULL) {
        g->judge->hidden = hidden;
    }
}

bool judge_hides(const struct gate *g, enum smtp_keyword keyword)
{
    return g->judge != NULL && keyword != SMTP_KEYWORD_UNKNOWN &&
           (g->judge->hidden & smtp_keyword_bit(keyword)) != 0;
}

const struct policy_rule *judge_reply(struct gate *g, struct gate_out *out, enum smtp_verb verb,
                                      const char *arg, unsigned code, struct span bytes)
{
    struct smtp_reply_line line;
    enum smtp_reply_error error;

    if (g->judge == NULL ||
        smtp_reply_line_parse(bytes, GATE_REPLY_LINE_READ, &line, &error) <= 0) {
        return NULL;
    }
    struct facts *f = &g->judge->facts;
    struct span was = f->verb;
    f->verb = smtp_verb_info(verb)->name;
    f->reply_code = code;
    f->reply_enhanced = smtp_reply_enhanced(code, line.text);
    f->reply_text = line.text;
    if (f->reply_enhanced.len > 0) {
        f->reply_text = span_trim(span_from(line.text, f->reply_enhanced.len));
    }
    judge_recipient(g->judge, verb == SMTP_VERB_RCPT ? arg : NULL);
    const struct policy_rule *rule = judge_ask(g, out, POLICY_STAGE_REPLY);
    f->verb = was;
    f->reply_code = 0;
    f->reply_enhanced = f->reply_text = span_of(NULL, 0);
    judge_recipient(g->judge, NULL);
    return rule;
}

void judge_took(struct gate *g, size_t octets)
{
    if (g->judge != NULL) {
        g->judge->octets += octets;
    }
}

void judge_answered(struct gate *g, enum smtp_verb as, unsigned reply_class)
{
    if (g->judge == NULL) {
        return;
    }
    struct facts *f = &g->judge->facts;
    bool auth = as == SMTP_VERB_AUTH || as == SMTP_VERB_AUTH_RESPONSE;
    f->auth = f->auth || (auth && reply_class == 2);
    f->auth_failures += auth && reply_class >= 4;
    f->rcpt_rejected =
        (smtp_verb_info(as)->flags & SMTP_VERB_TRANSACTION) != 0 ? 0 : f->rcpt_rejected;
    g->judge->refused += reply_class >= 4;
    f->rcpt_rejected += as == SMTP_VERB_RCPT && reply_class >= 4;
    f->session_messages +=
        reply_class == 2 && (as == SMTP_VERB_END_OF_DATA || as == SMTP_VERB_BDAT_LAST);
}
