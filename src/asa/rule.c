/*
 * A criterion and its action as a `when` rule.
 *
 * The rule is built with policy/rule.h, which knows the fields, when each is known and which action
 * makes sense there; what it will not take is not carried over, with the reason that it gives. So
 * what is written is valid, whatever the catalogue has become.
 */
#include "asa/private.h"

#include <assert.h>

/* One rule while it is built. */
struct builder {
    struct asa *asa;
    struct policy_rules *rules; /* NULL when memory is out */
    struct policy_fault fault;
    bool failed;
};

static struct builder builder_begin(struct asa *asa)
{
    struct builder b = {.asa = asa, .rules = policy_rules_new(&asa->arena)};

    b.failed = b.rules == NULL;
    return b;
}

/* Write the rule, or why it cannot be. NULL: a criterion that says nothing. */
static void builder_end(struct builder *b, const struct policy_expr *expr,
                        const struct policy_effect *effect, struct asa_place place, FILE *out)
{
    b->failed = b->failed || expr == NULL ||
                !policy_rules_add(b->rules, NULL, expr, effect, place.line, &b->fault);
    if (b->failed && b->fault.text[0] == '\0') {
        b->asa->out_of_memory = true;
    } else if (b->failed) {
        asa_left(b->asa, place, out, "%s", b->fault.text);
    } else {
        policy_rules_print(b->rules, out, ASA_INDENT);
    }
    policy_rules_free(&b->rules);
}

static struct policy_expr *condition(struct builder *b, const char *field, enum policy_operator op,
                                     struct span text, bool quoted, bool nocase)
{
    struct policy_operand operand = {.text = text, .quoted = quoted, .nocase = nocase};

    if (b->failed) {
        return NULL;
    }
    struct policy_expr *expr =
        policy_expr_condition(b->rules, span_str(field), span_of(NULL, 0), op, &operand, &b->fault);
    b->failed = expr == NULL;
    return expr;
}

/* `a and b` or `a or b`; either may be NULL. */
static struct policy_expr *join(struct builder *b, bool and, struct policy_expr *left,
                                struct policy_expr *right)
{
    if (b->failed || left == NULL || right == NULL) {
        return left == NULL ? right : left;
    }
    struct policy_expr *expr = and? policy_expr_and(b->rules, left, right, &b->fault)
                                  : policy_expr_or(b->rules, left, right, &b->fault);
    b->failed = expr == NULL;
    return expr;
}

/* ---- the criteria ---- */

static struct policy_expr *number_expr(struct builder *b, const struct asa_match *match)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)match->number);

    return condition(b, match->criterion->field, match->negated ? POLICY_LE : POLICY_GT,
                     span_of(text, (size_t)len), false, false);
}

/* "others" is what has no word of its own on the device: none of the words that it has. */
static struct policy_expr *others_expr(struct builder *b, const struct asa_match *match)
{
    const struct asa_value *values =
        match->criterion->kind == ASA_ENCODINGS ? asa_encodings : asa_parameters;
    struct policy_expr *expr = NULL;

    for (; values->word != NULL; values++) {
        if (values->name != NULL) {
            struct policy_expr *one =
                condition(b, match->criterion->field, match->negated ? POLICY_EQ : POLICY_NE,
                          span_str(values->name), true, false);
            expr = join(b, !match->negated, expr, one);
        }
    }
    return expr;
}

static struct policy_expr *unknown_expr(struct builder *b, const struct asa_match *match)
{
    struct policy_expr *expr =
        condition(b, "command.unknown", POLICY_IS, span_of(NULL, 0), false, false);

    if (b->failed || !match->negated) {
        return expr;
    }
    expr = policy_expr_not(b->rules, expr, &b->fault);
    b->failed = expr == NULL;
    return expr;
}

static struct policy_expr *words_expr(struct builder *b, const struct asa_match *match)
{
    struct policy_expr *expr = NULL;

    for (const struct asa_word *word = match->words; word != NULL; word = word->next) {
        struct policy_expr *one =
            condition(b, match->criterion->field, match->negated ? POLICY_NE : POLICY_EQ,
                      word->text, true, false);
        expr = join(b, match->negated, expr, one);
    }
    if (match->others) {
        struct policy_expr *rest =
            match->criterion->kind == ASA_VERBS ? unknown_expr(b, match) : others_expr(b, match);
        expr = join(b, match->negated, expr, rest);
    }
    return expr;
}

/* A regular expression, or NULL where it has no translation. */
static struct policy_expr *pattern_expr(struct builder *b, const struct asa_match *match,
                                        struct span name)
{
    const struct asa_regex *regex = asa_regex_find(b->asa, name);

    if (regex->fault != NULL) {
        return NULL;
    }
    return condition(b, match->criterion->field, match->negated ? POLICY_NO_MATCH : POLICY_MATCH,
                     regex->pattern, true, match->criterion->folded);
}

static struct policy_expr *regex_expr(struct builder *b, const struct asa_match *match)
{
    struct policy_expr *expr = NULL;

    if (!match->class) {
        return pattern_expr(b, match, match->name.text);
    }
    const struct asa_class *class = asa_class_find(b->asa, match->name.text, true);
    for (const struct asa_word *name = class->regexes; name != NULL; name = name->next) {
        expr = join(b, match->negated, expr, pattern_expr(b, match, name->text));
    }
    return expr;
}

static struct policy_expr *match_expr(struct builder *b, const struct asa_match *match)
{
    switch (match->criterion->kind) {
    case ASA_NUMBER:
        return number_expr(b, match);
    case ASA_VERBS:
    case ASA_PARAMETERS:
    case ASA_ENCODINGS:
        return words_expr(b, match);
    case ASA_REGEX:
        return regex_expr(b, match);
    }
    return NULL;
}

/* ---- what there is to say ---- */

/* Tell of a pattern what its reader should know. False where the rule cannot be made without it:
 * where it is all there is, and where leaving it out would make the rule match more. */
static bool tell_regex(struct asa *asa, const struct asa_match *match, struct span name, FILE *out)
{
    const struct asa_regex *regex = asa_regex_find(asa, name);

    if (regex->fault != NULL) {
        asa_left(asa, regex->fault_place, out, "regex %.*s (line %u, column %u): %s",
                 SPAN_ARG(name), regex->fault_place.line, regex->fault_place.column, regex->fault);
        return match->class && !match->negated;
    }
    if ((regex->notes & ASA_REGEX_DOLLAR) != 0) {
        fprintf(out,
                ASA_INDENT
                "#   regex %.*s: \"$\" is a character to the device, by its manuals; the "
                "end matches as well here\n",
                SPAN_ARG(name));
    }
    if ((regex->notes & ASA_REGEX_LETTER) != 0) {
        fprintf(out,
                ASA_INDENT "#   regex %.*s: a backslash before a letter or digit that makes no "
                           "escape on the device is left out\n",
                SPAN_ARG(name));
    }
    if ((regex->notes & ASA_REGEX_CLASS) != 0) {
        fprintf(out,
                ASA_INDENT "#   regex %.*s: \"[:…:]\" is no class on the device, but these "
                           "characters\n",
                SPAN_ARG(name));
    }
    return true;
}

/* The same of all patterns of a criterion. */
static bool tell_regexes(struct asa *asa, const struct asa_match *match, FILE *out)
{
    bool usable = true, any = false;

    if (!match->class) {
        return tell_regex(asa, match, match->name.text, out);
    }
    const struct asa_class *class = asa_class_find(asa, match->name.text, true);
    for (const struct asa_word *name = class->regexes; name != NULL; name = name->next) {
        usable = tell_regex(asa, match, name->text, out) && usable;
        any = any || asa_regex_find(asa, name->text)->fault == NULL;
    }
    if (class->regexes == NULL) {
        asa_left(asa, class->name.place, out, "class-map %.*s has no regex",
                 SPAN_ARG(class->name.text));
    }
    return usable && any;
}

static bool tell_match(struct asa *asa, const struct asa_match *match, FILE *out)
{
    if (match->criterion->kind != ASA_REGEX) {
        return true;
    }
    if (!tell_regexes(asa, match, out)) {
        return false;
    }
    if (match->negated && span_equal(span_str(match->criterion->field), SPAN("mail.from"))) {
        fputs(ASA_INDENT "#   also true of the empty sender, which bounces have\n", out);
    }
    return true;
}

/* ---- rules ---- */

enum policy_action asa_action(const struct asa_actions *actions)
{
    return actions->reset                             ? POLICY_ACTION_RESET
           : actions->drop && actions->protocol_error ? POLICY_ACTION_CLOSE
           : actions->drop                            ? POLICY_ACTION_DROP
           : actions->mask                            ? POLICY_ACTION_MASK
           : actions->rated                           ? POLICY_ACTION_LIMIT
           : actions->log                             ? POLICY_ACTION_LOG
                                                      : POLICY_ACTION_NONE;
}

void asa_rule_print(struct asa *asa, const struct asa_match *matches, bool all,
                    const struct asa_actions *actions, FILE *out)
{
    struct policy_effect effect = {.action = asa_action(actions)};
    struct policy_expr *expr = NULL;
    bool usable = true;

    assert(matches != NULL);
    for (const struct asa_match *m = matches; m != NULL; m = all ? m->next : NULL) {
        usable = tell_match(asa, m, out) && usable;
    }
    if (!usable) {
        return;
    }
    if (effect.action == POLICY_ACTION_LIMIT) {
        effect.number = actions->rate;
        effect.period = 1000;
        fputs(ASA_INDENT "#   for each client address; the device counts all clients together\n",
              out);
    }
    struct builder b = builder_begin(asa);
    for (const struct asa_match *m = matches; m != NULL; m = all ? m->next : NULL) {
        expr = join(&b, true, expr, match_expr(&b, m));
    }
    builder_end(&b, expr, &effect, matches->place, out);
}

void asa_relay_print(struct asa *asa, const struct asa_setting *setting, FILE *out)
{
    struct policy_effect effect = {.action =
                                       setting->drop ? POLICY_ACTION_DROP : POLICY_ACTION_LOG};
    struct builder b = builder_begin(asa);
    struct policy_expr *sender =
        condition(&b, "mail.domain", POLICY_NE, setting->domain, true, false);
    struct policy_expr *recipient =
        condition(&b, "rcpt.domain", POLICY_NE, setting->domain, true, false);

    fputs(ASA_INDENT "#   neither from nor to this domain; bounces to other domains are relayed "
                     "mail too\n",
          out);
    builder_end(&b, join(&b, true, sender, recipient), &effect, setting->place, out);
}

void asa_special_print(struct asa *asa, const struct asa_setting *setting, FILE *out)
{
    static const char *const fields[] = {"mail.special", "rcpt.special"};
    struct policy_effect effect = {.action =
                                       setting->drop ? POLICY_ACTION_DROP : POLICY_ACTION_LOG};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct builder b = builder_begin(asa);
        struct policy_expr *expr =
            condition(&b, fields[i], POLICY_IS, span_of(NULL, 0), false, false);
        builder_end(&b, expr, &effect, setting->place, out);
    }
}
