/*
 * The rules of a policy: what is checked when one is added, and which of them apply.
 *
 * Each stage has a list of its own, so that a command is not asked about what belongs to a message.
 */
#include "policy/expr.h"

#include <assert.h>
#include <stdio.h>

enum { TEXT_MAX = 500, NAME_MAX_OCTETS = 63 };

struct policy_rules *policy_rules_new(struct arena *arena)
{
    struct policy_rules *rules = arena_alloc(arena, sizeof(*rules));

    if (rules != NULL) {
        rules->arena = arena;
    }
    return rules;
}

void policy_rules_free(struct policy_rules **rules)
{
    if (*rules == NULL) {
        return;
    }
    for (struct pattern_node *node = (*rules)->patterns; node != NULL; node = node->next) {
        policy_pattern_free(&node->pattern);
    }
    (*rules)->patterns = NULL;
    for (size_t i = 0; i < (*rules)->count; i++) {
        policy_rate_free(&(*rules)->list[i]->rate);
    }
    *rules = NULL; /* the rest is the arena's */
}

/* ---- when a rule is asked ---- */

/* The first condition of the expression for which `wanted` says yes. */
static const struct policy_expr *find_condition(const struct policy_expr *e,
                                                bool (*wanted)(const struct policy_expr *condition,
                                                               const void *context),
                                                const void *context)
{
    if (e->kind == EXPR_CONDITION) {
        return wanted(e, context) ? e : NULL;
    }
    for (const struct policy_expr *child = e->first; child != NULL; child = child->next) {
        const struct policy_expr *found = find_condition(child, wanted, context);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static bool is_disjoint(const struct policy_expr *condition, const void *context)
{
    const struct policy_expr *other = context;
    return (condition->known & other->known) == 0;
}

/* Does the tree `context` have a condition that is never known together with this one? */
static bool has_disjoint(const struct policy_expr *condition, const void *context)
{
    return find_condition(context, is_disjoint, condition) != NULL;
}

static bool is_verb(const struct policy_expr *condition, const void *context)
{
    (void)context;
    return condition->possible != UINT16_MAX;
}

static const char *stage_name(const struct policy_expr *condition)
{
    return policy_stage_words[condition->field->stage];
}

/* Why is there no stage for the expression? */
static bool fault_stage(const struct policy_expr *expr, struct policy_fault *fault_r)
{
    const struct policy_expr *a = find_condition(expr, has_disjoint, expr);
    const struct policy_expr *verb = find_condition(expr, is_verb, NULL);

    if (a != NULL) {
        const struct policy_expr *b = find_condition(expr, is_disjoint, a);
        policy_fault(fault_r, POLICY_PART_EXPRESSION,
                     "%s (stage %s) and %s (stage %s) are never known together", a->field->name,
                     stage_name(a), b->field->name, stage_name(b));
    } else if (verb != NULL && expr->known != 0) {
        policy_fault(fault_r, POLICY_PART_EXPRESSION,
                     "this rule is asked at stage %s, where the verb is never \"%.*s\"",
                     policy_stage_words[__builtin_ctz(expr->known)], SPAN_ARG(verb->text));
    } else {
        policy_fault(fault_r, POLICY_PART_EXPRESSION,
                     "what this rule reads is never known together");
    }
    return false;
}

/* The earliest stage of the expression. False and a fault where it has none. */
static bool find_stage(const struct policy_expr *expr, enum policy_stage *stage_r,
                       struct policy_fault *fault_r)
{
    unsigned reply = 1u << POLICY_STAGE_REPLY;
    unsigned stages = expr->known & expr->possible;

    /* That a command is still known when its reply comes is for rules about replies. */
    if (expr->known != reply) {
        stages &= ~reply;
    }
    if (stages == 0) {
        return fault_stage(expr, fault_r);
    }
    *stage_r = (enum policy_stage)__builtin_ctz(stages);
    return true;
}

/* "command, helo or auth" */
static void describe_stages(unsigned stages, char *text_r, size_t size)
{
    size_t used = 0;

    text_r[0] = '\0';
    for (unsigned i = 0; i < POLICY_STAGES && used < size; i++) {
        if ((stages >> i & 1) != 0) {
            bool last = stages >> i == 1;
            int n = snprintf(text_r + used, size - used, "%s%s",
                             used == 0 ? ""
                             : last    ? " or "
                                       : ", ",
                             policy_stage_words[i]);
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

static bool check_action(enum policy_action action, enum policy_stage stage,
                         struct policy_fault *fault_r)
{
    const struct policy_action_info *info = policy_action_info(action);
    char stages[160];

    if ((info->stages >> stage & 1) != 0) {
        return true;
    }
    describe_stages(info->stages, stages, sizeof(stages));
    policy_fault(fault_r, POLICY_PART_ACTION,
                 "%s makes no sense at stage %s, where this rule is asked: %s; it goes with "
                 "stage %s",
                 info->name, policy_stage_words[stage], info->why, stages);
    return false;
}

/* ---- texts of replies ---- */

/* "5.7.1" (RFC 3463): the class, and two numbers of up to three digits. */
static bool is_enhanced(struct span word)
{
    unsigned numbers = 0, digits = 0;

    for (size_t i = 0; i <= word.len; i++) {
        if (i < word.len && ascii_is_digit(word.ptr[i])) {
            digits++;
            continue;
        }
        if (digits == 0 || digits > 3 || (i < word.len && word.ptr[i] != '.')) {
            return false;
        }
        numbers++;
        digits = 0;
    }
    return numbers == 3;
}

static bool is_code(struct span word)
{
    return word.len == 3 && word.ptr[0] >= '2' && word.ptr[0] <= '5' && word.ptr[1] >= '0' &&
           word.ptr[1] <= '5' && ascii_is_digit(word.ptr[2]);
}

static bool fault_text(struct policy_fault *fault_r, const char *what)
{
    policy_fault(fault_r, POLICY_PART_TEXT, "%s", what);
    return false;
}

static bool check_characters(struct span text, struct policy_fault *fault_r)
{
    if (text.len > TEXT_MAX) {
        policy_fault(fault_r, POLICY_PART_TEXT, "a reply has at most %d octets, this one has %zu",
                     TEXT_MAX, text.len);
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] > '~') {
            policy_fault(fault_r, POLICY_PART_TEXT,
                         "a reply is printable ASCII (RFC 5321 section 4.2), this one has the byte "
                         "0x%02X",
                         text.ptr[i]);
            return false;
        }
    }
    return true;
}

/* "550 5.7.1 Attachment refused" (RFC 5321 section 4.2, RFC 2034). */
static bool check_text(const struct policy_effect *effect, struct policy_fault *fault_r)
{
    const struct policy_action_info *info = policy_action_info(effect->action);
    struct span rest = span_str(effect->text);
    struct span whole = rest;

    if (!check_characters(whole, fault_r)) {
        return false;
    }
    struct span code = span_head(rest, rest.len < 3 ? rest.len : 3);
    rest = span_from(rest, code.len);
    if (!is_code(code) || (rest.len > 0 && rest.ptr[0] != ' ')) {
        return fault_text(fault_r, "expected a reply with its code, as in \"550 5.7.1 Refused\"");
    }
    if (span_find(span_str(info->classes), code.ptr[0]) == strlen(info->classes)) {
        policy_fault(fault_r, POLICY_PART_TEXT, "%s answers with %s, not with %.3s", info->name,
                     info->classes[1] == '\0' ? "a 4yz reply" : "a 4yz or 5yz reply",
                     (const char *)code.ptr);
        return false;
    }
    if (effect->action != POLICY_ACTION_CLOSE && span_equal(code, SPAN("421"))) {
        return fault_text(fault_r, "421 tells that the session ends: use \"close\" for that");
    }
    struct span word = span_word(&rest);
    if (is_enhanced(word) && word.ptr[0] != code.ptr[0]) {
        policy_fault(fault_r, POLICY_PART_TEXT,
                     "the enhanced code %.*s and the code %.*s are not of one class",
                     SPAN_ARG(word), SPAN_ARG(code));
        return false;
    }
    return true;
}

/* ---- adding ---- */

static bool check_name(const struct policy_rules *rules, const char *name,
                       struct policy_fault *fault_r)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_MAX_OCTETS) {
        policy_fault(fault_r, POLICY_PART_NAME,
                     "a rule's name has 1 to %d octets, this one has %zu", NAME_MAX_OCTETS, len);
        return false;
    }
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->list[i]->named && span_equal(span_str(name), span_str(rules->list[i]->name))) {
            policy_fault(fault_r, POLICY_PART_NAME,
                         "rule \"%s\" stands twice; the first is in line %u", name,
                         rules->list[i]->line);
            return false;
        }
    }
    return true;
}

/* A copy of the name, or one made of the line. */
static const char *rule_name(struct policy_rules *rules, const char *name, unsigned line)
{
    char made[32];

    if (name == NULL) {
        snprintf(made, sizeof(made), "line %u", line);
        name = made;
    }
    return arena_string(rules->arena, span_str(name));
}

static bool append(struct policy_rules *rules, struct policy_rule *rule)
{
    if (rules->count == rules->room) {
        struct policy_rule **list =
            policy_array_grow(rules->arena, rules->list, rules->count, &rules->room);
        if (list == NULL) {
            return false;
        }
        rules->list = list;
    }
    rules->list[rules->count++] = rule;
    if (rules->last[rule->stage] != NULL) {
        rules->last[rule->stage]->next = rule;
    } else {
        rules->first[rule->stage] = rule;
    }
    rules->last[rule->stage] = rule;
    return true;
}

bool policy_rules_add(struct policy_rules *rules, const char *name, const struct policy_expr *expr,
                      const struct policy_effect *effect, unsigned line,
                      struct policy_fault *fault_r)
{
    enum policy_stage stage;

    assert(effect->action != POLICY_ACTION_NONE);
    if ((name != NULL && !check_name(rules, name, fault_r)) || !find_stage(expr, &stage, fault_r) ||
        !check_action(effect->action, stage, fault_r) ||
        (effect->text != NULL && !check_text(effect, fault_r))) {
        return false;
    }
    struct policy_rule *rule = arena_alloc(rules->arena, sizeof(*rule));
    const char *known_as = rule_name(rules, name, line);
    const char *text =
        effect->text == NULL ? NULL : arena_string(rules->arena, span_str(effect->text));
    if (rule == NULL || known_as == NULL || (text == NULL) != (effect->text == NULL)) {
        policy_fault_memory(fault_r);
        return false;
    }
    *rule = (struct policy_rule){.name = known_as,
                                 .named = name != NULL,
                                 .expr = expr,
                                 .effect = *effect,
                                 .stage = stage,
                                 .line = line};
    rule->effect.text = text;
    if (effect->action == POLICY_ACTION_LIMIT) {
        rule->rate = policy_rate_new();
    }
    if ((effect->action == POLICY_ACTION_LIMIT && rule->rate == NULL) || !append(rules, rule)) {
        policy_rate_free(&rule->rate);
        policy_fault_memory(fault_r);
        return false;
    }
    return true;
}

/* ---- asking ---- */

bool policy_rules_ask(const struct policy_rules *rules, enum policy_stage stage)
{
    return rules != NULL && rules->first[stage] != NULL;
}

static bool reads_field(const struct policy_expr *condition, const void *context)
{
    return condition->field == context;
}

bool policy_rules_read(const struct policy_rules *rules, const struct policy_field *field)
{
    for (size_t i = 0; rules != NULL && i < rules->count; i++) {
        if (find_condition(rules->list[i]->expr, reads_field, field) != NULL) {
            return true;
        }
    }
    return false;
}

bool policy_rules_take(const struct policy_rule *rule, const struct policy_address *address,
                       uint64_t now)
{
    return policy_rate_take(rule->rate, address, now, rule->effect.number, rule->effect.period);
}

struct policy_rule *policy_rules_next(struct policy_rules *rules, enum policy_stage stage,
                                      const struct facts *facts, const struct policy_rule *after)
{
    struct policy_rule *rule = after != NULL   ? after->next
                               : rules != NULL ? rules->first[stage]
                                               : NULL;

    for (; rule != NULL; rule = rule->next) {
        struct policy_eval eval = {.facts = facts};
        bool holds = policy_expr_holds(rule->expr, &eval);
        if (eval.exceeded) {
            rules->untold += rule->exceeded == 0;
            rule->exceeded++;
        }
        if (holds) {
            rule->hits++;
            return rule;
        }
    }
    return NULL;
}

const struct policy_rule *policy_rules_exceeded(struct policy_rules *rules)
{
    for (size_t i = 0; rules != NULL && rules->untold > 0 && i < rules->count; i++) {
        struct policy_rule *rule = rules->list[i];
        if (rule->exceeded > 0 && !rule->told) {
            rule->told = true;
            rules->untold--;
            return rule;
        }
    }
    return NULL;
}

size_t policy_rules_headers(const struct policy_rules *rules, const char *const **names_r)
{
    *names_r = rules != NULL ? rules->headers : NULL;
    return rules != NULL ? rules->header_count : 0;
}

size_t policy_rules_list(const struct policy_rules *rules, struct policy_rule *const **rules_r)
{
    *rules_r = rules != NULL ? rules->list : NULL;
    return rules != NULL ? rules->count : 0;
}
