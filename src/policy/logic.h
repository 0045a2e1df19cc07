/*
 * What can be said of expressions without any facts: that one never holds, always holds, or holds
 * only where another does.
 *
 * Sound and incomplete: true is certain, false means not known. Text patterns and lists are not
 * looked into, since a list may change while the policy is in force.
 */
#ifndef POLICY_LOGIC_H
#define POLICY_LOGIC_H

#include "policy/expr.h"
#include "policy/policy.h"

struct policy_logic {
    const struct policy *policy; /* some fields have one value under a policy */
    unsigned steps;              /* left for one question; at 0 the answer is "not known" */
};

bool policy_logic_never(const struct policy *policy, const struct policy_expr *e);
bool policy_logic_always(const struct policy *policy, const struct policy_expr *e);

/* Wherever `a` holds, `b` does. */
bool policy_logic_implies(const struct policy *policy, const struct policy_expr *a,
                          const struct policy_expr *b);

/* `a` and `b` never hold together. */
bool policy_logic_refutes(const struct policy *policy, const struct policy_expr *a,
                          const struct policy_expr *b);

#endif
