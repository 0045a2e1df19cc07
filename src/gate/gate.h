/*
 * The engine: one client dialogue joined to one server dialogue under a policy.
 *
 * Bytes go in, bytes and requests come out. The gate opens no socket, reads no clock and writes no
 * log: its caller brings bytes from both sides, carries out what it asks for and tells it the
 * time. The daemon, the golden tests, the fuzzers and the benchmarks drive this one engine.
 *
 * The caller's duties:
 *   - Bytes that a call does not consume stay with the caller, who shows them again at the front of
 *     what comes later. A side is shown what is kept whenever the gate has moved (after any call
 *     that consumed, produced or was answered something) until nothing moves any more.
 *   - The output of a call points into its input, into the gate_out or into static memory: it is
 *     sent or copied before the next call that uses the same gate_out.
 *   - No call is made for a side while output waits for the other side or for itself
 * (back-pressure). Whatever the segmentation of the input, the output and the events are the same.
 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "policy/field.h"
#include "policy/policy.h"
#include "smtp/phase.h"
#include "smtp/reply.h"

struct gate; /* opaque; see gate_new() */

enum gate_side { GATE_CLIENT, GATE_SERVER };

/* What the gate asks of its caller, as bits of gate_out.requests. Output of the same call is sent
 * first. */
enum gate_request {
    GATE_CONNECT = 1 << 0,      /* open the server's connection; answer with gate_connected() */
    GATE_CLOSE_SERVER = 1 << 1, /* close the server's connection */
    GATE_CLOSE_CLIENT = 1 << 2, /* close the client's connection: the session is over */
    GATE_LINGER = 1 << 3,       /* with GATE_CLOSE_CLIENT: the client may still be sending, so read
                                   and drop it for a while, or TCP would take our last reply away */
    GATE_RESET = 1 << 4,        /* with GATE_CLOSE_CLIENT: by a TCP reset */
};

/* What happened, for the log, the metrics and the trace of tests. */
enum gate_event_kind {
    GATE_EVENT_PHASE,      /* the session's phase changed: from `was` to `phase` */
    GATE_EVENT_REJECT,     /* a command was refused: `reply` says how, `by_server` by whom */
    GATE_EVENT_MASK,       /* `verb` went to the server as X…X or NOOP */
    GATE_EVENT_HIDE,       /* an EHLO keyword was taken from the client's view: `text` */
    GATE_EVENT_FRAMING,    /* `framing` was seen in `side`'s bytes and treated as `verdict` */
    GATE_EVENT_MESSAGE,    /* the server answered the end of a message of `size` octets: `reply` */
    GATE_EVENT_DARK,       /* the session is relayed unseen from here on: `text` says why */
    GATE_EVENT_PIPELINING, /* the client talked out of turn after `verb`: `text` is what it sent */
    GATE_EVENT_PROTOCOL,   /* `side` broke the protocol: `text` says how */
    GATE_EVENT_LOST,       /* `side` closed its connection after `verb` */
    GATE_EVENT_TIMEOUT,    /* `side` was silent for too long after `verb` */
    GATE_EVENT_LIMIT,      /* a limit was reached: `text` names it */
    GATE_EVENT_MEMORY,     /* out of memory: the session ends */
    GATE_EVENT_RULE, /* the rule called `word` applies, its action is `text`; `dry`: only told */
};
enum { GATE_EVENT_KINDS = GATE_EVENT_RULE + 1 };

struct gate_event {
    enum gate_event_kind kind;
    enum gate_side side;
    enum smtp_verb verb;          /* the command that it is about */
    enum smtp_phase was, phase;   /* PHASE */
    enum smtp_body_event framing; /* FRAMING */
    enum policy_framing verdict;  /* FRAMING */
    bool by_server;               /* REJECT */
    uint64_t size;                /* MESSAGE: octets of its body; FRAMING: offset in the body */
    uint32_t recipients;          /* MESSAGE: how many were accepted */
    struct span reply;            /* REJECT, MESSAGE: the reply's first line without line end */
    struct span word;             /* REJECT, MASK: the verb as the client sent it */
    struct span text;
    struct span from, to, helo; /* the envelope so far; `to` is the recipient it is about */
    bool esmtp;                 /* EHLO was accepted, else HELO or nothing */
    bool dry;                   /* RULE: it is on trial, or its action is `log` */
};

/* One run of output. */
struct gate_piece {
    const void *ptr;
    size_t len;
};

enum { GATE_PIECES = 32, GATE_SCRATCH = 262144 };

/* Where a call puts its output. One serves all the sessions of a worker. The caller sets `event`
 * and `context` once; gate_out_begin() empties the rest before each call. */
struct gate_out {
    void (*event)(void *context, const struct gate_event *event); /* may be NULL */
    void *context;
    unsigned requests; /* enum gate_request */
    unsigned pieces[2];
    struct gate_piece piece[2][GATE_PIECES]; /* for each side, in order */
    size_t used;                             /* of scratch */
    unsigned char scratch[GATE_SCRATCH];
};

void gate_out_begin(struct gate_out *out);

/* What the gate is told about a session when it begins. Borrowed for the gate's life. */
struct gate_facts {
    struct span hostname; /* the gateway's own name, for its own replies */
    struct span listener; /* the name of the listener */
    /* What follows need only be true during gate_new(). */
    struct policy_address client_address;
    uint16_t client_port;
    uint32_t client_sessions; /* of this address, this one counted */
};

/* Begin a session. NULL when memory is out. The first call must be gate_start(). */
struct gate *gate_new(const struct policy *policy, const struct gate_facts *facts)
    __attribute__((warn_unused_result));
void gate_free(struct gate **gate);

/* All times are milliseconds of one monotonic clock. */

/* The client is connected: asks for GATE_CONNECT. */
void gate_start(struct gate *gate, struct gate_out *out, uint64_t now);

/* Answer to GATE_CONNECT: the server's connection is open, or none could be had. */
void gate_connected(struct gate *gate, struct gate_out *out, uint64_t now, bool ok);

/* Bytes from a side. Returns how many were consumed. */
size_t gate_input(struct gate *gate, struct gate_out *out, uint64_t now, enum gate_side side,
                  struct span bytes) __attribute__((warn_unused_result));

/* A side has closed its connection, or lost it; bytes that are kept for it were shown before and
 * are void. */
void gate_eof(struct gate *gate, struct gate_out *out, uint64_t now, enum gate_side side);

/* When the gate next wants gate_expire() to be called; UINT64_MAX for never. */
uint64_t gate_deadline(const struct gate *gate);
void gate_expire(struct gate *gate, struct gate_out *out, uint64_t now);

/* The daemon is ending: the session ends with a 421 as soon as no command is outstanding and no
 * transaction is open (RFC 5321 section 3.8). */
void gate_drain(struct gate *gate, struct gate_out *out, uint64_t now);

/* May the caller read this side now? False while its bytes would only be kept: the queue of
 * outstanding commands is full, or its turn has not come. */
bool gate_wants(const struct gate *gate, enum gate_side side);

/* Both sides are relayed unseen: the caller may splice them. */
bool gate_is_dark(const struct gate *gate);

/* A body is on its way to the server: the caller may read in large pieces. */
bool gate_in_body(const struct gate *gate);

/* Counters for the line at the session's end. */
struct gate_count {
    uint32_t ok, all;
};
const struct gate_count *gate_counts(const struct gate *gate, unsigned *count_r);

/* The name of counter `i` in that line: "ehlo", "mail", …, "unknown". */
const char *gate_count_name(unsigned i);

/* Names for traces and logs. */
const char *gate_event_name(enum gate_event_kind kind);

#endif
