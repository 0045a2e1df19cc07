/*
 * Rules as the statements that make them.
 */
#include "policy/expr.h"

#include <stdio.h>

static void print_quoted(struct span text, FILE *out)
{
    fputc('"', out);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\') {
            fputc('\\', out);
        }
        fputc(text.ptr[i], out);
    }
    fputc('"', out);
}

static void print_condition(const struct policy_expr *e, FILE *out)
{
    fputs(e->field->name, out);
    if (e->field->type == POLICY_TYPE_HEADER) {
        fputc('(', out);
        print_quoted(span_str(e->header_name), out);
        fputc(')', out);
    }
    if (e->op == POLICY_IS) {
        return;
    }
    fprintf(out, " %s ", policy_operator_words[e->op]);
    if (e->field->type == POLICY_TYPE_NUMBER || e->field->type == POLICY_TYPE_SIZE) {
        fprintf(out, "%.*s", SPAN_ARG(e->text));
    } else {
        print_quoted(e->text, out);
        fputs(e->nocase ? "i" : "", out);
    }
}

/* `within`: what it stands in, which decides about parentheses. */
static void print_expr(const struct policy_expr *e, FILE *out, enum expr_kind within)
{
    bool parens = (e->kind == EXPR_OR && within != EXPR_OR) ||
                  (e->kind != EXPR_CONDITION && within == EXPR_NOT);

    if (e->kind == EXPR_CONDITION) {
        print_condition(e, out);
        return;
    }
    fputs(parens ? "(" : "", out);
    fputs(e->kind == EXPR_NOT ? "not " : "", out);
    for (const struct policy_expr *child = e->first; child != NULL; child = child->next) {
        if (child != e->first) {
            fputs(e->kind == EXPR_AND ? " and " : " or ", out);
        }
        print_expr(child, out, e->kind);
    }
    fputs(parens ? ")" : "", out);
}

void policy_expr_print(const struct policy_expr *expr, FILE *out)
{
    print_expr(expr, out, EXPR_OR);
}

/* In the largest unit that gives it exactly. */
static void print_time(uint64_t ms, FILE *out)
{
    if (ms % 1000 == 0) {
        fprintf(out, "%llus", (unsigned long long)(ms / 1000));
    } else {
        fprintf(out, "%llums", (unsigned long long)ms);
    }
}

static void print_effect(const struct policy_effect *effect, FILE *out)
{
    fprintf(out, " %s%s", effect->dry ? "log " : "", policy_action_info(effect->action)->name);
    if (effect->action == POLICY_ACTION_DELAY) {
        fputc(' ', out);
        print_time(effect->number, out);
    }
    if (effect->action == POLICY_ACTION_LIMIT) {
        fprintf(out, " %llu per ", (unsigned long long)effect->number);
        print_time(effect->period, out);
    }
    if (effect->text != NULL) {
        fputc(' ', out);
        print_quoted(span_str(effect->text), out);
    }
}

void policy_rules_print(const struct policy_rules *rules, FILE *out, const char *indent)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct policy_rule *rule = rules->list[i];
        fprintf(out, "%swhen ", indent);
        policy_expr_print(rule->expr, out);
        print_effect(&rule->effect, out);
        if (rule->named) {
            fputs(" as ", out);
            print_quoted(span_str(rule->name), out);
        }
        fputc('\n', out);
    }
}
