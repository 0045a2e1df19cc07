/*
 * The verbs: every SMTP command that an RFC or a device of the field names, in one table from
 * which parsing, sequence checks, policy, counters, help and documentation are made.
 */
#ifndef SMTP_VERB_H
#define SMTP_VERB_H

#include "base/span.h"

enum smtp_verb {
    SMTP_VERB_UNKNOWN, /* a word that the table does not know */
    SMTP_VERB_HELO,
    SMTP_VERB_FIRST = SMTP_VERB_HELO,
    SMTP_VERB_EHLO,
    SMTP_VERB_LHLO,
    SMTP_VERB_MAIL,
    SMTP_VERB_RCPT,
    SMTP_VERB_DATA,
    SMTP_VERB_BDAT,
    SMTP_VERB_BURL,
    SMTP_VERB_RSET,
    SMTP_VERB_NOOP,
    SMTP_VERB_QUIT,
    SMTP_VERB_VRFY,
    SMTP_VERB_EXPN,
    SMTP_VERB_HELP,
    SMTP_VERB_AUTH,
    SMTP_VERB_STARTTLS,
    SMTP_VERB_ETRN,
    SMTP_VERB_ATRN,
    SMTP_VERB_TURN,
    SMTP_VERB_SEND,
    SMTP_VERB_SOML,
    SMTP_VERB_SAML,
    SMTP_VERB_ONEX,
    SMTP_VERB_VERB,
    SMTP_VERB_XCLIENT,
    SMTP_VERB_XFORWARD,
    SMTP_VERB_X_EXPS,
    SMTP_VERB_XEXCH50,
    SMTP_VERB_X_LINK2STATE,
    SMTP_VERB_X_ANONYMOUSTLS,
    SMTP_VERB_XPROXYFROM,
    SMTP_VERB_XPROXYTO,
    SMTP_VERB_XSHADOW,
    SMTP_VERB_XADR,
    SMTP_VERB_XSTA,
    SMTP_VERB_XCIR,
    SMTP_VERB_XGEN,
    SMTP_VERB_XUSR,
    SMTP_VERB_XTND,
    SMTP_VERB_TICK,
    SMTP_VERB_SHOWQ,
    SMTP_VERB_DEBUG,
    SMTP_VERB_WIZ,
    SMTP_VERB_KILL,
    SMTP_VERB_GET,
    SMTP_VERB_POST,
    SMTP_VERB_CONNECT,

    /* Not words of the protocol but things that a server answers, for the phase table. */
    SMTP_VERB_GREETING,
    SMTP_VERB_END_OF_DATA,
    SMTP_VERB_BDAT_LAST,
    SMTP_VERB_AUTH_RESPONSE,
};
enum {
    SMTP_VERB_WORDS = SMTP_VERB_CONNECT + 1, /* UNKNOWN and the words of the protocol */
    SMTP_VERBS = SMTP_VERB_AUTH_RESPONSE + 1,
};

/* What may follow a verb. */
enum smtp_grammar {
    SMTP_GRAMMAR_ANY,       /* not looked at */
    SMTP_GRAMMAR_NONE,      /* nothing (RFC 5321: DATA, RSET, QUIT) */
    SMTP_GRAMMAR_OPTIONAL,  /* nothing, or any text (NOOP, HELP) */
    SMTP_GRAMMAR_TEXT,      /* some text (VRFY, EXPN, ETRN) */
    SMTP_GRAMMAR_HELLO,     /* one word: a domain or an address literal */
    SMTP_GRAMMAR_MAIL,      /* FROM:<reverse-path> [parameters] */
    SMTP_GRAMMAR_RCPT,      /* TO:<forward-path> [parameters] */
    SMTP_GRAMMAR_BDAT,      /* chunk-size [LAST] (RFC 3030 section 2) */
    SMTP_GRAMMAR_BURL,      /* URL [LAST] (RFC 4468) */
    SMTP_GRAMMAR_AUTH,      /* mechanism [initial-response] (RFC 4954 section 4) */
    SMTP_GRAMMAR_ATTRIBUTES /* name=value … (XCLIENT, XFORWARD) */
};

enum smtp_verb_flags {
    SMTP_VERB_SYNC = 1 << 0,    /* what follows depends on its reply: the last of a pipelined group
                                   (RFC 2920 3.1, which also lists NOOP, VRFY and EXPN: these
                                   change nothing, and clients do pipeline them) */
    SMTP_VERB_MINIMUM = 1 << 1, /* one of the seven of RFC 821 section 4.5.1 */
    SMTP_VERB_SECRET = 1 << 2,  /* its argument is never logged */
    SMTP_VERB_FOREIGN = 1 << 3, /* another protocol's: HTTP sent to an SMTP port */
    SMTP_VERB_TRANSACTION = 1 << 4, /* opens a mail transaction (MAIL, SEND, SOML, SAML) */
    SMTP_VERB_HELLO = 1 << 5,       /* identifies the client (HELO, EHLO, LHLO) */
    SMTP_VERB_TLS = 1 << 6,         /* starts TLS */
    SMTP_VERB_ROLES = 1 << 7,       /* turns the session into another */
};

struct smtp_verb_info {
    struct span name;
    uint16_t phases;   /* SMTP_IN() of each phase in which the RFCs allow it */
    uint8_t grammar;   /* enum smtp_grammar */
    uint8_t flags;     /* enum smtp_verb_flags */
    uint8_t keyword;   /* enum smtp_keyword that a server announces for it; UNKNOWN for none */
    const char *rfc;   /* where it is defined */
    const char *about; /* what it does, in a line */
};

/* The table's row. Never NULL; `verb` must be below SMTP_VERBS. */
const struct smtp_verb_info *smtp_verb_info(enum smtp_verb verb);

/* The verb named by `word`, letters folded; SMTP_VERB_UNKNOWN where there is none. */
enum smtp_verb smtp_verb_find(struct span word);

/* The verb whose name is the least distant from `word`, for "did you mean". */
enum smtp_verb smtp_verb_nearest(struct span word);

#endif
