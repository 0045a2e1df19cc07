/*
 * Expressions from inside, for the files that build, evaluate and print them.
 */
#ifndef POLICY_EXPR_H
#define POLICY_EXPR_H

#include "policy/address.h"
#include "policy/pattern.h"
#include "policy/rule.h"

enum expr_kind { EXPR_AND, EXPR_OR, EXPR_NOT, EXPR_CONDITION };

enum {
    EXPR_DEPTH_MAX = 100,    /* of parentheses and `not`: evaluation goes down by calls */
    EXPR_HEADERS_MAX = 1000, /* header fields that one policy names */
};

struct policy_expr {
    enum expr_kind kind;
    uint16_t known;    /* stages at which all its fields are known */
    uint16_t possible; /* … and at which it can hold */
    unsigned depth;
    struct policy_expr *first, *last; /* AND, OR: two or more; NOT: one */
    struct policy_expr *next;         /* its sibling */

    /* CONDITION */
    const struct policy_field *field;
    enum policy_operator op;
    bool nocase;
    uint32_t header; /* index among the rules' headers */
    const char *header_name;
    uint64_t number;
    struct span text; /* or pattern, address, the list's name; in the arena */
    struct policy_network network;
    struct policy_pattern *pattern;        /* owned by the rules */
    const struct policy_list *const *list; /* borrowed */
};

struct pattern_node {
    struct pattern_node *next;
    struct policy_pattern *pattern; /* owned */
};

struct policy_rules {
    struct arena *arena; /* borrowed */
    struct pattern_node *patterns;
    struct policy_rule **list; /* in the arena, like all the rest */
    size_t count, room;
    struct policy_rule *first[POLICY_STAGES], *last[POLICY_STAGES];
    const char **headers;
    size_t header_count, header_room;
    unsigned untold; /* rules that exceeded a limit and have not been told of */
};

/* A fault with that part; returns NULL. */
struct policy_expr *policy_fault(struct policy_fault *fault_r, enum policy_part part,
                                 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for lack of memory. */
struct policy_expr *policy_fault_memory(struct policy_fault *fault_r);

/* "; did you mean …?" in words of `known` or "" where none is near. */
enum { POLICY_HINT_MAX = 96 };
const char *policy_hint(struct span word, const char *known, char *hint_r);

/* A larger array of pointers in the arena, twice the room; NULL when memory is out. */
void *policy_array_grow(struct arena *arena, const void *array, size_t count, size_t *room);

/* The stages at which a command with that verb can be the one that is asked about. */
uint16_t policy_verb_stages(struct span verb);

#endif
