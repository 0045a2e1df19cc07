/*
 * The EHLO keywords and the MAIL and RCPT parameters that come with them: the IANA registry "SMTP
 * Service Extensions" and what devices and servers of the field announce beside it.
 */
#ifndef SMTP_KEYWORD_H
#define SMTP_KEYWORD_H

#include "base/span.h"

enum smtp_keyword {
    SMTP_KEYWORD_UNKNOWN,
    SMTP_KEYWORD_8BITMIME,
    SMTP_KEYWORD_FIRST = SMTP_KEYWORD_8BITMIME,
    SMTP_KEYWORD_ATRN,
    SMTP_KEYWORD_AUTH,
    SMTP_KEYWORD_BINARYMIME,
    SMTP_KEYWORD_BURL,
    SMTP_KEYWORD_CHECKPOINT,
    SMTP_KEYWORD_CHUNKING,
    SMTP_KEYWORD_CONNEG,
    SMTP_KEYWORD_CONPERM,
    SMTP_KEYWORD_DELIVERBY,
    SMTP_KEYWORD_DSN,
    SMTP_KEYWORD_ENHANCEDSTATUSCODES,
    SMTP_KEYWORD_ETRN,
    SMTP_KEYWORD_EXPN,
    SMTP_KEYWORD_FUTURERELEASE,
    SMTP_KEYWORD_HELP,
    SMTP_KEYWORD_LIMITS,
    SMTP_KEYWORD_MT_PRIORITY,
    SMTP_KEYWORD_MTRK,
    SMTP_KEYWORD_NO_SOLICITING,
    SMTP_KEYWORD_ONEX,
    SMTP_KEYWORD_PIPELINING,
    SMTP_KEYWORD_REQUIRETLS,
    SMTP_KEYWORD_RRVS,
    SMTP_KEYWORD_SAML,
    SMTP_KEYWORD_SEND,
    SMTP_KEYWORD_SIZE,
    SMTP_KEYWORD_SMTPUTF8,
    SMTP_KEYWORD_SOML,
    SMTP_KEYWORD_STARTTLS,
    SMTP_KEYWORD_SUBMITTER,
    SMTP_KEYWORD_TURN,
    SMTP_KEYWORD_UTF8SMTP,
    SMTP_KEYWORD_VERB,
    SMTP_KEYWORD_VRFY,
    SMTP_KEYWORD_PIPECONNECT,
    SMTP_KEYWORD_PRDR,
    SMTP_KEYWORD_XVERP,
    SMTP_KEYWORD_XCLIENT,
    SMTP_KEYWORD_XFORWARD,
    SMTP_KEYWORD_X_EXPS,
    SMTP_KEYWORD_XEXCH50,
    SMTP_KEYWORD_X_LINK2STATE,
    SMTP_KEYWORD_X_ANONYMOUSTLS,
    SMTP_KEYWORD_X_RCPTLIMIT,
    SMTP_KEYWORD_XRDST,
    SMTP_KEYWORD_XSHADOW,
    SMTP_KEYWORD_XPROXY,
    SMTP_KEYWORD_XOORG,
    SMTP_KEYWORD_XADR,
    SMTP_KEYWORD_XSTA,
    SMTP_KEYWORD_XCIR,
    SMTP_KEYWORD_XGEN,
    SMTP_KEYWORD_XUSR,
};
enum { SMTP_KEYWORDS = SMTP_KEYWORD_XUSR + 1 };

/* A set of keywords: bit k stands for keyword k. */
typedef uint64_t smtp_keyword_set;
_Static_assert(SMTP_KEYWORDS <= 64, "a keyword set is one word");

static inline smtp_keyword_set smtp_keyword_bit(enum smtp_keyword keyword)
{
    return (smtp_keyword_set)1 << keyword;
}

struct smtp_keyword_info {
    struct span name;
    const char *rfc;     /* where it is defined */
    const char *about;   /* the service it stands for, in a line */
    uint16_t mail, rcpt; /* octets that it adds to the longest MAIL and RCPT command */
};

/* The table's row. Never NULL; `keyword` must be below SMTP_KEYWORDS. */
const struct smtp_keyword_info *smtp_keyword_info(enum smtp_keyword keyword);

/* The keyword named by `word`, letters folded; SMTP_KEYWORD_UNKNOWN where there is none. */
enum smtp_keyword smtp_keyword_find(struct span word);

/* The keyword of one EHLO line (its text after "250-"): the word up to a blank or, as in the old
 * "AUTH=LOGIN", up to "=". */
enum smtp_keyword smtp_keyword_of_line(struct span text);

/* The keyword whose name is the least distant from `word`, for "did you mean". */
enum smtp_keyword smtp_keyword_nearest(struct span word);

/* One ESMTP parameter of MAIL or RCPT: "SIZE=1000" (RFC 5321 section 4.1.2). */
struct smtp_param {
    struct span name;
    struct span value; /* empty with ptr NULL where there is no "=" */
};

/* Cut the next parameter off `*rest`. 1: a parameter; 0: there is none left; -1: malformed, and
 * `param_r->name` is the offending word. */
int smtp_param_next(struct span *rest, struct smtp_param *param_r);

/* The keyword under which a server must have announced the parameter, in MAIL (or, where `rcpt`,
 * in RCPT): SIZE for "SIZE=1", BINARYMIME for "BODY=BINARYMIME", DSN for "RET=HDRS".
 * SMTP_KEYWORD_UNKNOWN for a parameter that no known extension defines. */
enum smtp_keyword smtp_param_keyword(const struct smtp_param *param, bool rcpt);

#endif
