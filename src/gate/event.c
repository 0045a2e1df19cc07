/*
 * Names of events and counters.
 */
#include "gate/private.h"

const char *gate_event_name(enum gate_event_kind kind)
{
    static const char *const names[] = {
        [GATE_EVENT_PHASE] = "phase",       [GATE_EVENT_REJECT] = "reject",
        [GATE_EVENT_MASK] = "mask",         [GATE_EVENT_HIDE] = "hide",
        [GATE_EVENT_FRAMING] = "framing",   [GATE_EVENT_MESSAGE] = "message",
        [GATE_EVENT_DARK] = "dark",         [GATE_EVENT_PIPELINING] = "pipelining",
        [GATE_EVENT_PROTOCOL] = "protocol", [GATE_EVENT_LOST] = "lost",
        [GATE_EVENT_TIMEOUT] = "timeout",   [GATE_EVENT_LIMIT] = "limit",
        [GATE_EVENT_MEMORY] = "memory",     [GATE_EVENT_RULE] = "rule",
    };
    _Static_assert(sizeof(names) / sizeof(names[0]) == GATE_EVENT_KINDS, "a name for every kind");
    return names[kind];
}

/* The counters, in the order in which Postfix prints them. Verbs that have none of their own are
 * counted under the last. */
static const struct {
    const char *name;
    enum smtp_verb verb;
} counters[] = {
    {"helo", SMTP_VERB_HELO},         {"ehlo", SMTP_VERB_EHLO},
    {"starttls", SMTP_VERB_STARTTLS}, {"auth", SMTP_VERB_AUTH},
    {"mail", SMTP_VERB_MAIL},         {"rcpt", SMTP_VERB_RCPT},
    {"data", SMTP_VERB_DATA},         {"bdat", SMTP_VERB_BDAT},
    {"rset", SMTP_VERB_RSET},         {"noop", SMTP_VERB_NOOP},
    {"vrfy", SMTP_VERB_VRFY},         {"etrn", SMTP_VERB_ETRN},
    {"xclient", SMTP_VERB_XCLIENT},   {"xforward", SMTP_VERB_XFORWARD},
    {"quit", SMTP_VERB_QUIT},         {"unknown", SMTP_VERB_UNKNOWN},
};
_Static_assert(sizeof(counters) / sizeof(counters[0]) == GATE_COUNTS, "a place for every counter");

const char *gate_count_name(unsigned i)
{
    return counters[i].name;
}

const struct gate_count *gate_counts(const struct gate *g, unsigned *count_r)
{
    *count_r = GATE_COUNTS;
    return g->counts;
}

void gate_count_add(struct gate *g, enum smtp_verb verb, unsigned ok, unsigned all)
{
    unsigned i = 0;

    while (i < GATE_COUNTS - 1 && counters[i].verb != verb) {
        i++;
    }
    g->counts[i].ok += ok;
    g->counts[i].all += all;
}
