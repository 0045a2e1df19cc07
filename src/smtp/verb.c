/*
 * The table of verbs. The phases are those in which the RFCs allow a verb; what a server makes of
 * it elsewhere is for the server to say where policy leaves it to the server.
 */
#include "smtp/verb.h"

#include "smtp/keyword.h"
#include "smtp/phase.h"

/* Phases that several verbs share. */
enum {
    GREETED_ON =
        SMTP_IN(GREETED) | SMTP_IN(READY) | SMTP_IN(MAIL) | SMTP_IN(RCPT) | SMTP_IN(CHUNKS),
    ANY_TIME = GREETED_ON | SMTP_IN(REFUSED),
    BETWEEN = SMTP_IN(GREETED) | SMTP_IN(READY),
    IDLE = SMTP_IN(READY),
    IN_MAIL = SMTP_IN(MAIL) | SMTP_IN(RCPT),
    IN_RCPT = SMTP_IN(RCPT),
    IN_CHUNKS = SMTP_IN(RCPT) | SMTP_IN(CHUNKS),
};

#define ROW(id, word, where, args, bits, announced, source, what)                                  \
    [SMTP_VERB_##id] = {.name = {(const unsigned char *)(word), sizeof(word) - 1},                 \
                        .phases = (where),                                                         \
                        .grammar = SMTP_GRAMMAR_##args,                                            \
                        .flags = (bits),                                                           \
                        .keyword = SMTP_KEYWORD_##announced,                                       \
                        .rfc = (source),                                                           \
                        .about = (what)}

enum {
    SYNC = SMTP_VERB_SYNC,
    MINIMUM = SMTP_VERB_MINIMUM,
    SECRET = SMTP_VERB_SECRET,
    FOREIGN = SMTP_VERB_FOREIGN,
    OPENS = SMTP_VERB_TRANSACTION,
    HELLOS = SMTP_VERB_HELLO,
    TLS = SMTP_VERB_TLS,
    ROLES = SMTP_VERB_ROLES,
};

static const struct smtp_verb_info verbs[] = {
    ROW(UNKNOWN, "", ANY_TIME, ANY, 0, UNKNOWN, "", "a verb that is not known"),
    ROW(HELO, "HELO", GREETED_ON, HELLO, SYNC | MINIMUM | HELLOS, UNKNOWN, "RFC 5321 4.1.1.1",
        "identify the client"),
    ROW(EHLO, "EHLO", GREETED_ON, HELLO, SYNC | HELLOS, UNKNOWN, "RFC 5321 4.1.1.1",
        "identify the client and ask for the extensions"),
    ROW(LHLO, "LHLO", GREETED_ON, HELLO, SYNC | HELLOS, UNKNOWN, "RFC 2033 4.1", "EHLO of LMTP"),
    ROW(MAIL, "MAIL", IDLE, MAIL, MINIMUM | OPENS, UNKNOWN, "RFC 5321 4.1.1.2",
        "open a transaction"),
    ROW(RCPT, "RCPT", IN_MAIL, RCPT, MINIMUM, UNKNOWN, "RFC 5321 4.1.1.3", "name a recipient"),
    ROW(DATA, "DATA", IN_RCPT, NONE, SYNC | MINIMUM, UNKNOWN, "RFC 5321 4.1.1.4",
        "send the message, ended by a dot"),
    ROW(BDAT, "BDAT", IN_CHUNKS, BDAT, 0, CHUNKING, "RFC 3030 2",
        "send a chunk of the message, its size announced"),
    ROW(BURL, "BURL", IN_CHUNKS, BURL, 0, BURL, "RFC 4468", "fetch the message from a URL"),
    ROW(RSET, "RSET", ANY_TIME, NONE, MINIMUM, UNKNOWN, "RFC 5321 4.1.1.5",
        "abandon the transaction"),
    ROW(NOOP, "NOOP", ANY_TIME, OPTIONAL, MINIMUM, UNKNOWN, "RFC 5321 4.1.1.9", "do nothing"),
    ROW(QUIT, "QUIT", ANY_TIME, NONE, SYNC | MINIMUM, UNKNOWN, "RFC 5321 4.1.1.10",
        "end the session"),
    ROW(VRFY, "VRFY", GREETED_ON, TEXT, 0, VRFY, "RFC 5321 4.1.1.6", "ask about a user"),
    ROW(EXPN, "EXPN", GREETED_ON, TEXT, 0, EXPN, "RFC 5321 4.1.1.7", "ask about a list"),
    ROW(HELP, "HELP", ANY_TIME, OPTIONAL, 0, HELP, "RFC 5321 4.1.1.8", "ask for help"),
    ROW(AUTH, "AUTH", IDLE, AUTH, SYNC | SECRET, AUTH, "RFC 4954", "authenticate the client"),
    ROW(STARTTLS, "STARTTLS", IDLE, NONE, SYNC | TLS, STARTTLS, "RFC 3207", "start TLS"),
    ROW(ETRN, "ETRN", IDLE, TEXT, 0, ETRN, "RFC 1985", "ask for a queue to be run"),
    ROW(ATRN, "ATRN", IDLE, OPTIONAL, SYNC | ROLES, ATRN, "RFC 2645",
        "change roles, authenticated"),
    ROW(TURN, "TURN", IDLE, NONE, SYNC | ROLES, TURN, "RFC 821 3.8", "change roles"),
    ROW(SEND, "SEND", IDLE, MAIL, OPENS, SEND, "RFC 821 3.4", "deliver to a terminal"),
    ROW(SOML, "SOML", IDLE, MAIL, OPENS, SOML, "RFC 821 3.4", "deliver to a terminal or mailbox"),
    ROW(SAML, "SAML", IDLE, MAIL, OPENS, SAML, "RFC 821 3.4", "deliver to a terminal and mailbox"),
    ROW(ONEX, "ONEX", BETWEEN, NONE, 0, ONEX, "sendmail", "announce a single transaction"),
    ROW(VERB, "VERB", BETWEEN, OPTIONAL, 0, VERB, "sendmail", "ask for verbose replies"),
    ROW(XCLIENT, "XCLIENT", BETWEEN, ATTRIBUTES, SYNC, XCLIENT, "Postfix XCLIENT_README",
        "replace the client's identity"),
    ROW(XFORWARD, "XFORWARD", IDLE, ATTRIBUTES, 0, XFORWARD, "Postfix XFORWARD_README",
        "tell the original client's identity"),
    ROW(X_EXPS, "X-EXPS", IDLE, AUTH, SYNC | SECRET, X_EXPS, "Exchange",
        "authenticate an Exchange server"),
    ROW(XEXCH50, "XEXCH50", SMTP_IN(RCPT), TEXT, SYNC, XEXCH50, "MS-XEXCH50",
        "send message properties between Exchange servers"),
    ROW(X_LINK2STATE, "X-LINK2STATE", IDLE, TEXT, 0, X_LINK2STATE, "Exchange",
        "send routing state between Exchange servers"),
    ROW(X_ANONYMOUSTLS, "X-ANONYMOUSTLS", IDLE, NONE, SYNC | TLS, X_ANONYMOUSTLS, "Exchange",
        "start TLS between Exchange servers"),
    ROW(XPROXYFROM, "XPROXYFROM", IDLE, ATTRIBUTES, 0, XPROXY, "Exchange",
        "tell the original client to an Exchange server"),
    ROW(XPROXYTO, "XPROXYTO", IDLE, ATTRIBUTES, SYNC | ROLES, XPROXY, "Exchange",
        "have an Exchange server relay the session"),
    ROW(XSHADOW, "XSHADOW", IDLE, TEXT, 0, XSHADOW, "Exchange",
        "mirror a message between Exchange servers"),
    ROW(XADR, "XADR", GREETED_ON, TEXT, 0, XADR, "Sun Messaging Server",
        "ask how an address is routed"),
    ROW(XSTA, "XSTA", GREETED_ON, OPTIONAL, 0, XSTA, "Sun Messaging Server", "ask for status"),
    ROW(XCIR, "XCIR", GREETED_ON, OPTIONAL, 0, XCIR, "Sun Messaging Server", "ask for circuits"),
    ROW(XGEN, "XGEN", GREETED_ON, OPTIONAL, 0, XGEN, "Sun Messaging Server",
        "ask for channel state"),
    ROW(XUSR, "XUSR", GREETED_ON, OPTIONAL, 0, XUSR, "sendmail", "mark an initial submission"),
    ROW(XTND, "XTND", GREETED_ON, OPTIONAL, 0, UNKNOWN, "POP3 XTND XMIT", "another protocol's"),
    ROW(TICK, "TICK", GREETED_ON, OPTIONAL, 0, UNKNOWN, "sendmail", "ask for a progress mark"),
    ROW(SHOWQ, "SHOWQ", GREETED_ON, OPTIONAL, 0, UNKNOWN, "sendmail", "show the mail queue"),
    ROW(DEBUG, "DEBUG", ANY_TIME, OPTIONAL, 0, UNKNOWN, "sendmail",
        "debugging door of the Internet worm, CVE-1999-0095"),
    ROW(WIZ, "WIZ", ANY_TIME, OPTIONAL, 0, UNKNOWN, "sendmail", "wizard's door, CVE-1999-0145"),
    ROW(KILL, "KILL", ANY_TIME, OPTIONAL, 0, UNKNOWN, "sendmail", "end the wizard's session"),
    ROW(GET, "GET", 0, ANY, FOREIGN, UNKNOWN, "RFC 9110", "HTTP"),
    ROW(POST, "POST", 0, ANY, FOREIGN, UNKNOWN, "RFC 9110", "HTTP"),
    ROW(CONNECT, "CONNECT", 0, ANY, FOREIGN, UNKNOWN, "RFC 9110", "HTTP"),

    ROW(GREETING, "CONNECT", 0, ANY, 0, UNKNOWN, "RFC 5321 3.1", "the greeting"),
    ROW(END_OF_DATA, "END-OF-MESSAGE", 0, ANY, 0, UNKNOWN, "RFC 5321 4.1.1.4", "the final dot"),
    ROW(BDAT_LAST, "BDAT", 0, ANY, 0, UNKNOWN, "RFC 3030 2", "the last chunk"),
    ROW(AUTH_RESPONSE, "AUTH", 0, ANY, SYNC | SECRET, UNKNOWN, "RFC 4954 4", "an AUTH response"),
};
_Static_assert(sizeof(verbs) / sizeof(verbs[0]) == SMTP_VERBS, "a row for every verb");

const struct smtp_verb_info *smtp_verb_info(enum smtp_verb verb)
{
    return &verbs[verb];
}

enum smtp_verb smtp_verb_find(struct span word)
{
    unsigned char first = word.len > 0 ? ascii_upper(word.ptr[0]) : '\0';

    for (unsigned v = SMTP_VERB_FIRST; v < SMTP_VERB_WORDS; v++) {
        if (verbs[v].name.len == word.len && verbs[v].name.ptr[0] == first &&
            span_equal_nocase(word, verbs[v].name)) {
            return (enum smtp_verb)v;
        }
    }
    return SMTP_VERB_UNKNOWN;
}

enum smtp_verb smtp_verb_nearest(struct span word)
{
    enum smtp_verb best = SMTP_VERB_FIRST;

    for (unsigned v = SMTP_VERB_FIRST; v < SMTP_VERB_WORDS; v++) {
        if (span_distance(word, verbs[v].name) < span_distance(word, verbs[best].name)) {
            best = (enum smtp_verb)v;
        }
    }
    return best;
}
