/*
 * Rules: `when EXPRESSION [log] ACTION [ARGUMENT] [as NAME]`, compiled once, asked without
 * allocation.
 *
 *     expression = or-part { "or" or-part }
 *     or-part    = and-part { "and" and-part }
 *     and-part   = [ "not" ] ( "(" expression ")" | condition )
 *     condition  = flag | field operator value | field [ "not" ] "in" list-name
 *     operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"
 *     value      = number with unit | "text" | word | "pattern"[i]
 *
 * The configuration's grammar builds the expression bottom-up with the functions below; each says
 * what is wrong in words for the admin, with the nearest known word where one was mistyped.
 *
 * A text that is not there is the empty text. A condition on header("Name") holds when it does for
 * any field of that name; where there is none, when it does for the empty text.
 */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include "base/arena.h"
#include "policy/field.h"
#include "policy/list.h"
#include "policy/rate.h"

#include <stdio.h>

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

enum policy_argument {
    POLICY_ARGUMENT_NONE,
    POLICY_ARGUMENT_TEXT, /* may have a reply text */
    POLICY_ARGUMENT_TIME, /* delay 5s */
    POLICY_ARGUMENT_RATE, /* limit 10 per 60s; may have a reply text */
};

struct policy_action_info {
    const char *name;
    const char *about;
    const char *why;     /* why not elsewhere, for the error; NULL where it always makes sense */
    const char *classes; /* of replies that its text may be: "45"; NULL: it has none */
    enum policy_argument argument;
    uint16_t stages; /* bit per enum policy_stage at which it makes sense */
};
const struct policy_action_info *policy_action_info(enum policy_action action);

/* The names of the actions from POLICY_ACTION_ALLOW on, NULL-terminated. */
extern const char *const policy_action_words[];

struct policy_expr;  /* a node; lives in the arena */
struct policy_rules; /* all rules of one policy; lives in the arena, run-time memory beside it */

/* What a rule does. */
struct policy_effect {
    enum policy_action action;
    bool dry;         /* `log` stood before the action: tell what it would have done */
    const char *text; /* "550 5.7.1 Attachment refused", checked at load; NULL: a standard one */
    uint64_t number;  /* DELAY: milliseconds; LIMIT: how many … */
    uint64_t period;  /* … in how many milliseconds */
};

struct policy_rule {
    const char *name; /* given, or "line 12" */
    bool named;       /* given */
    const struct policy_expr *expr;
    struct policy_effect effect;
    enum policy_stage stage;
    unsigned line;            /* of the configuration */
    const char *file;         /* borrowed: its file; NULL where nobody said */
    uint64_t hits;            /* its counter, of this process */
    uint64_t exceeded;        /* how often a pattern of it gave up at a limit, and did not match */
    bool told;                /* policy_rules_exceeded() has returned it */
    struct policy_rate *rate; /* owned; LIMIT: what each address has done */
    struct policy_rule *next; /* of the same stage */
};

/* What is wrong, and with which part of the rule. `text` is empty when memory is out. */
enum policy_part {
    POLICY_PART_FIELD,
    POLICY_PART_PARAMETER,
    POLICY_PART_OPERATOR,
    POLICY_PART_OPERAND,
    POLICY_PART_EXPRESSION,
    POLICY_PART_ACTION,
    POLICY_PART_TEXT,
    POLICY_PART_NAME,
};
enum { POLICY_FAULT_MAX = 512 };
struct policy_fault {
    enum policy_part part;
    char text[POLICY_FAULT_MAX];
};

enum policy_operator {
    POLICY_IS, /* the field alone */
    POLICY_EQ,
    POLICY_NE,
    POLICY_LT,
    POLICY_LE,
    POLICY_GT,
    POLICY_GE,
    POLICY_MATCH,
    POLICY_NO_MATCH,
    POLICY_IN,
    POLICY_NOT_IN,
};
extern const char *const policy_operator_words[]; /* "", "=", "!=", …, NULL */

struct policy_operand {
    struct span text;                      /* IN: the list's name */
    bool quoted;                           /* in double quotes */
    bool nocase;                           /* "…"i */
    const struct policy_list *const *list; /* IN: the list's slot, which a reload replaces */
};

/* The building of an expression. Each returns NULL and a fault. `parameter`: header("Name"); else
 * its ptr is NULL. Texts are copied. */
struct policy_expr *policy_expr_condition(struct policy_rules *rules, struct span field,
                                          struct span parameter, enum policy_operator op,
                                          const struct policy_operand *operand,
                                          struct policy_fault *fault_r);

/* These take over both expressions: neither may be used for anything else. */
struct policy_expr *policy_expr_and(struct policy_rules *rules, struct policy_expr *a,
                                    struct policy_expr *b, struct policy_fault *fault_r);
struct policy_expr *policy_expr_or(struct policy_rules *rules, struct policy_expr *a,
                                   struct policy_expr *b, struct policy_fault *fault_r);
struct policy_expr *policy_expr_not(struct policy_rules *rules, struct policy_expr *a,
                                    struct policy_fault *fault_r);

/* Does it hold for these facts? Asks for no memory where patterns have machine code (JIT); where
 * they have none, PCRE2 grows its frames up to a limit and keeps them. */
struct policy_eval {
    const struct facts *facts;
    bool exceeded; /* out: a pattern gave up at a limit */
};
bool policy_expr_holds(const struct policy_expr *expr, struct policy_eval *eval);

/* The expression as text that reads back as the same. */
void policy_expr_print(const struct policy_expr *expr, FILE *out);

struct policy_rules *policy_rules_new(struct arena *arena) __attribute__((warn_unused_result));

/* Free what is not in the arena: compiled patterns. */
void policy_rules_free(struct policy_rules **rules);

/* Append a rule; `name` NULL for none. False and a fault when the fields are never known together,
 * the action makes no sense where they are, its text is no reply of the right class ("550 5.7.1 …",
 * code and enhanced code agreeing), or another rule has that name. */
bool policy_rules_add(struct policy_rules *rules, const char *name, const struct policy_expr *expr,
                      const struct policy_effect *effect, unsigned line,
                      struct policy_fault *fault_r) __attribute__((warn_unused_result));

/* Does any rule ask at that stage? The engine gathers no facts where none does. `rules` may be
 * NULL here and in policy_rules_next(): no rule. */
bool policy_rules_ask(const struct policy_rules *rules, enum policy_stage stage);

/* Does any rule read that field? What is costly to know need not be known. */
bool policy_rules_read(const struct policy_rules *rules, const struct policy_field *field);

/* The next rule of that stage that applies to the facts, after `after` (NULL: from the first), in
 * the order of the configuration; NULL when there is none. Counts the hit. The engine goes on after
 * a dry or LOG rule and stops at any other. */
struct policy_rule *policy_rules_next(struct policy_rules *rules, enum policy_stage stage,
                                      const struct facts *facts, const struct policy_rule *after);

/* A LIMIT rule applies: count one for the address at `now` (milliseconds). False when it was too
 * much. */
bool policy_rules_take(const struct policy_rule *rule, const struct policy_address *address,
                       uint64_t now);

/* A rule of which a pattern gave up at a limit for the first time since the rules were made, each
 * once; NULL when there is none left. To be asked after policy_rules_next(). */
const struct policy_rule *policy_rules_exceeded(struct policy_rules *rules);

/* The header fields that the rules name, for the engine to keep. */
size_t policy_rules_headers(const struct policy_rules *rules, const char *const **names_r);

/* All rules, in order. */
size_t policy_rules_list(const struct policy_rules *rules, struct policy_rule *const **rules_r);

/* The rules as statements, each on a line behind `indent`. */
void policy_rules_print(const struct policy_rules *rules, FILE *out, const char *indent);

#endif
