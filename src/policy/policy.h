/*
 * A policy: what a listener lets pass, hides and refuses. Plain data, made once when the
 * configuration is read and never changed while a session uses it.
 *
 * A policy begins as a profile and is changed by statements. Each switch here is one statement of
 * the configuration language (design section 4, docs/configuration.md), and policy_print() writes
 * a policy as the statements that make it.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "smtp/body.h"
#include "smtp/keyword.h"
#include "smtp/verb.h"

#include <stdio.h>

/* banner: what becomes of the server's greeting. The code always stays. */
enum policy_banner {
    POLICY_BANNER_PASS,     /* as the server sent it */
    POLICY_BANNER_HIDE,     /* "220 <its host name> ESMTP" */
    POLICY_BANNER_HOST,     /* "220 <its host name>" */
    POLICY_BANNER_MASK,     /* every character but 2, 0 and space becomes "*" (PIX 5.1+) */
    POLICY_BANNER_MASK_ALL, /* every character becomes "*" (PIX 4.4, ASA) */
    POLICY_BANNER_TEXT,     /* a text of the site's own */
};

/* ehlo: what becomes of an EHLO that `command` allows. */
enum policy_ehlo { POLICY_EHLO_PASS, POLICY_EHLO_REFUSE, POLICY_EHLO_AS_HELO };

/* keyword: what becomes of a line of the EHLO reply. */
enum policy_keyword {
    POLICY_KEYWORD_ALLOW,
    POLICY_KEYWORD_HIDE, /* the line vanishes */
    POLICY_KEYWORD_MASK, /* the line becomes X…X and a counting letter (ASA) */
};

/* command: what becomes of a verb. */
enum policy_command {
    POLICY_COMMAND_ALLOW,
    POLICY_COMMAND_REFUSE, /* answered 502 5.5.1; the server never sees it */
    POLICY_COMMAND_MASK,   /* the server gets X…X in its place, and its answer is relayed */
    POLICY_COMMAND_NOOP,   /* the server gets NOOP in its place, and its answer is relayed */
    POLICY_COMMAND_DROP,   /* both connections are closed without an answer */
};

/* starttls */
enum policy_starttls {
    POLICY_STARTTLS_PASS,    /* relayed; after the server's 220 nothing is seen any more */
    POLICY_STARTTLS_HIDE,    /* keyword and verb are treated as denied ones */
    POLICY_STARTTLS_REQUIRE, /* 530 5.7.0 to everything before it */
};

/* framing: what becomes of a line or a body that is not CRLF-ended text. */
enum policy_framing {
    POLICY_FRAMING_REFUSE, /* 550 5.5.2; the server's copy is abandoned */
    POLICY_FRAMING_FIX,    /* made regular, and logged */
    POLICY_FRAMING_LOG,    /* passed, and logged */
    POLICY_FRAMING_PASS,   /* passed */
};

/* enforce, relax: the checks that the gateway makes itself instead of leaving them to the server.
 */
enum policy_check {
    POLICY_CHECK_SEQUENCE = 1 << 0,   /* 503 5.5.1 for a command out of sequence */
    POLICY_CHECK_PIPELINING = 1 << 1, /* 554 5.5.0 for talking before it is one's turn */
    POLICY_CHECK_PARAMETERS = 1 << 2, /* 555 5.5.4 for a parameter that was not offered */
    POLICY_CHECK_SYNTAX = 1 << 3,     /* 501 5.5.4 for malformed arguments */
};

/* limit: the most of each; 0 means no limit where that is allowed (docs/configuration.md). */
struct policy_limits {
    uint32_t command_line; /* octets with CRLF; extensions add to it (RFC 5321 4.5.3.1.4) */
    uint32_t auth_line;    /* octets with CRLF (RFC 4954 section 4) */
    uint32_t text_line;    /* octets of a body line without CRLF */
    uint32_t reply_line;   /* octets with CRLF */
    uint32_t reply_lines;  /* lines of one reply */
    uint32_t pipeline;     /* commands whose replies are outstanding */
    uint32_t recipients;   /* RCPT commands of one transaction */
    uint32_t errors;       /* commands of one session that got an error from the gateway */
    uint64_t message_size; /* octets of one message; 0: the server decides */
};

/* timeout: in milliseconds (RFC 5321 section 4.5.3.2). */
struct policy_timeouts {
    uint32_t connect;    /* for one server to accept the connection */
    uint32_t greeting;   /* the server's 220 */
    uint32_t command;    /* the client's next command */
    uint32_t reply;      /* the server's reply to a command */
    uint32_t data_block; /* the client's next piece of a body */
    uint32_t data_end;   /* the server's reply to the final dot */
};

struct policy_rules; /* policy/rule.h */

struct policy {
    const char *profile;        /* borrowed: name of the profile it began as */
    struct policy_rules *rules; /* in the configuration's arena; NULL where there is none */
    const char *banner_text;    /* owned by the configuration's arena; NULL unless BANNER_TEXT */
    uint8_t banner;             /* enum policy_banner */
    uint8_t ehlo;               /* enum policy_ehlo */
    uint8_t starttls;           /* enum policy_starttls */
    uint8_t checks;             /* enum policy_check, those in force */
    bool verbatim; /* forward commands and replies as received, not in canonical form */
    uint8_t command[SMTP_VERB_WORDS];  /* enum policy_command; [UNKNOWN] for words not known */
    uint8_t keyword[SMTP_KEYWORDS];    /* enum policy_keyword; [UNKNOWN] for words not known */
    uint8_t framing[SMTP_BODY_EVENTS]; /* enum policy_framing, for events that can be refused */
    struct policy_limits limits;
    struct policy_timeouts timeouts;
};

/* The words of each switch, in the order of its enum, NULL-terminated: from these the grammar, the
 * "did you mean" of its errors and policy_print() are made. */
extern const char *const policy_banner_words[];   /* "pass", "hide", "host", "mask", "mask-all" */
extern const char *const policy_ehlo_words[];     /* "pass", "refuse", "as-helo" */
extern const char *const policy_keyword_words[];  /* "allow", "hide", "mask" */
extern const char *const policy_command_words[];  /* "allow", "refuse", "mask", "noop", "drop" */
extern const char *const policy_starttls_words[]; /* "pass", "hide", "require" */
extern const char *const policy_framing_words[];  /* "refuse", "fix", "log", "pass" */
extern const char *const policy_event_words[];    /* "bare-cr", … : what framing is said of */
extern const char *const policy_check_words[];    /* "sequence", … : bit i is word i */
extern const char *const policy_forward_words[];  /* "canonical", "verbatim" */

/* One limit or timeout by its name in the configuration. */
struct policy_number_info {
    const char *name;  /* "command-line" */
    const char *about; /* a line for the reference */
    uint64_t min, max; /* what is accepted */
    uint64_t standard; /* what every profile has that says nothing else */
    uint16_t offset;   /* in struct policy_limits or struct policy_timeouts */
    bool wide;         /* 64 bits, else 32 */
    bool octets;       /* a size, which may have a unit (K, M, G); else a count */
    bool none;         /* 0 is accepted as well and means no limit */
};
extern const struct policy_number_info policy_limit_infos[];   /* ends with name NULL */
extern const struct policy_number_info policy_timeout_infos[]; /* ends with name NULL */

uint64_t policy_number_get(const struct policy_number_info *info, const void *base);
void policy_number_set(const struct policy_number_info *info, void *base, uint64_t value);

/* The profiles, in the order in which they are listed. */
struct policy_profile {
    const char *name;
    const char *about; /* what it is for, in a line */
    void (*make)(struct policy *policy_r);
};
extern const struct policy_profile policy_profiles[]; /* ends with name NULL */

/* The profile of that name, or NULL. */
const struct policy_profile *policy_profile_find(struct span name);

/* Begin `policy_r` as that profile. Bytes between its fields are zero, so that two policies without
 * a text of their own and rules can be compared with memcmp(). */
void policy_begin(struct policy *policy_r, const struct policy_profile *profile);

/* The name by which a policy knows event `i` of policy_event_words. A lone dot has no word: it is
 * a bare LF, and is treated as `framing` says of those. */
enum smtp_body_event policy_event(unsigned i);
void policy_set_framing(struct policy *policy, enum smtp_body_event event,
                        enum policy_framing framing);

/* What becomes of an EHLO line with that keyword, all switches taken together: what is not carried
 * or is refused is not offered either. */
enum policy_keyword policy_keyword_verdict(const struct policy *policy, enum smtp_keyword keyword);

/* What becomes of a command, likewise: a service that is hidden is refused as well. An EHLO that is
 * allowed here may still be refused by `ehlo`. */
enum policy_command policy_command_verdict(const struct policy *policy, enum smtp_verb verb);

/* Write the policy as statements, each line behind `indent`, such that reading them gives this
 * policy again, whatever profile it is read on top of. */
void policy_print(const struct policy *policy, FILE *out, const char *indent);

#endif
