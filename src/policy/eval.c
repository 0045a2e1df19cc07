/*
 * Does an expression hold? No memory is asked for, and nothing is kept.
 */
#include "policy/expr.h"

static bool compare(enum policy_operator op, uint64_t a, uint64_t b)
{
    switch (op) {
    case POLICY_EQ:
        return a == b;
    case POLICY_NE:
        return a != b;
    case POLICY_LT:
        return a < b;
    case POLICY_LE:
        return a <= b;
    case POLICY_GT:
        return a > b;
    case POLICY_GE:
        return a >= b;
    case POLICY_IS:
    case POLICY_MATCH:
    case POLICY_NO_MATCH:
    case POLICY_IN:
    case POLICY_NOT_IN:
        break;
    }
    return false;
}

static bool text_holds(const struct policy_expr *e, struct span text, struct policy_eval *eval)
{
    switch (e->op) {
    case POLICY_EQ:
        return span_equal_nocase(text, e->text);
    case POLICY_NE:
        return !span_equal_nocase(text, e->text);
    case POLICY_MATCH:
        return policy_pattern_match(e->pattern, text, &eval->exceeded);
    case POLICY_NO_MATCH:
        return !policy_pattern_match(e->pattern, text, &eval->exceeded);
    case POLICY_IN:
        return *e->list != NULL && policy_list_has_text(*e->list, text);
    case POLICY_NOT_IN:
        return *e->list == NULL || !policy_list_has_text(*e->list, text);
    case POLICY_IS:
    case POLICY_LT:
    case POLICY_LE:
    case POLICY_GT:
    case POLICY_GE:
        break;
    }
    return false;
}

static bool address_holds(const struct policy_expr *e, const struct policy_address *address)
{
    bool in_list = e->op == POLICY_IN || e->op == POLICY_NOT_IN;
    bool has = in_list ? *e->list != NULL && policy_list_has_address(*e->list, address)
                       : policy_network_has(&e->network, address);

    return has == (e->op == POLICY_EQ || e->op == POLICY_IN);
}

static bool header_holds(const struct policy_expr *e, struct policy_eval *eval)
{
    const struct facts *facts = eval->facts;
    bool any = false;

    for (uint32_t i = 0; i < facts->header_values; i++) {
        if (facts->headers[i].name == e->header) {
            any = true;
            if (text_holds(e, facts->headers[i].value, eval)) {
                return true;
            }
        }
    }
    return !any && text_holds(e, span_of("", 0), eval);
}

static bool condition_holds(const struct policy_expr *e, struct policy_eval *eval)
{
    const char *at = (const char *)eval->facts + e->field->offset;

    switch (e->field->type) {
    case POLICY_TYPE_FLAG:
        return *(const bool *)at;
    case POLICY_TYPE_NUMBER:
    case POLICY_TYPE_SIZE:
        return compare(e->op, *(const uint64_t *)(const void *)at, e->number);
    case POLICY_TYPE_TEXT:
        return text_holds(e, *(const struct span *)(const void *)at, eval);
    case POLICY_TYPE_ADDRESS:
        return address_holds(e, (const struct policy_address *)(const void *)at);
    case POLICY_TYPE_HEADER:
        return header_holds(e, eval);
    }
    return false;
}

/* Its depth is bounded by EXPR_DEPTH_MAX. */
bool policy_expr_holds(const struct policy_expr *expr, struct policy_eval *eval)
{
    switch (expr->kind) {
    case EXPR_CONDITION:
        return condition_holds(expr, eval);
    case EXPR_NOT:
        return !policy_expr_holds(expr->first, eval);
    case EXPR_AND:
    case EXPR_OR:
        break;
    }
    bool decides = expr->kind == EXPR_OR;
    for (const struct policy_expr *child = expr->first; child != NULL; child = child->next) {
        if (policy_expr_holds(child, eval) == decides) {
            return decides;
        }
    }
    return !decides;
}
