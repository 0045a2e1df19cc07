/*
 * Inside the engine: the session and what its files ask of each other.
 *
 *   gate.c      birth, death, time, and the ends of connections
 *   client.c    the client's lines: turn, grammar, policy, sequence, forwarding
 *   body.c      DATA and BDAT bodies, and those that are refused half-way
 *   server.c    the server's replies, each matched to its command
 *   greeting.c  the 220
 *   ehlo.c      the EHLO reply
 *   queue.c     commands whose replies are outstanding
 *   output.c    pieces of output, and our own replies
 */
#ifndef GATE_PRIVATE_H
#define GATE_PRIVATE_H

#include "gate/gate.h"
#include "gate/judge.h"
#include "gate/queue.h"

enum {
    /* The longest reply line that is read; the policy's limit is what is passed on. */
    GATE_REPLY_LINE_READ = 4096,
    /* The largest reply, of at most ten thousand lines (policy_limit_infos). Each line may grow by
     * an octet when it is made regular. */
    GATE_REPLY_MAX = 60000,
    /* The longest of our own replies, and how many of them may wait for their turn before the
     * client has to. */
    GATE_TEXT_MAX = 512,
    GATE_REPLIES_MAX = 100,
};

/* What is done with the octets of a body instead of forwarding them. */
enum gate_swallow {
    GATE_SWALLOW_NOTHING,
    GATE_SWALLOW_CHUNK, /* drop the rest of the chunk; its command was refused */
    GATE_SWALLOW_LAST,  /* drop the rest of the body; then the session ends with a reply */
};

/* Counters of the line at the session's end. */
enum { GATE_COUNTS = 16 };

struct gate {
    const struct policy *policy;    /* borrowed */
    const struct gate_facts *facts; /* borrowed */
    struct judge *judge;            /* owned; NULL where the policy has no rules */
    uint64_t since;                 /* when the session last moved */
    uint64_t now;                   /* the time that the caller last told */
    struct gate_queue queue;
    struct smtp_reply reply; /* the server's reply as far as it has come */
    struct smtp_body body;
    uint64_t chunk;             /* octets of the current BDAT chunk still to come */
    uint64_t size;              /* octets of the message that the client is sending */
    char *helo;                 /* owned: the argument of the accepted HELO or EHLO */
    char *from;                 /* owned: the sender of the open transaction */
    smtp_keyword_set announced; /* what the server announced */
    smtp_keyword_set offered;   /* what of it the client was shown */
    uint32_t recipients;        /* accepted in the open transaction */
    uint32_t asked;             /* RCPT commands sent since the client's last MAIL */
    uint32_t errors;            /* commands that we refused */
    uint8_t phase;              /* enum smtp_phase */
    uint8_t swallow;            /* enum gate_swallow */
    uint8_t last;               /* enum smtp_verb: the client's latest command, for the log */
    uint8_t framing_seen;       /* bit per enum smtp_body_event: logged for this message */
    bool esmtp : 1;             /* EHLO was accepted */
    bool connected : 1;         /* the server's connection is open */
    bool in_data : 1;           /* a DATA body is on its way */
    bool in_chunks : 1;         /* a BDAT was sent since the client's last MAIL */
    bool chunk_last : 1;        /* the current chunk is the LAST */
    bool chunk_refused : 1;     /* the server did not get a chunk: it may not get another */
    bool binary : 1;            /* BODY=BINARYMIME: the body has no lines */
    bool skip_line : 1;         /* the rest of an over-long line is dropped */
    bool dark : 1;              /* both sides are relayed unseen */
    bool dark_client : 1;       /* … and the client has spoken since */
    bool dark_tls : 1;          /* … because of TLS, where the client speaks first */
    bool client_gone : 1;       /* the client closed while replies were outstanding */
    bool judged : 1;            /* the rules are shown the message that is on its way */
    bool judge_over : 1;        /* … and have seen all of it, or enough */
    bool draining : 1;
    struct gate_count counts[GATE_COUNTS];
};

/* output.c */

/* Is there room for what one step may put out? */
bool out_has_room(const struct gate_out *out);

/* Append bytes that stay valid until the caller has sent them: input, scratch or static. */
void out_bytes(struct gate_out *out, enum gate_side side, struct span bytes);

/* `size` bytes of scratch; the caller has made sure of room. */
unsigned char *out_scratch(struct gate_out *out, size_t size);

/* Append a line of our own, CRLF added. */
void out_text(struct gate_out *out, enum gate_side side, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Append one line of a reply, regular whatever `text` is: control characters become "?", and what
 * passes `max` octets is cut off. `code` begins with the reply's code. Returns where it stands in
 * the scratch, from its code to its CRLF. The first only writes it there. */
unsigned char *out_scratch_line(struct gate_out *out, struct span code, bool last, struct span text,
                                size_t max);
unsigned char *out_reply_line(struct gate_out *out, struct span code, bool last, struct span text,
                              size_t max);

/* Tell the caller what happened. The session's envelope is filled in here. */
void gate_tell(struct gate *g, struct gate_out *out, struct gate_event *event);

/* One of our own replies, "502 5.5.1 …" without CRLF, in its turn: at once, or behind the replies
 * that are outstanding. `close`: the session ends with it. */
void gate_reply(struct gate *g, struct gate_out *out, bool close, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* gate.c */

/* The one place where a phase is entered. */
void gate_set_phase(struct gate *g, struct gate_out *out, enum smtp_phase phase);

/* The session is over: ask for both connections to be closed. `how` may be GATE_LINGER,
 * GATE_RESET or 0. */
void gate_end(struct gate *g, struct gate_out *out, unsigned how);

/* The session ends at once with a reply of ours ("421 4.4.2 …", %s the host name's place). */
void gate_fail(struct gate *g, struct gate_out *out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A rule ends the session: with its reply in its turn, or without one. */
void gate_sentence(struct gate *g, struct gate_out *out, const struct policy_rule *rule);

/* Out of memory: the session ends, the process goes on. */
void gate_out_of_memory(struct gate *g, struct gate_out *out);

/* The transaction is over, however it ended: the server has said so. The client may have sent much
 * of the next one already. */
void gate_transaction_end(struct gate *g);

/* Something was settled: end the session where that was what it waited for. */
void gate_settled(struct gate *g, struct gate_out *out);

/* Put out our own replies that have come to the queue's head. */
void gate_flush_replies(struct gate *g, struct gate_out *out);

/* The session is relayed unseen from here on. */
void gate_go_dark(struct gate *g, struct gate_out *out, enum smtp_verb verb, const char *why);

/* Add to the counters of a verb. */
void gate_count_add(struct gate *g, enum smtp_verb verb, unsigned ok, unsigned all);

/* client.c, server.c, body.c: one step each; how many octets it took, 0 when it must wait. */
size_t client_step(struct gate *g, struct gate_out *out, struct span in);
size_t server_step(struct gate *g, struct gate_out *out, struct span in);
size_t body_data_step(struct gate *g, struct gate_out *out, struct span in);
size_t body_chunk_step(struct gate *g, struct gate_out *out, struct span in);

/* body.c */

/* The client has begun anew (MAIL, RSET, EHLO): nothing of a body has been sent. */
void body_forget(struct gate *g);

/* The server said 354: what the client sends is a body. */
void body_begin_data(struct gate *g);

/* A BDAT was sent to the server (or, `refused`, was not): its chunk follows. */
void body_begin_chunk(struct gate *g, uint64_t size, bool last, bool refused);

/* Does the message end in a CR that the policy refuses? Asked before an empty last chunk is sent,
 * since behind it the server would have all of the message. */
bool body_end_refused(struct gate *g, struct gate_out *out);

/* The chunk is complete. A chunk of no octets is so at once. */
void body_end_chunk(struct gate *g, struct gate_out *out);

/* Give up the message that is on its way: the server's copy is abandoned, the client's rest is
 * dropped, and then the session ends with `reply`: regular lines, each with its CRLF. */
void body_abandon(struct gate *g, struct gate_out *out, struct span reply, bool by_server);

/* BDAT 0 LAST: what the rules say of the message that it would complete. */
const struct policy_rule *body_end_judged(struct gate *g, struct gate_out *out);

/* Is a body, or the rest of one, what the client sends now? */
bool body_expected(const struct gate *g);

/* greeting.c, ehlo.c: the reply as the client may see it. */
void greeting_relay(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                    struct span bytes);
void ehlo_relay(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                struct span bytes);

/* server.c: a reply as it is, or made regular where it is not. */
void reply_relay(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                 struct span bytes);

/* client.c: whose turn is it? */
enum gate_turn {
    GATE_TURN_SPEAK,     /* the client's */
    GATE_TURN_WAIT,      /* the server's; what the client sends meanwhile is kept */
    GATE_TURN_VIOLATION, /* the server's; the client may not send anything */
    GATE_TURN_OVER,      /* nobody's: after QUIT, or a last reply, what comes is dropped */
};
enum gate_turn client_turn(const struct gate *g);

#endif
