/*
 * Where the switches of a policy come from: the statement of the configuration that set each, kept
 * beside struct policy, which sessions read and which stays small.
 *
 * Of several statements that speak of one switch it is the last, whether or not it changed
 * anything: that is the one to edit.
 */
#ifndef POLICY_ORIGIN_H
#define POLICY_ORIGIN_H

#include "smtp/keyword.h"
#include "smtp/verb.h"

struct policy_statement {
    const char *text; /* "keyword hide CHUNKING", a long list shortened */
    const char *file;
    unsigned line;
    bool sweeping; /* speaks of `all` or `others`, and of many words without naming them */
};

/* NULL: as the profile has it. */
struct policy_origin {
    const struct policy_statement *profile; /* NULL: no statement names one */
    const struct policy_statement *banner, *ehlo, *starttls;
    const struct policy_statement *message_size; /* limit message-size */
    const struct policy_statement *command[SMTP_VERB_WORDS];
    const struct policy_statement *keyword[SMTP_KEYWORDS];
};

#endif
