/*
 * The table of phases. A transition that stands here happens when the server's reply comes, never
 * when the command is sent: PIX Mailguard advanced on the command, lost step on a DATA that the
 * server refused, and let everything pass (CVE-2000-1022).
 */
#include "smtp/phase.h"

static const char *const names[] = {
    [SMTP_PHASE_CONNECT] = "CONNECT", [SMTP_PHASE_GREETED] = "GREETED",
    [SMTP_PHASE_READY] = "READY",     [SMTP_PHASE_MAIL] = "MAIL",
    [SMTP_PHASE_RCPT] = "RCPT",       [SMTP_PHASE_CHUNKS] = "CHUNKS",
    [SMTP_PHASE_DATA] = "DATA",       [SMTP_PHASE_AUTH] = "AUTH",
    [SMTP_PHASE_TLS] = "TLS",         [SMTP_PHASE_REFUSED] = "REFUSED",
    [SMTP_PHASE_CLOSED] = "CLOSED",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == SMTP_PHASES, "a name for every phase");

const char *smtp_phase_name(enum smtp_phase phase)
{
    return names[phase];
}

enum { CLASSES = 6 }; /* reply classes by their digit; 0 and 1 are not used */

/* next[phase][verb][class] is the phase that follows, plus one; 0 where the phase stays. */
#define TO(phase) (SMTP_PHASE_##phase + 1)

/* HELO and EHLO identify the client; in mid-transaction they also abandon it (RFC 5321 4.1.4). */
#define HELLO                                                                                      \
    [SMTP_VERB_HELO] = {[2] = TO(READY)}, [SMTP_VERB_EHLO] = {[2] = TO(READY)},                    \
    [SMTP_VERB_LHLO] = {[2] = TO(READY)}
#define RESET [SMTP_VERB_RSET] = {[2] = TO(READY)}
#define QUIT  [SMTP_VERB_QUIT] = {[2] = TO(CLOSED)}
#define OPEN                                                                                       \
    [SMTP_VERB_MAIL] = {[2] = TO(MAIL)}, [SMTP_VERB_SEND] = {[2] = TO(MAIL)},                      \
    [SMTP_VERB_SOML] = {[2] = TO(MAIL)}, [SMTP_VERB_SAML] = {[2] = TO(MAIL)}
#define TLS          [SMTP_VERB_STARTTLS] = {[2] = TO(TLS)}, [SMTP_VERB_X_ANONYMOUSTLS] = {[2] = TO(TLS)}
#define AUTHENTICATE [SMTP_VERB_AUTH] = {[3] = TO(AUTH)}, [SMTP_VERB_X_EXPS] = {[3] = TO(AUTH)}
/* With PIPELINING a server may say 354 although it took no recipient (RFC 2920 section 3.1), and
 * the client then sends a dot. Wherever it says so, a body follows. */
#define BODY [SMTP_VERB_DATA] = {[3] = TO(DATA)}
/* After a chunk that failed the transaction can only be abandoned (RFC 3030 section 2), which is
 * for the server to insist on: the phase stays. The reply to the last one ends it in any case. */
#define CHUNK                                                                                      \
    [SMTP_VERB_BDAT] = {[2] = TO(CHUNKS)}, [SMTP_VERB_BURL] = {[2] = TO(CHUNKS)},                  \
    [SMTP_VERB_BDAT_LAST] = {[2] = TO(READY), [4] = TO(READY), [5] = TO(READY)}
/* XCLIENT brings a new greeting, and with it a new session. */
#define IDENTITY [SMTP_VERB_XCLIENT] = {[2] = TO(GREETED)}

static const uint8_t next[SMTP_PHASES][SMTP_VERBS][CLASSES] = {
    [SMTP_PHASE_CONNECT] =
        {[SMTP_VERB_GREETING] = {[2] = TO(GREETED), [4] = TO(CLOSED), [5] = TO(REFUSED)}},
    /* A server may take MAIL without HELO, as RFC 5321 section 4.1.4 lets it. */
    [SMTP_PHASE_GREETED] = {HELLO, QUIT, TLS, OPEN, BODY, AUTHENTICATE, IDENTITY},
    [SMTP_PHASE_READY] = {HELLO, RESET, QUIT, OPEN, BODY, TLS, AUTHENTICATE, IDENTITY},
    [SMTP_PHASE_MAIL] = {HELLO, RESET, QUIT, OPEN, BODY, [SMTP_VERB_RCPT] = {[2] = TO(RCPT)}},
    [SMTP_PHASE_RCPT] = {HELLO, RESET, QUIT, OPEN, BODY, CHUNK},
    [SMTP_PHASE_CHUNKS] = {HELLO, RESET, QUIT, OPEN, BODY, CHUNK},
    [SMTP_PHASE_DATA] =
        {[SMTP_VERB_END_OF_DATA] = {[2] = TO(READY), [4] = TO(READY), [5] = TO(READY)}},
    [SMTP_PHASE_AUTH] =
        {[SMTP_VERB_AUTH_RESPONSE] = {[2] = TO(READY), [4] = TO(READY), [5] = TO(READY)}},
    [SMTP_PHASE_REFUSED] = {QUIT},
};

enum smtp_phase smtp_phase_after(enum smtp_phase phase, enum smtp_verb verb, unsigned reply_class)
{
    unsigned to = reply_class < CLASSES ? next[phase][verb][reply_class] : 0;
    return to > 0 ? (enum smtp_phase)(to - 1) : phase;
}
