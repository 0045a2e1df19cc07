/*
 * The price of a policy: which ESMTP services it leaves to senders, what takes the others, what
 * real senders then do, and where the policy contradicts itself.
 *
 * `ehlogate check` shows it; docs/check.md says how to read it.
 */
#ifndef POLICY_IMPACT_H
#define POLICY_IMPACT_H

#include "base/arena.h"
#include "policy/origin.h"
#include "policy/policy.h"
#include "policy/rule.h"

enum policy_service_state {
    POLICY_SERVICE_KEPT,
    POLICY_SERVICE_PART,   /* for some senders, or some of the time */
    POLICY_SERVICE_LOST,   /* the policy takes it */
    POLICY_SERVICE_ABSENT, /* the backend does not offer it, whatever the policy says */
};
extern const char *const policy_service_words[]; /* "kept", "part", "lost", "absent" */

/* What takes something: a statement, a rule, or the profile where neither is set. All NULL: no part
 * of the policy does. */
struct policy_cause {
    const struct policy_statement *statement;
    const struct policy_rule *rule;
    const char *profile;
};
enum { POLICY_CAUSE_MAX = 128 };
const char *policy_cause_text(const struct policy_cause *cause, char *text_r);
/* Its place; NULL where it has none: a profile that no statement names. */
const char *policy_cause_file(const struct policy_cause *cause, unsigned *line_r);
bool policy_cause_equal(const struct policy_cause *a, const struct policy_cause *b);

struct policy_service {
    enum policy_service_state state;
    bool until_tls; /* PART: lost until STARTTLS, behind which the server offers it unseen */
    struct policy_cause cause;
    const char *effect; /* what senders do; "" where nothing is to be said */
};

/* A service's name for people, "TLS"; else the keyword. And is it one that most people ask for? */
const char *policy_service_name(enum smtp_keyword keyword);
bool policy_service_major(enum smtp_keyword keyword);

/* What senders do without it; "" where nothing is to be said. */
const char *policy_service_effect(enum smtp_keyword keyword);

/* All keywords, the major ones first, the unknown last: for `index` below SMTP_KEYWORDS. */
enum smtp_keyword policy_service_order(unsigned index);

struct policy_finding {
    struct policy_finding *next;
    bool warning;     /* a contradiction, or a price that surprises; else a note */
    const char *code; /* "masked-banner": stable, for programs */
    const char *text;
    struct policy_cause cause;
};

struct policy_impact_input {
    const struct policy *policy;
    const struct policy_origin *origin; /* NULL: all is the profile's */
    bool live;                          /* the backend's servers have been asked: */
    smtp_keyword_set by_all, by_some;   /* what all of them, and any of them, announce */
};

struct policy_impact {
    struct arena *arena; /* borrowed */
    const struct policy *policy;
    const struct policy_origin *origin;
    bool esmtp;                      /* senders have EHLO */
    struct policy_cause esmtp_cause; /* what takes it */
    struct policy_service services[SMTP_KEYWORDS];
    struct policy_finding *findings, **findings_end;
    bool failed; /* memory is out */
};

/* False when memory is out. */
bool policy_impact_make(struct arena *arena, const struct policy_impact_input *input,
                        struct policy_impact *impact_r) __attribute__((warn_unused_result));

unsigned policy_impact_warnings(const struct policy_impact *impact);

/* For impact_rules.c. */
void policy_impact_add(struct policy_impact *impact, bool warning, const char *code,
                       const struct policy_cause *cause, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void policy_impact_services(struct policy_impact *impact); /* what rules do to the services */
void policy_impact_rules(struct policy_impact *impact);    /* what rules do to each other */

#endif
