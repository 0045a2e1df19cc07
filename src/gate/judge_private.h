/*
 * Inside the judge.
 */
#ifndef GATE_JUDGE_PRIVATE_H
#define GATE_JUDGE_PRIVATE_H

#include "gate/judge.h"
#include "mail/mail.h"

enum {
    JUDGE_HEADERS_MAX = 64,          /* header fields that rules name, kept of one message */
    JUDGE_HEADER_OCTETS_MAX = 65536, /* octets of their values, all together */
    JUDGE_DOMAINS_MAX = 256,         /* recipient domains that are told apart in one transaction */
};

/* The message that is on its way. */
struct judge_message {
    struct mail *mail;                                     /* owned */
    struct gate *gate;                                     /* borrowed */
    struct gate_out *out;                                  /* borrowed, during a call */
    const struct policy_rule *verdict;                     /* a rule of the configuration's */
    struct policy_header_value headers[JUDGE_HEADERS_MAX]; /* values owned */
    uint32_t header_count;
    size_t header_octets;
    bool failed;         /* out of memory */
    char anomalies[512]; /* their names, separated by blanks */
    unsigned char extension[64];
};

struct judge_domain {
    uint32_t hash;
    uint32_t count;
};

struct judge {
    struct policy_rules *rules;        /* borrowed */
    const struct policy_rule *delayed; /* what the client waits for, or has waited for */
    uint64_t until;                    /* when the wait is over; UINT64_MAX: there is none */
    struct facts facts;
    uint64_t octets;              /* of the client that were taken so far */
    smtp_keyword_set hidden;      /* EHLO lines that a rule has taken out */
    uint32_t refused;             /* commands that the server has refused */
    char *helo;                   /* owned: what facts.helo points into */
    char *mail;                   /* owned: the MAIL command's line */
    char *mechanism;              /* owned */
    unsigned char capitals[32];   /* the mechanism that is asked about */
    bool esmtp;                   /* the HELO that is kept was an EHLO */
    struct judge_domain *domains; /* owned; NULL while nothing was counted */
    uint32_t domain_count;
    struct judge_message *message; /* owned; NULL between messages */
};

/* Ask the rules of one stage; the facts are set. */
const struct policy_rule *judge_ask(struct gate *g, struct gate_out *out, enum policy_stage stage);

/* The recipient that a reply is about; NULL: none. */
void judge_recipient(struct judge *j, const char *address);

void judge_message_free(struct judge *j);

#endif
