/*
 * A policy while its statements are read: what the statements of `command` and `keyword` do to it,
 * and what they call `others`.
 *
 * `others` are the words that no statement has named yet, those of the profile included, and every
 * word that the tables do not know. A profile names the words that it treats otherwise than the
 * unknown ones. `allow LIST` and `… all` begin anew: what was named before them is forgotten.
 */
#ifndef POLICY_EDIT_H
#define POLICY_EDIT_H

#include "policy/origin.h"
#include "policy/policy.h"

struct policy_edit {
    struct policy *policy;   /* borrowed */
    uint64_t commands_named; /* bit v: verb v has been named */
    smtp_keyword_set keywords_named;

    /* Where statements are noted, and the one that is being read; `origin` NULL: nowhere. */
    struct policy_origin *origin;             /* borrowed */
    const struct policy_statement *statement; /* borrowed, kept in `origin` */
};

/* The words of one statement: the named ones, and the two words that stand for many. */
struct policy_words {
    uint64_t set; /* bit i: verb or keyword i */
    bool others;
    bool all;
};

/* Begin `policy_r` as that profile. `edit_r` borrows it, and notes no origins. */
void policy_edit_begin(struct policy_edit *edit_r, struct policy *policy_r,
                       const struct policy_profile *profile);

/* `command ACTION LIST`. ALLOW refuses whatever is not in the list, unless the list has `others`
 * and thereby speaks of everything; `also` is ALLOW that leaves the rest as it was. */
void policy_edit_command(struct policy_edit *edit, enum policy_command action, bool also,
                         struct policy_words list);

/* `keyword ACTION LIST`, likewise; what ALLOW leaves out is hidden. */
void policy_edit_keyword(struct policy_edit *edit, enum policy_keyword action, bool also,
                         struct policy_words list);

#endif
