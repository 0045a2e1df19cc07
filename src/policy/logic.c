/*
 * What can be said of expressions without any facts.
 *
 * The questions go down both trees at once. Each step makes one of them smaller, and the number of
 * steps is bounded, since two trees of many levels can be paired in very many ways.
 */
#include "policy/logic.h"

enum { STEPS_MAX = 2000 };

enum known { FALSE, TRUE, OPEN };

static bool is_header(const struct policy_expr *e)
{
    return e->field->type == POLICY_TYPE_HEADER;
}

static bool is_number(const struct policy_expr *e)
{
    return e->field->type == POLICY_TYPE_NUMBER || e->field->type == POLICY_TYPE_SIZE;
}

/* The numbers for which it holds; false for !=, whose are no interval. */
struct interval {
    uint64_t low, high;
    bool empty;
};

static bool interval_of(const struct policy_expr *e, struct interval *i_r)
{
    uint64_t n = e->number;

    *i_r = (struct interval){0, UINT64_MAX, false};
    if (e->op == POLICY_EQ) {
        *i_r = (struct interval){n, n, false};
    } else if (e->op == POLICY_LT || e->op == POLICY_LE) {
        i_r->empty = e->op == POLICY_LT && n == 0;
        i_r->high = e->op == POLICY_LT && n > 0 ? n - 1 : n;
    } else if (e->op == POLICY_GT || e->op == POLICY_GE) {
        i_r->empty = e->op == POLICY_GT && n == UINT64_MAX;
        i_r->low = e->op == POLICY_GT && n < UINT64_MAX ? n + 1 : n;
    }
    return e->op != POLICY_NE;
}

/* A condition that has one value under every policy, or under this one. The gateway never ends TLS
 * where it passes, hides or requires it, and knows nothing of it then. */
static enum known condition_known(const struct policy_logic *logic, const struct policy_expr *e)
{
    struct span name = span_str(e->field->name);
    bool no_tls = logic->policy->starttls <= POLICY_STARTTLS_REQUIRE;
    struct interval i;

    if (is_number(e) && interval_of(e, &i)) {
        return i.empty ? FALSE : i.low == 0 && i.high == UINT64_MAX ? TRUE : OPEN;
    }
    if (no_tls && span_equal(name, SPAN("tls"))) {
        return FALSE;
    }
    if (no_tls && span_begins_nocase(name, SPAN("tls.")) &&
        (e->op == POLICY_EQ || e->op == POLICY_NE)) {
        return (e->text.len == 0) == (e->op == POLICY_EQ) ? TRUE : FALSE;
    }
    return OPEN;
}

static bool same_subject(const struct policy_expr *a, const struct policy_expr *b)
{
    return a->field == b->field && (!is_header(a) || a->header == b->header);
}

/* Do both compare with the same thing? */
static bool same_operand(const struct policy_expr *a, const struct policy_expr *b)
{
    if (is_number(a)) {
        return a->number == b->number;
    }
    if (a->list != NULL || b->list != NULL) {
        return a->list == b->list;
    }
    if (a->pattern != NULL || b->pattern != NULL) {
        return a->pattern != NULL && b->pattern != NULL && a->nocase == b->nocase &&
               span_equal(a->text, b->text);
    }
    return span_equal_nocase(a->text, b->text);
}

static enum policy_operator opposite(enum policy_operator op)
{
    static const enum policy_operator opposites[] = {
        [POLICY_IS] = POLICY_IS,          [POLICY_EQ] = POLICY_NE,
        [POLICY_NE] = POLICY_EQ,          [POLICY_LT] = POLICY_GE,
        [POLICY_LE] = POLICY_GT,          [POLICY_GT] = POLICY_LE,
        [POLICY_GE] = POLICY_LT,          [POLICY_MATCH] = POLICY_NO_MATCH,
        [POLICY_NO_MATCH] = POLICY_MATCH, [POLICY_IN] = POLICY_NOT_IN,
        [POLICY_NOT_IN] = POLICY_IN,
    };
    return opposites[op];
}

/* Two texts that are not equal, of which a field can only be one. */
static bool two_texts(const struct policy_expr *a, const struct policy_expr *b)
{
    return a->field->type == POLICY_TYPE_TEXT && !span_equal_nocase(a->text, b->text);
}

static bool numbers_imply(const struct policy_expr *a, const struct policy_expr *b)
{
    struct interval x, y;

    if (!interval_of(a, &x)) {
        return false;
    }
    if (!interval_of(b, &y)) {
        return b->number < x.low || b->number > x.high;
    }
    return x.low >= y.low && x.high <= y.high;
}

static bool numbers_refute(const struct policy_expr *a, const struct policy_expr *b)
{
    struct interval x, y;

    return interval_of(a, &x) && interval_of(b, &y) && (x.low > y.high || y.low > x.high);
}

static bool condition_implies(const struct policy_logic *logic, const struct policy_expr *a,
                              const struct policy_expr *b)
{
    if (condition_known(logic, a) == FALSE || condition_known(logic, b) == TRUE) {
        return true;
    }
    if (!same_subject(a, b)) {
        return false;
    }
    if (a->op == b->op && same_operand(a, b)) {
        return true;
    }
    return is_number(a) ? numbers_imply(a, b)
                        : a->op == POLICY_EQ && b->op == POLICY_NE && two_texts(a, b);
}

/* Of a header field there can be several, of which each may satisfy another condition. */
static bool condition_refutes(const struct policy_logic *logic, const struct policy_expr *a,
                              const struct policy_expr *b)
{
    if (condition_known(logic, a) == FALSE || condition_known(logic, b) == FALSE) {
        return true;
    }
    if (!same_subject(a, b) || is_header(a) || a->op == POLICY_IS) {
        return false;
    }
    if (a->op == opposite(b->op) && same_operand(a, b)) {
        return true;
    }
    return is_number(a) ? numbers_refute(a, b)
                        : a->op == POLICY_EQ && b->op == POLICY_EQ && two_texts(a, b);
}

typedef bool question(struct policy_logic *logic, const struct policy_expr *a,
                      const struct policy_expr *b);

static bool implies(struct policy_logic *logic, const struct policy_expr *a,
                    const struct policy_expr *b);
static bool refutes(struct policy_logic *logic, const struct policy_expr *a,
                    const struct policy_expr *b);

/* Is it so for each (`all`) or for one of a node's children, beside `other`? */
static bool of_children(struct policy_logic *logic, question *ask, const struct policy_expr *node,
                        const struct policy_expr *other, bool node_first, bool all)
{
    for (const struct policy_expr *child = node->first; child != NULL; child = child->next) {
        bool yes = node_first ? ask(logic, child, other) : ask(logic, other, child);
        if (yes != all) {
            return yes;
        }
    }
    return all;
}

static bool implies(struct policy_logic *logic, const struct policy_expr *a,
                    const struct policy_expr *b)
{
    if (logic->steps == 0) {
        return false;
    }
    logic->steps--;
    if (b->kind == EXPR_AND) {
        return of_children(logic, implies, b, a, false, true);
    }
    if (a->kind == EXPR_OR) {
        return of_children(logic, implies, a, b, true, true);
    }
    if (b->kind == EXPR_NOT) {
        return refutes(logic, a, b->first);
    }
    if (a->kind == EXPR_AND && of_children(logic, implies, a, b, true, false)) {
        return true;
    }
    if (b->kind == EXPR_OR) {
        return of_children(logic, implies, b, a, false, false);
    }
    if (b->kind == EXPR_CONDITION && condition_known(logic, b) == TRUE) {
        return true;
    }
    return a->kind == EXPR_CONDITION && condition_implies(logic, a, b);
}

static bool refutes(struct policy_logic *logic, const struct policy_expr *a,
                    const struct policy_expr *b)
{
    if (logic->steps == 0) {
        return false;
    }
    logic->steps--;
    if (a->kind == EXPR_OR || b->kind == EXPR_OR) {
        bool first = a->kind == EXPR_OR;
        return of_children(logic, refutes, first ? a : b, first ? b : a, true, true);
    }
    if (a->kind == EXPR_NOT && implies(logic, b, a->first)) {
        return true;
    }
    if (b->kind == EXPR_NOT && implies(logic, a, b->first)) {
        return true;
    }
    if (a->kind == EXPR_AND && of_children(logic, refutes, a, b, true, false)) {
        return true;
    }
    if (b->kind == EXPR_AND) {
        return of_children(logic, refutes, b, a, true, false);
    }
    return a->kind == EXPR_CONDITION && b->kind == EXPR_CONDITION && condition_refutes(logic, a, b);
}

/* ---- of one expression ---- */

static bool settled(struct policy_logic *logic, const struct policy_expr *e, bool holds);

/* A chain of AND never holds when two of its links never do together; one of OR always does when
 * two of its links are "X" and "not Y", and Y implies X. */
static bool pair_settles(struct policy_logic *logic, const struct policy_expr *e)
{
    for (const struct policy_expr *a = e->first; a != NULL; a = a->next) {
        for (const struct policy_expr *b = e->first; b != NULL && logic->steps > 0; b = b->next) {
            if (a == b) {
                continue;
            }
            if (e->kind == EXPR_AND ? refutes(logic, a, b)
                                    : b->kind == EXPR_NOT && implies(logic, b->first, a)) {
                return true;
            }
        }
    }
    return false;
}

/* Does it always (`holds`) or never hold? */
static bool settled(struct policy_logic *logic, const struct policy_expr *e, bool holds)
{
    if (e->kind == EXPR_CONDITION) {
        return condition_known(logic, e) == (holds ? TRUE : FALSE);
    }
    if (e->kind == EXPR_NOT) {
        return settled(logic, e->first, !holds);
    }
    /* One link decides a chain: one that never holds AND, one that always does OR. */
    bool one = (e->kind == EXPR_OR) == holds;
    for (const struct policy_expr *child = e->first; child != NULL; child = child->next) {
        if (settled(logic, child, holds) == one) {
            return one;
        }
    }
    return one ? pair_settles(logic, e) : true;
}

bool policy_logic_never(const struct policy *policy, const struct policy_expr *e)
{
    struct policy_logic logic = {policy, STEPS_MAX};
    return settled(&logic, e, false);
}

bool policy_logic_always(const struct policy *policy, const struct policy_expr *e)
{
    struct policy_logic logic = {policy, STEPS_MAX};
    return settled(&logic, e, true);
}

bool policy_logic_implies(const struct policy *policy, const struct policy_expr *a,
                          const struct policy_expr *b)
{
    struct policy_logic logic = {policy, STEPS_MAX};
    return policy_logic_always(policy, b) || implies(&logic, a, b);
}

bool policy_logic_refutes(const struct policy *policy, const struct policy_expr *a,
                          const struct policy_expr *b)
{
    struct policy_logic logic = {policy, STEPS_MAX};
    return refutes(&logic, a, b);
}
