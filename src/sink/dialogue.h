/*
 * The server's side of an SMTP dialogue: bytes in, replies out. No sockets; messages go to the
 * Maildir and a line for each of them to the log.
 */
#ifndef SINK_DIALOGUE_H
#define SINK_DIALOGUE_H

#include "base/buf.h"
#include "sink/message.h"
#include "smtp/phase.h"

/* Everything that a client can make grow has its limit here. */
enum {
    SINK_LINE_MAX = 2048,         /* octets of a command: RFC 5321's 512 and what our extensions add
                                     (RFC 1870, 3461, 6152, 6531: at most 1036), rounded up */
    SINK_REPLIES_MAX = 16384,     /* octets of replies not yet sent; no command is read above it */
    SINK_RECIPIENTS_MAX = 100000, /* of one transaction */
    SINK_ERRORS_MAX = 20,         /* 5xx replies of one session */
};

/* What all sessions share. */
struct sink_site {
    const struct sink_maildir *maildir; /* NULL: messages are counted and dropped */
    const char *hostname;
    uint64_t size_max;
    uint64_t messages; /* taken so far */
};

struct sink_dialogue {
    struct sink_site *site; /* borrowed */
    const char *peer;       /* borrowed: the client's address, for trace headers */
    struct buf out;         /* replies, to be sent and consumed by the caller */
    struct buf helo;        /* what HELO or EHLO said */
    struct buf from;        /* the sender, without brackets */
    struct buf recipients;  /* "Delivered-To: address CRLF" for each */
    uint32_t recipient_count;
    uint32_t errors;
    uint64_t chunk;            /* BDAT: octets that are still to come */
    const char *chunk_refused; /* static: the reply that this chunk gets instead of being taken */
    struct sink_message message;
    enum smtp_phase phase;
    bool in_chunk;     /* BDAT: its octets are being read */
    bool chunk_last;   /* BDAT … LAST */
    bool chunk_failed; /* an earlier chunk failed: only RSET helps (RFC 3030 section 2) */
    bool begun;        /* there is a message */
    bool esmtp;        /* EHLO */
    bool smtputf8;     /* of this transaction */
    bool binary;       /* BODY=BINARYMIME in this transaction: no DATA (RFC 3030 section 3) */
    bool skip_line;    /* the rest of a line that was too long is on its way */
    bool closing;      /* the connection is to be closed once `out` is sent */
    bool rude;         /* with closing: the client does not expect it and may still be sending */
};
_Static_assert(sizeof(struct sink_dialogue) <= 512, "a session is small");

/* Begin; the greeting stands in `out`. False when memory is out. */
bool sink_dialogue_begin(struct sink_dialogue *dialogue, struct sink_site *site, const char *peer)
    __attribute__((warn_unused_result));
void sink_dialogue_end(struct sink_dialogue *dialogue);

/* Bytes from the client. Returns how many were consumed; what was not is shown again with more
 * behind it, or, when `out` has reached SINK_REPLIES_MAX, once that is sent. What is left is never
 * more than SINK_LINE_MAX octets otherwise. */
size_t sink_dialogue_input(struct sink_dialogue *dialogue, struct span bytes)
    __attribute__((warn_unused_result));

/* End the dialogue with a reply of the server's own accord: "421 4.4.2 …". */
void sink_dialogue_close(struct sink_dialogue *dialogue, const char *reply);

/* For the sink's own handlers of verbs: answer `verb`, and move on to the phase that follows. */
void sink_reply(struct sink_dialogue *dialogue, enum smtp_verb verb, const char *reply);

/* Is a message body being read? */
static inline bool sink_dialogue_in_body(const struct sink_dialogue *dialogue)
{
    return dialogue->phase == SMTP_PHASE_DATA || dialogue->in_chunk;
}

#endif
