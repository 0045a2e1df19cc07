/*
 * The building of expressions, and what is wrong with one.
 *
 * A chain of `and` is one node with a child for each link, and so is a chain of `or`: the depth of
 * the tree is that of the parentheses, which is bounded, not the number of conditions.
 */
#include "policy/expr.h"

#include "smtp/verb.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { PATTERN_REASON_MAX = 256, SHOWN = 64 };

const char *const policy_operator_words[] = {
    [POLICY_IS] = "",   [POLICY_EQ] = "=",          [POLICY_NE] = "!=",
    [POLICY_LT] = "<",  [POLICY_LE] = "<=",         [POLICY_GT] = ">",
    [POLICY_GE] = ">=", [POLICY_MATCH] = "~",       [POLICY_NO_MATCH] = "!~",
    [POLICY_IN] = "in", [POLICY_NOT_IN] = "not in", [POLICY_NOT_IN + 1] = NULL,
};

/* ---- faults ---- */

struct policy_expr *policy_fault(struct policy_fault *fault_r, enum policy_part part,
                                 const char *format, ...)
{
    va_list args;

    fault_r->part = part;
    va_start(args, format);
    vsnprintf(fault_r->text, sizeof(fault_r->text), format, args);
    va_end(args);
    return NULL;
}

struct policy_expr *policy_fault_memory(struct policy_fault *fault_r)
{
    fault_r->part = POLICY_PART_EXPRESSION;
    fault_r->text[0] = '\0';
    return NULL;
}

const char *policy_hint(struct span word, const char *known, char *hint_r)
{
    hint_r[0] = '\0';
    if (span_distance(word, span_str(known)) < strlen(known)) {
        snprintf(hint_r, POLICY_HINT_MAX, "; did you mean \"%s\"?", known);
    }
    return hint_r;
}

/* As much of a foreign text as an error shows. */
static struct span shown(struct span text)
{
    return span_head(text, text.len < SHOWN ? text.len : SHOWN);
}

/* ---- what may be said of each type ---- */

#define OP(op) (1u << POLICY_##op)

#define ORDER (OP(EQ) | OP(NE) | OP(LT) | OP(LE) | OP(GT) | OP(GE))
#define WORDS (OP(EQ) | OP(NE) | OP(MATCH) | OP(NO_MATCH) | OP(IN) | OP(NOT_IN))

static const struct type {
    const char *noun;
    unsigned operators; /* the same as policy_type_operators says */
} types[POLICY_TYPES] = {
    [POLICY_TYPE_FLAG] = {"a flag", OP(IS)},
    [POLICY_TYPE_NUMBER] = {"a number", ORDER},
    [POLICY_TYPE_SIZE] = {"a size", ORDER},
    [POLICY_TYPE_TEXT] = {"a text", WORDS},
    [POLICY_TYPE_ADDRESS] = {"an address", OP(EQ) | OP(NE) | OP(IN) | OP(NOT_IN)},
    [POLICY_TYPE_HEADER] = {"a text", WORDS},
};

static struct policy_expr *fault_operator(const struct policy_field *field, enum policy_operator op,
                                          struct policy_fault *fault_r)
{
    const struct type *type = &types[field->type];

    if (field->type == POLICY_TYPE_FLAG) {
        return policy_fault(fault_r, POLICY_PART_OPERATOR,
                            "%s is a flag: it stands alone, as \"%s\" or \"not %s\"", field->name,
                            field->name, field->name);
    }
    if (op == POLICY_IS) {
        return policy_fault(fault_r, POLICY_PART_FIELD,
                            "%s is %s and no condition by itself: %s apply, as in %s", field->name,
                            type->noun, policy_type_operators[field->type], field->example);
    }
    return policy_fault(fault_r, POLICY_PART_OPERATOR, "%s is %s: %s apply", field->name,
                        type->noun, policy_type_operators[field->type]);
}

/* ---- values ---- */

/* A number, perhaps with a unit: the same as in config/number.c, where it is a statement's. */
static bool parse_number(struct span text, bool size, uint64_t *value_r)
{
    static const char units[] = "KMG";
    uint64_t factor = 1;

    if (size && text.len > 1 && ascii_is_alpha(text.ptr[text.len - 1])) {
        unsigned char unit = ascii_upper(text.ptr[text.len - 1]);
        size_t at = span_find(SPAN("KMG"), unit);
        if (at == sizeof(units) - 1) {
            return false;
        }
        factor = (uint64_t)1 << 10 * (at + 1);
        text.len--;
    }
    return span_number(text, value_r) && !__builtin_mul_overflow(*value_r, factor, value_r);
}

static bool build_number(struct policy_expr *e, const struct policy_operand *operand,
                         struct policy_fault *fault_r)
{
    bool size = e->field->type == POLICY_TYPE_SIZE;

    if (operand->quoted || !parse_number(operand->text, size, &e->number)) {
        policy_fault(fault_r, POLICY_PART_OPERAND,
                     "%s is %s: expected a number%s of at most 64 bits, got %s\"%.*s\"",
                     e->field->name, types[e->field->type].noun,
                     size ? ", as in 512, 64K, 10M or 1G," : "",
                     operand->quoted ? "the string " : "", SPAN_ARG(shown(operand->text)));
        return false;
    }
    return true;
}

static bool build_address(struct policy_expr *e, const struct policy_operand *operand,
                          struct policy_fault *fault_r)
{
    if (!policy_network_parse(operand->text, &e->network)) {
        policy_fault(fault_r, POLICY_PART_OPERAND,
                     "%s is an address: expected an address or network, as in 192.0.2.1, "
                     "192.0.2.0/24 or 2001:db8::/32, got \"%.*s\"",
                     e->field->name, SPAN_ARG(shown(operand->text)));
        return false;
    }
    return true;
}

static bool build_pattern(struct policy_rules *rules, struct policy_expr *e,
                          const struct policy_operand *operand, struct policy_fault *fault_r)
{
    char reason[PATTERN_REASON_MAX];

    if (!operand->quoted) {
        policy_fault(fault_r, POLICY_PART_OPERAND,
                     "%s: expected a pattern in quotes behind %s, got \"%.*s\"", e->field->name,
                     policy_operator_words[e->op], SPAN_ARG(shown(operand->text)));
        return false;
    }
    struct pattern_node *node = arena_alloc(rules->arena, sizeof(*node));
    if (node == NULL) {
        policy_fault_memory(fault_r);
        return false;
    }
    e->pattern = policy_pattern_new(operand->text, operand->nocase, reason, sizeof(reason));
    if (e->pattern == NULL && reason[0] == '\0') {
        policy_fault_memory(fault_r);
        return false;
    }
    if (e->pattern == NULL) {
        policy_fault(fault_r, POLICY_PART_OPERAND, "%s: this pattern is not valid: %s",
                     e->field->name, reason);
        return false;
    }
    *node = (struct pattern_node){rules->patterns, e->pattern};
    rules->patterns = node;
    return true;
}

static bool build_text(struct policy_rules *rules, struct policy_expr *e,
                       const struct policy_operand *operand, struct policy_fault *fault_r)
{
    if (e->op == POLICY_MATCH || e->op == POLICY_NO_MATCH) {
        return build_pattern(rules, e, operand, fault_r);
    }
    if (operand->nocase) {
        policy_fault(fault_r, POLICY_PART_OPERAND,
                     "%s: the i behind a string goes with ~ and !~; %s folds letters anyway",
                     e->field->name, policy_operator_words[e->op]);
        return false;
    }
    return true;
}

static bool build_operand(struct policy_rules *rules, struct policy_expr *e,
                          const struct policy_operand *operand, struct policy_fault *fault_r)
{
    char *copy = arena_string(rules->arena, operand->text);

    if (copy == NULL) {
        policy_fault_memory(fault_r);
        return false;
    }
    e->text = span_of(copy, operand->text.len);
    e->nocase = operand->nocase;
    if (e->op == POLICY_IN || e->op == POLICY_NOT_IN) {
        e->list = operand->list;
        return true;
    }
    if (e->field->type == POLICY_TYPE_ADDRESS) {
        return build_address(e, operand, fault_r);
    }
    if (e->field->type == POLICY_TYPE_NUMBER || e->field->type == POLICY_TYPE_SIZE) {
        return build_number(e, operand, fault_r);
    }
    return build_text(rules, e, operand, fault_r);
}

/* ---- header fields ---- */

void *policy_array_grow(struct arena *arena, const void *array, size_t count, size_t *room)
{
    size_t larger = *room == 0 ? 8 : 2 * *room;
    void *copy = arena_alloc(arena, larger * sizeof(void *));

    if (copy != NULL) {
        if (count > 0) {
            memcpy(copy, array, count * sizeof(void *));
        }
        *room = larger;
    }
    return copy;
}

/* RFC 5322 section 2.2: printable ASCII without colon. */
static bool header_is_valid(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~' || name.ptr[i] == ':') {
            return false;
        }
    }
    return name.len > 0;
}

static bool header_index(struct policy_rules *rules, struct span name, uint32_t *index_r,
                         struct policy_fault *fault_r)
{
    for (size_t i = 0; i < rules->header_count; i++) {
        if (span_equal_nocase(name, span_str(rules->headers[i]))) {
            *index_r = (uint32_t)i;
            return true;
        }
    }
    if (rules->header_count == EXPR_HEADERS_MAX) {
        policy_fault(fault_r, POLICY_PART_PARAMETER,
                     "the rules of this policy name more than %d header fields", EXPR_HEADERS_MAX);
        return false;
    }
    if (rules->header_count == rules->header_room) {
        const char **headers = policy_array_grow(rules->arena, rules->headers, rules->header_count,
                                                 &rules->header_room);
        if (headers == NULL) {
            policy_fault_memory(fault_r);
            return false;
        }
        rules->headers = headers;
    }
    const char *copy = arena_string(rules->arena, name);
    if (copy == NULL) {
        policy_fault_memory(fault_r);
        return false;
    }
    *index_r = (uint32_t)rules->header_count;
    rules->headers[rules->header_count++] = copy;
    return true;
}

static bool build_parameter(struct policy_rules *rules, struct policy_expr *e,
                            struct span parameter, struct policy_fault *fault_r)
{
    bool header = e->field->type == POLICY_TYPE_HEADER;

    if (header && parameter.ptr == NULL) {
        policy_fault(fault_r, POLICY_PART_FIELD, "%s needs the name of a header field, as in %s",
                     e->field->name, e->field->example);
        return false;
    }
    if (!header && parameter.ptr != NULL) {
        policy_fault(fault_r, POLICY_PART_PARAMETER,
                     "%s takes nothing in parentheses; only header(\"NAME\") does", e->field->name);
        return false;
    }
    if (header && !header_is_valid(parameter)) {
        policy_fault(
            fault_r, POLICY_PART_PARAMETER,
            "\"%.*s\" is no name of a header field: expected printable ASCII without blank "
            "and colon",
            SPAN_ARG(shown(parameter)));
        return false;
    }
    if (!header) {
        return true;
    }
    bool ok = header_index(rules, parameter, &e->header, fault_r);
    e->header_name = ok ? rules->headers[e->header] : NULL;
    return ok;
}

/* ---- conditions ---- */

/* The stages of their own that commands have beside COMMAND. */
static const struct verb_stages {
    enum smtp_verb verb;
    uint16_t stages;
} verb_stages[] = {
    {SMTP_VERB_HELO, 1 << POLICY_STAGE_HELO},
    {SMTP_VERB_EHLO, 1 << POLICY_STAGE_HELO | 1 << POLICY_STAGE_OFFER},
    {SMTP_VERB_LHLO, 1 << POLICY_STAGE_HELO | 1 << POLICY_STAGE_OFFER},
    {SMTP_VERB_AUTH, 1 << POLICY_STAGE_AUTH},
    {SMTP_VERB_MAIL, 1 << POLICY_STAGE_MAIL},
    {SMTP_VERB_RCPT, 1 << POLICY_STAGE_RCPT},
    {SMTP_VERB_DATA, 1 << POLICY_STAGE_DATA | 1 << POLICY_STAGE_HEADER | 1 << POLICY_STAGE_PART |
                         1 << POLICY_STAGE_MESSAGE},
    {SMTP_VERB_BDAT, 1 << POLICY_STAGE_DATA | 1 << POLICY_STAGE_HEADER | 1 << POLICY_STAGE_PART |
                         1 << POLICY_STAGE_MESSAGE},
};

uint16_t policy_verb_stages(struct span verb)
{
    enum smtp_verb found = smtp_verb_find(verb);
    uint16_t stages = 1 << POLICY_STAGE_COMMAND | 1 << POLICY_STAGE_REPLY;

    for (size_t i = 0; i < sizeof(verb_stages) / sizeof(verb_stages[0]); i++) {
        if (verb_stages[i].verb == found) {
            stages |= verb_stages[i].stages;
        }
    }
    return stages;
}

static bool field_is(const struct policy_field *field, const char *name)
{
    return span_equal(span_str(field->name), span_str(name));
}

struct policy_expr *policy_expr_condition(struct policy_rules *rules, struct span field,
                                          struct span parameter, enum policy_operator op,
                                          const struct policy_operand *operand,
                                          struct policy_fault *fault_r)
{
    char hint[POLICY_HINT_MAX];
    const struct policy_field *found = policy_field_find(field);

    if (found == NULL) {
        return policy_fault(fault_r, POLICY_PART_FIELD,
                            "there is no field \"%.*s\"; `ehlogate fields` lists them%s",
                            SPAN_ARG(shown(field)),
                            policy_hint(field, policy_field_nearest(field)->name, hint));
    }
    struct policy_expr *e = arena_alloc(rules->arena, sizeof(*e));
    if (e == NULL) {
        return policy_fault_memory(fault_r);
    }
    e->kind = EXPR_CONDITION;
    e->field = found;
    e->op = op;
    e->known = policy_field_stages(found);
    if (!build_parameter(rules, e, parameter, fault_r)) {
        return NULL;
    }
    if ((types[found->type].operators >> op & 1) == 0) {
        return fault_operator(found, op, fault_r);
    }
    if (op != POLICY_IS && !build_operand(rules, e, operand, fault_r)) {
        return NULL;
    }
    e->possible =
        op == POLICY_EQ && field_is(found, "verb") ? policy_verb_stages(e->text) : UINT16_MAX;
    return e;
}

/* ---- and, or, not ---- */

static struct policy_expr *join(struct policy_rules *rules, enum expr_kind kind,
                                struct policy_expr *a, struct policy_expr *b,
                                struct policy_fault *fault_r)
{
    struct policy_expr *e = a;

    if (a->kind != kind) {
        e = arena_alloc(rules->arena, sizeof(*e));
        if (e == NULL) {
            return policy_fault_memory(fault_r);
        }
        e->kind = kind;
        e->first = e->last = a;
        e->known = a->known;
        e->possible = a->possible;
        e->depth = a->depth + 1;
    }
    e->last->next = b;
    e->last = b;
    e->known &= b->known;
    e->possible = kind == EXPR_AND ? e->possible & b->possible : e->possible | b->possible;
    e->depth = b->depth + 1 > e->depth ? b->depth + 1 : e->depth;
    if (e->depth > EXPR_DEPTH_MAX) {
        return policy_fault(fault_r, POLICY_PART_EXPRESSION,
                            "this expression has more than %d levels", EXPR_DEPTH_MAX);
    }
    return e;
}

struct policy_expr *policy_expr_and(struct policy_rules *rules, struct policy_expr *a,
                                    struct policy_expr *b, struct policy_fault *fault_r)
{
    return join(rules, EXPR_AND, a, b, fault_r);
}

struct policy_expr *policy_expr_or(struct policy_rules *rules, struct policy_expr *a,
                                   struct policy_expr *b, struct policy_fault *fault_r)
{
    return join(rules, EXPR_OR, a, b, fault_r);
}

struct policy_expr *policy_expr_not(struct policy_rules *rules, struct policy_expr *a,
                                    struct policy_fault *fault_r)
{
    struct policy_expr *e = arena_alloc(rules->arena, sizeof(*e));

    if (e == NULL) {
        return policy_fault_memory(fault_r);
    }
    *e = (struct policy_expr){.kind = EXPR_NOT,
                              .known = a->known,
                              .possible = UINT16_MAX,
                              .depth = a->depth + 1,
                              .first = a,
                              .last = a};
    if (e->depth > EXPR_DEPTH_MAX) {
        return policy_fault(fault_r, POLICY_PART_EXPRESSION,
                            "this expression has more than %d levels", EXPR_DEPTH_MAX);
    }
    return e;
}
