/*
 * What the rules of a policy do to the services that its switches leave, and to each other.
 *
 * Only what is certain is told: see policy/logic.h.
 */
#include "policy/impact.h"
#include "policy/logic.h"

#define AT(stage) (1u << (POLICY_STAGE_##stage))
#define COMMANDS  (AT(COMMAND) | AT(HELO) | AT(AUTH) | AT(MAIL) | AT(RCPT) | AT(DATA))

/* Does no later rule of its stage get a say where this one applies? */
static bool is_final(const struct policy_rule *rule)
{
    enum policy_action action = rule->effect.action;

    return !rule->effect.dry && action != POLICY_ACTION_LOG && action != POLICY_ACTION_LIMIT &&
           action != POLICY_ACTION_DELAY;
}

static bool is_refusal(const struct policy_rule *rule)
{
    return is_final(rule) && rule->effect.action != POLICY_ACTION_ALLOW;
}

static struct policy_expr condition(const char *field, enum policy_operator op, struct span text)
{
    return (struct policy_expr){.kind = EXPR_CONDITION,
                                .field = policy_field_find(span_str(field)),
                                .op = op,
                                .text = text};
}

static struct policy_cause cause_of(const struct policy_rule *rule)
{
    return (struct policy_cause){.rule = rule};
}

/* The rule at one of those stages that refuses whatever the case is, certainly; NULL: none. An
 * `allow` before it may spare some. */
static const struct policy_rule *always_refuses(const struct policy *p, unsigned stages,
                                                const struct policy_expr *of_case)
{
    unsigned spared = 0;
    struct policy_rule *const *rules;
    size_t count = policy_rules_list(p->rules, &rules);

    for (size_t i = 0; i < count; i++) {
        const struct policy_rule *rule = rules[i];
        unsigned stage = 1u << rule->stage;
        if ((stages & stage) == 0 || !is_final(rule)) {
            continue;
        }
        if (is_refusal(rule) && (spared & stage) == 0 &&
            policy_logic_implies(p, of_case, rule->expr)) {
            return rule;
        }
        if (!is_refusal(rule) && !policy_logic_refutes(p, of_case, rule->expr)) {
            spared |= stage;
        }
    }
    return NULL;
}

static void lose(struct policy_impact *impact, enum smtp_keyword keyword,
                 const struct policy_rule *rule, enum policy_service_state state,
                 const char *effect)
{
    struct policy_service *s = &impact->services[keyword];

    s->state = state;
    s->cause = cause_of(rule);
    s->effect = effect;
}

/* ---- lines of the EHLO reply ---- */

static void judge_offer(struct policy_impact *impact, enum smtp_keyword keyword)
{
    struct span name = smtp_keyword_info(keyword)->name;
    struct policy_expr line = condition("offer.keyword", POLICY_EQ, name);
    const struct policy *p = impact->policy;
    const struct policy_rule *hides = always_refuses(p, AT(OFFER), &line);
    struct policy_rule *const *rules;
    size_t count = policy_rules_list(p->rules, &rules);

    if (hides != NULL) {
        lose(impact, keyword, hides, POLICY_SERVICE_LOST, policy_service_effect(keyword));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (rules[i]->stage == POLICY_STAGE_OFFER && is_refusal(rules[i]) &&
            !policy_logic_never(p, rules[i]->expr) &&
            policy_logic_implies(p, rules[i]->expr, &line)) {
            lose(impact, keyword, rules[i], POLICY_SERVICE_PART, "a rule hides it from some");
            return;
        }
    }
}

/* ---- what is offered and always refused ---- */

static void contradiction(struct policy_impact *impact, enum smtp_keyword keyword,
                          const struct policy_rule *rule)
{
    struct policy_cause cause = cause_of(rule);

    lose(impact, keyword, rule, POLICY_SERVICE_LOST, "is offered, and refused when it is used");
    policy_impact_add(impact, true, "offered-refused", &cause,
                      "%s is offered, and a rule refuses it each time it is used: senders try and "
                      "fail where they would do without; hide the keyword as well",
                      (const char *)smtp_keyword_info(keyword)->name.ptr);
}

/* How MAIL asks for a service. */
static const struct use {
    enum smtp_keyword keyword;
    const char *field;
    enum policy_operator op;
    const char *text;
} uses[] = {
    {SMTP_KEYWORD_SMTPUTF8, "mail.smtputf8", POLICY_IS, ""},
    {SMTP_KEYWORD_REQUIRETLS, "mail.requiretls", POLICY_IS, ""},
    {SMTP_KEYWORD_BINARYMIME, "mail.body", POLICY_EQ, "BINARYMIME"},
    {SMTP_KEYWORD_8BITMIME, "mail.body", POLICY_EQ, "8BITMIME"},
};

static void judge_use(struct policy_impact *impact, enum smtp_keyword keyword)
{
    const struct policy *p = impact->policy;
    const struct policy_rule *rule = NULL;

    for (unsigned v = SMTP_VERB_FIRST; v < SMTP_VERB_WORDS && rule == NULL; v++) {
        const struct smtp_verb_info *info = smtp_verb_info((enum smtp_verb)v);
        if (info->keyword == keyword) {
            struct policy_expr verb = condition("verb", POLICY_EQ, info->name);
            rule = always_refuses(p, policy_verb_stages(info->name) & COMMANDS, &verb);
        }
    }
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]) && rule == NULL; i++) {
        if (uses[i].keyword == keyword) {
            struct policy_expr use = condition(uses[i].field, uses[i].op, span_str(uses[i].text));
            rule = always_refuses(p, AT(MAIL), &use);
        }
    }
    if (rule != NULL) {
        contradiction(impact, keyword, rule);
    }
}

static void find_no_mail(struct policy_impact *impact)
{
    static const enum smtp_verb needed[] = {SMTP_VERB_MAIL, SMTP_VERB_RCPT, SMTP_VERB_DATA};

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        struct span name = smtp_verb_info(needed[i])->name;
        struct policy_expr verb = condition("verb", POLICY_EQ, name);
        const struct policy_rule *rule = always_refuses(
            impact->policy, (policy_verb_stages(name) & COMMANDS) | AT(CONNECT), &verb);
        if (rule != NULL) {
            struct policy_cause cause = cause_of(rule);
            policy_impact_add(
                impact, true, "no-mail", &cause, "this rule refuses every %s, so no mail passes",
                rule->stage == POLICY_STAGE_CONNECT ? "connection" : (const char *)name.ptr);
            return;
        }
    }
}

void policy_impact_services(struct policy_impact *impact)
{
    if (impact->policy->rules == NULL) {
        return;
    }
    find_no_mail(impact);
    for (unsigned k = SMTP_KEYWORD_FIRST; k < SMTP_KEYWORDS; k++) {
        if (impact->services[k].state == POLICY_SERVICE_KEPT) {
            judge_offer(impact, (enum smtp_keyword)k);
        }
        if (impact->services[k].state == POLICY_SERVICE_KEPT) {
            judge_use(impact, (enum smtp_keyword)k);
        }
    }
}

/* ---- rules among themselves ---- */

static const char *why_never(const struct policy *p, const struct policy_expr *e)
{
    struct policy ends_tls = *p;

    ends_tls.starttls = POLICY_STARTTLS_REQUIRE + 1;
    return policy_logic_never(&ends_tls, e)
               ? "its conditions exclude each other"
               : "it asks about TLS, of which the gateway sees nothing where it relays it";
}

/* EHLO lines are seen only where an EHLO reaches the server. */
static bool stage_is_dead(const struct policy_impact *impact, enum policy_stage stage)
{
    const struct policy *p = impact->policy;

    return stage == POLICY_STAGE_OFFER && !impact->esmtp &&
           policy_command_verdict(p, SMTP_VERB_LHLO) != POLICY_COMMAND_ALLOW;
}

/* An earlier rule of the stage that decides wherever this one would. */
static const struct policy_rule *shadow_of(const struct policy *p, struct policy_rule *const *rules,
                                           size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (rules[i]->stage == rules[index]->stage && is_final(rules[i]) &&
            policy_logic_implies(p, rules[index]->expr, rules[i]->expr)) {
            return rules[i];
        }
    }
    return NULL;
}

/* Beyond so many the pairs would take longer than anyone waits; docs/check.md says so. */
enum { SHADOW_RULES_MAX = 2000 };

void policy_impact_rules(struct policy_impact *impact)
{
    struct policy_rule *const *rules;
    size_t count = policy_rules_list(impact->policy->rules, &rules);
    char text[POLICY_CAUSE_MAX];

    for (size_t i = 0; i < count; i++) {
        struct policy_cause cause = cause_of(rules[i]);
        const struct policy_rule *shadow =
            i < SHADOW_RULES_MAX ? shadow_of(impact->policy, rules, i) : NULL;
        if (policy_logic_never(impact->policy, rules[i]->expr)) {
            policy_impact_add(impact, true, "never-matches", &cause, "%s can never match: %s",
                              policy_cause_text(&cause, text),
                              why_never(impact->policy, rules[i]->expr));
        } else if (stage_is_dead(impact, rules[i]->stage)) {
            policy_impact_add(impact, true, "never-asked", &cause,
                              "%s is never asked: it is about the EHLO reply, and no EHLO reaches "
                              "the server",
                              policy_cause_text(&cause, text));
        } else if (shadow != NULL) {
            policy_impact_add(impact, true, "shadowed", &cause,
                              "%s has no say: %s%s, before it, decides wherever it would match",
                              policy_cause_text(&cause, text), shadow->named ? "rule " : "",
                              shadow->name);
        }
    }
    if (count > SHADOW_RULES_MAX) {
        policy_impact_add(impact, false, "shadow-limit", NULL,
                          "only the first %d rules were compared with each other",
                          (int)SHADOW_RULES_MAX);
    }
}
