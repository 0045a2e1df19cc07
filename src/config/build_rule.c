/*
 * What `when` does: the expression is built condition by condition as the grammar finds it, and an
 * error is told at the word that it is about. A part that has an error is NULL, and so is whatever
 * it is a part of: nothing more is said of that, and the rest of the rule is still looked at.
 */
#include "config/parse.h"

/* Longer than this a client gives up (RFC 5321 section 4.5.3.2). */
enum { DELAY_MAX_MS = 5 * 60 * 1000, DAY_MS = 24 * 60 * 60 * 1000, LIMIT_MAX = 1000000 };

static struct policy_rules *policy_rules_of(struct config_parser *parser)
{
    struct policy *policy = &parser->policy->policy;

    parser->edited = true;
    if (policy->rules == NULL) {
        policy->rules = policy_rules_new(&parser->config->arena);
    }
    if (policy->rules == NULL) {
        config_error_memory(parser);
    }
    return policy->rules;
}

static void report(struct config_parser *parser, const struct policy_fault *fault,
                   struct config_place place)
{
    if (fault->text[0] == '\0') {
        config_error_memory(parser);
    } else {
        config_error(parser, place, "%s", fault->text);
    }
}

/* ---- conditions ---- */

struct condition {
    const struct config_word *field, *parameter;
    enum policy_operator op;
    struct config_place op_place, operand_place;
};

static struct config_place part_place(const struct condition *condition, enum policy_part part)
{
    switch (part) {
    case POLICY_PART_PARAMETER:
        return condition->parameter->place;
    case POLICY_PART_OPERATOR:
        return condition->op_place;
    case POLICY_PART_OPERAND:
        return condition->operand_place;
    case POLICY_PART_FIELD:
    case POLICY_PART_EXPRESSION:
    case POLICY_PART_ACTION:
    case POLICY_PART_TEXT:
    case POLICY_PART_NAME:
        break;
    }
    return condition->field->place;
}

static struct policy_expr *build_condition(struct config_parser *parser,
                                           const struct condition *condition,
                                           const struct policy_operand *operand)
{
    struct policy_rules *rules = policy_rules_of(parser);
    struct policy_fault fault = {.text = ""};

    if (rules == NULL) {
        return NULL;
    }
    struct policy_expr *expr = policy_expr_condition(
        rules, condition->field->text, condition->parameter->text, condition->op, operand, &fault);
    if (expr == NULL) {
        report(parser, &fault, part_place(condition, fault.part));
    }
    return expr;
}

static enum policy_operator find_operator(struct span text)
{
    unsigned op = POLICY_EQ;

    while (op < POLICY_IN && !span_equal(text, span_str(policy_operator_words[op]))) {
        op++;
    }
    return (enum policy_operator)op;
}

struct policy_expr *config_condition(struct config_parser *parser, const struct config_word *field,
                                     const struct config_word *parameter,
                                     const struct config_word *op,
                                     const struct config_operand *operand)
{
    struct condition condition = {.field = field, .parameter = parameter, .op = POLICY_IS};
    struct policy_operand value = {.quoted = false};

    if (op != NULL) {
        condition.op = find_operator(op->text);
        condition.op_place = op->place;
        condition.operand_place = operand->word.place;
        value.text = operand->word.text;
        value.quoted = operand->quoted;
        value.nocase = operand->nocase;
    } else {
        condition.op_place = field->place;
    }
    return build_condition(parser, &condition, &value);
}

struct policy_expr *config_condition_list(struct config_parser *parser,
                                          const struct config_word *field,
                                          const struct config_word *parameter, bool in,
                                          const struct config_word *list)
{
    struct condition condition = {field, parameter, in ? POLICY_IN : POLICY_NOT_IN, field->place,
                                  list->place};
    struct config_list *found = config_find_list(parser, list);

    if (found == NULL) {
        return NULL;
    }
    struct policy_operand value = {.text = list->text, .list = &found->list};
    return build_condition(parser, &condition, &value);
}

typedef struct policy_expr *join_function(struct policy_rules *rules, struct policy_expr *a,
                                          struct policy_expr *b, struct policy_fault *fault_r);

static struct policy_expr *join(struct config_parser *parser, join_function *function,
                                struct policy_expr *a, struct policy_expr *b,
                                struct config_place place)
{
    struct policy_fault fault = {.text = ""};

    if (a == NULL || b == NULL) {
        return NULL;
    }
    struct policy_expr *expr = function(parser->policy->policy.rules, a, b, &fault);
    if (expr == NULL) {
        report(parser, &fault, place);
    }
    return expr;
}

struct policy_expr *config_and(struct config_parser *parser, struct policy_expr *a,
                               struct policy_expr *b, struct config_place place)
{
    return join(parser, policy_expr_and, a, b, place);
}

struct policy_expr *config_or(struct config_parser *parser, struct policy_expr *a,
                              struct policy_expr *b, struct config_place place)
{
    return join(parser, policy_expr_or, a, b, place);
}

struct policy_expr *config_not(struct config_parser *parser, struct policy_expr *a,
                               struct config_place place)
{
    struct policy_fault fault = {.text = ""};

    if (a == NULL) {
        return NULL;
    }
    struct policy_expr *expr = policy_expr_not(parser->policy->policy.rules, a, &fault);
    if (expr == NULL) {
        report(parser, &fault, place);
    }
    return expr;
}

/* ---- actions ---- */

static bool is_there(const struct config_word *word)
{
    return word->text.ptr != NULL;
}

/* What the action does not take; NULL where there is no such thing. */
static const struct config_word *superfluous(const struct config_effect *effect,
                                             enum policy_argument argument)
{
    bool number = argument == POLICY_ARGUMENT_TIME || argument == POLICY_ARGUMENT_RATE;
    bool text = argument == POLICY_ARGUMENT_TEXT || argument == POLICY_ARGUMENT_RATE;

    if (is_there(&effect->number) && !number) {
        return &effect->number;
    }
    if (is_there(&effect->period) && argument != POLICY_ARGUMENT_RATE) {
        return &effect->period;
    }
    return is_there(&effect->text) && !text ? &effect->text : NULL;
}

static bool check_arguments(struct config_parser *parser, const struct config_effect *effect,
                            const struct policy_action_info *info)
{
    static const char *const forms[] = {
        [POLICY_ARGUMENT_NONE] = "it stands alone",
        [POLICY_ARGUMENT_TEXT] = "expected the text of a reply, or nothing",
        [POLICY_ARGUMENT_TIME] = "expected a time, as in delay 5s",
        [POLICY_ARGUMENT_RATE] = "expected a number and a time, as in limit 10 per 60s",
    };
    const struct config_word *more = superfluous(effect, info->argument);
    bool time = info->argument == POLICY_ARGUMENT_TIME;
    bool rate = info->argument == POLICY_ARGUMENT_RATE;

    if (more != NULL) {
        config_error(parser, more->place, "%s: %s, got \"%.*s\"", info->name, forms[info->argument],
                     SPAN_ARG(more->text));
        return false;
    }
    if (((time || rate) && !is_there(&effect->number)) || (rate && !is_there(&effect->period))) {
        config_error(parser, effect->action.place, "%s: %s", info->name, forms[info->argument]);
        return false;
    }
    return true;
}

static bool read_numbers(struct config_parser *parser, const struct config_effect *effect,
                         struct policy_effect *effect_r)
{
    static const struct config_range delay = {.what = "delay", .min = 1, .max = DELAY_MAX_MS};
    static const struct config_range limit = {.what = "limit", .min = 1, .max = LIMIT_MAX};
    static const struct config_range period = {.what = "limit", .min = 1000, .max = DAY_MS};

    if (effect_r->action == POLICY_ACTION_DELAY) {
        return config_read_time(parser, &effect->number, &delay, &effect_r->number);
    }
    if (effect_r->action == POLICY_ACTION_LIMIT) {
        bool number = config_read_count(parser, &effect->number, &limit, &effect_r->number);
        bool time = config_read_time(parser, &effect->period, &period, &effect_r->period);
        return number && time;
    }
    return true;
}

/* What the rule does. False, with errors, where that is not clear. */
static bool read_effect(struct config_parser *parser, const struct config_effect *effect,
                        struct policy_effect *effect_r)
{
    int found = config_find_word(parser, &effect->action, policy_action_words, "when");

    if (found < 0) {
        return false;
    }
    *effect_r =
        (struct policy_effect){.action = (enum policy_action)(found + 1), .dry = effect->dry};
    if (!check_arguments(parser, effect, policy_action_info(effect_r->action)) ||
        !read_numbers(parser, effect, effect_r)) {
        return false;
    }
    if (is_there(&effect->text)) {
        effect_r->text = config_string(parser, effect->text.text);
        return effect_r->text != NULL;
    }
    return true;
}

void config_add_rule(struct config_parser *parser, const struct policy_expr *expr,
                     const struct config_effect *effect, const struct config_word *name,
                     struct config_place place)
{
    struct policy_effect what;
    struct policy_fault fault = {.text = ""};
    const char *known_as = is_there(name) ? config_string(parser, name->text) : NULL;

    if (!read_effect(parser, effect, &what) || expr == NULL ||
        (known_as == NULL && is_there(name))) {
        return;
    }
    if (!policy_rules_add(parser->policy->policy.rules, known_as, expr, &what, place.line,
                          &fault)) {
        struct config_place at = fault.part == POLICY_PART_ACTION ? effect->action.place
                                 : fault.part == POLICY_PART_TEXT ? effect->text.place
                                 : fault.part == POLICY_PART_NAME ? name->place
                                                                  : place;
        report(parser, &fault, at);
        return;
    }
    struct policy_rule *const *rules;
    size_t count = policy_rules_list(parser->policy->policy.rules, &rules);
    rules[count - 1]->file = place.file;
}
