/*
 * A mail server's view of what the engine sends it, as simple as the protocol, to judge the engine
 * by. It reads what the server is sent and what the server says, and knows the policy.
 */
#ifndef FUZZ_SHADOW_H
#define FUZZ_SHADOW_H

#include "golden/text.h"
#include "policy/policy.h"

enum shadow_state {
    SHADOW_LINES,
    SHADOW_BODY,  /* 354 was said */
    SHADOW_CHUNK, /* a BDAT was sent */
    SHADOW_AUTH,  /* 334 was said */
};

enum { SHADOW_ASKED_MAX = 1024 };

struct shadow {
    const struct policy *policy; /* borrowed */
    enum shadow_state state;
    uint64_t chunk;
    struct text got;  /* by the server, not yet understood */
    struct text said; /* by the server, not yet understood */
    bool greeted;
    bool over; /* the server has left the protocol: what follows is not judged */
    uint8_t asked[SHADOW_ASKED_MAX]; /* enum smtp_verb, oldest first; the server owes the replies */
    unsigned asked_count;
    unsigned good_replies; /* 2yz that the server has said, with the greeting */
    unsigned good_shown;   /* 2yz that the client was shown */
    struct text shown;     /* to the client, not yet understood */
};

void shadow_begin(struct shadow *s, const struct policy *policy);
void shadow_end(struct shadow *s);

/* In the order in which it happens. Returns NULL, or what is wrong. */
const char *shadow_said(struct shadow *s, struct span bytes);
const char *shadow_got(struct shadow *s, struct span bytes);
const char *shadow_shown(struct shadow *s, struct span bytes);

#endif
