/*
 * Rules: `when EXPRESSION [log] ACTION ["TEXT"]`, compiled once, asked without allocation.
 *
 *     expression = or-part { "or" or-part }
 *     or-part    = and-part { "and" and-part }
 *     and-part   = [ "not" ] ( "(" expression ")" | condition )
 *     condition  = flag | field operator value | field "in" list-name
 *     operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"
 *     value      = number with unit | "text" | word | "pattern"[i]
 *
 * The configuration's grammar builds the expression bottom-up with the functions below; each says
 * what is wrong in words for the admin, with the nearest known word where one was mistyped.
 */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include "base/arena.h"
#include "policy/field.h"
#include "policy/list.h"

enum policy_action {
    POLICY_ACTION_NONE,     /* no rule had a verdict */
    POLICY_ACTION_ALLOW,    /* no later rule of this stage is asked */
    POLICY_ACTION_REJECT,   /* answered with the text, a 5yz; a message: at its end of data */
    POLICY_ACTION_TEMPFAIL, /* the same with a 4yz */
    POLICY_ACTION_CLOSE,    /* answered, and the session ends */
    POLICY_ACTION_DROP,     /* the session ends without an answer */
    POLICY_ACTION_RESET,    /* by a TCP reset */
    POLICY_ACTION_MASK,     /* a command: X'ed out; an EHLO line: X'ed out; greeting: masked */
    POLICY_ACTION_NOOP,     /* a command: NOOP in its place */
    POLICY_ACTION_HIDE,     /* an EHLO line: gone */
    POLICY_ACTION_DELAY,    /* the command is answered after a time */
    POLICY_ACTION_LIMIT,    /* at most N in a time for each client address; beyond: 450 */
    POLICY_ACTION_LOG,      /* only told */
};
enum { POLICY_ACTIONS = POLICY_ACTION_LOG + 1 };

struct policy_action_info {
    const char *name;
    const char *about;
    uint16_t stages; /* bit per enum policy_stage at which it makes sense */
    const char *why; /* why not elsewhere, for the error */
    bool text;       /* takes a reply text */
};
const struct policy_action_info *policy_action_info(enum policy_action action);

struct policy_expr;  /* a node; lives in the arena */
struct policy_rules; /* all rules of one policy; lives in the arena, run-time memory beside it */

/* What a rule does. */
struct policy_effect {
    enum policy_action action;
    bool dry;            /* `log` stood before the action: tell what it would have done */
    const char *text;    /* "550 5.7.1 Attachment refused", checked at load; NULL: a standard one */
    uint64_t number;     /* DELAY: milliseconds; LIMIT: how many … */
    uint64_t period;     /* … in how many milliseconds */
};

struct policy_rule {
    const char *name; /* given, or "line 12" */
    const struct policy_expr *expr;
    struct policy_effect effect;
    enum policy_stage stage;
    unsigned line;  /* of the configuration */
    uint64_t hits;  /* its counter, of this process */
};

/* Building. Each returns NULL with a message in error_r (of POLICY_RULE_ERROR octets) or, when
 * memory is out, with an empty one. */
enum { POLICY_RULE_ERROR = 512 };
enum policy_operator { POLICY_IS, POLICY_EQ, POLICY_NE, POLICY_LT, POLICY_LE, POLICY_GT, POLICY_GE,
                       POLICY_MATCH, POLICY_NO_MATCH, POLICY_IN, POLICY_NOT_IN };

struct policy_operand {
    struct span text;
    bool quoted;      /* in double quotes */
    bool nocase;      /* "…"i */
    const struct policy_list *const *list; /* IN: the list's slot, which a reload replaces */
};

/* `parameter`: header("Name"); else empty. */
const struct policy_expr *policy_expr_condition(struct policy_rules *rules, struct span field,
                                                struct span parameter, enum policy_operator op,
                                                const struct policy_operand *operand,
                                                char *error_r);
const struct policy_expr *policy_expr_and(struct policy_rules *rules, const struct policy_expr *a,
                                          const struct policy_expr *b, char *error_r);
const struct policy_expr *policy_expr_or(struct policy_rules *rules, const struct policy_expr *a,
                                         const struct policy_expr *b, char *error_r);
const struct policy_expr *policy_expr_not(struct policy_rules *rules, const struct policy_expr *a,
                                          char *error_r);

struct policy_rules *policy_rules_new(struct arena *arena) __attribute__((warn_unused_result));

/* Free what is not in the arena: compiled patterns and their match data. */
void policy_rules_free(struct policy_rules *rules);

/* Append a rule. False with a message when the action makes no sense at the expression's stage or
 * its text is no reply of the right class ("550 5.7.1 …", enhanced code and class agreeing). */
bool policy_rules_add(struct policy_rules *rules, const char *name, const struct policy_expr *expr,
                      const struct policy_effect *effect, unsigned line, char *error_r);

/* Does any rule ask at that stage? The engine gathers no facts where none does. */
bool policy_rules_ask(const struct policy_rules *rules, enum policy_stage stage);

/* The next rule of that stage that applies to the facts, after `after` (NULL: from the first), in
 * the order of the configuration; NULL when there is none. Counts the hit. The engine goes on after
 * a dry or LOG rule and stops at any other. */
struct policy_rule *policy_rules_next(struct policy_rules *rules, enum policy_stage stage,
                                      const struct facts *facts, const struct policy_rule *after);

/* The header fields that the rules name, for the engine to keep. */
size_t policy_rules_headers(const struct policy_rules *rules, const char *const **names_r);

/* All rules, in order. */
size_t policy_rules_list(const struct policy_rules *rules, struct policy_rule *const **rules_r);

#endif
