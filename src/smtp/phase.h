/*
 * The phases of an SMTP session as the server's replies make them, and the one table by which a
 * reply moves a session from phase to phase.
 */
#ifndef SMTP_PHASE_H
#define SMTP_PHASE_H

#include "smtp/verb.h"

#include <stdint.h>

enum smtp_phase {
    SMTP_PHASE_CONNECT, /* the greeting has not come */
    SMTP_PHASE_GREETED, /* 220 came; no HELO or EHLO has been accepted */
    SMTP_PHASE_READY,   /* identified, no mail transaction */
    SMTP_PHASE_MAIL,    /* MAIL accepted, no recipient yet */
    SMTP_PHASE_RCPT,    /* at least one recipient accepted */
    SMTP_PHASE_CHUNKS,  /* at least one BDAT accepted, none of them LAST */
    SMTP_PHASE_DATA,    /* 354 came: the message body is on its way */
    SMTP_PHASE_AUTH,    /* 334 came: the next line is an AUTH response (RFC 4954) */
    SMTP_PHASE_TLS,     /* 220 to STARTTLS came: what follows is TLS */
    SMTP_PHASE_REFUSED, /* the greeting was 554: only QUIT is useful (RFC 5321 3.1) */
    SMTP_PHASE_CLOSED,  /* 221 or 421: nothing follows */
};
enum { SMTP_PHASES = SMTP_PHASE_CLOSED + 1 };

/* A set of phases, as the verb table uses it. */
#define SMTP_IN(phase) (1u << (SMTP_PHASE_##phase))

/* The phase's name, for traces: "GREETED". */
const char *smtp_phase_name(enum smtp_phase phase);

/* The phase that follows when `reply_class` (the first digit, 2 to 5) answers `verb` in `phase`
 * (RFC 5321 section 4.1.4, RFC 3030, RFC 3207, RFC 4954). A greeting comes as
 * SMTP_VERB_GREETING, the reply to a message's end as SMTP_VERB_END_OF_DATA and that to a
 * BDAT … LAST as SMTP_VERB_BDAT_LAST. */
enum smtp_phase smtp_phase_after(enum smtp_phase phase, enum smtp_verb verb, unsigned reply_class);

#endif
