/*
 * The commands whose replies are outstanding, in order (RFC 2920): those that the server will
 * answer, and those that we have answered ourselves but whose reply must wait for its turn.
 */
#ifndef GATE_QUEUE_H
#define GATE_QUEUE_H

#include "smtp/verb.h"

struct gate_pending {
    char *arg;     /* owned: the address or host name that the command named; may be NULL */
    char *reply;   /* owned: our own reply with its CRLF; NULL: the server will answer */
    uint64_t size; /* the end of a message: octets of its body */
    uint8_t verb;  /* enum smtp_verb as the client meant it */
    uint8_t as;    /* enum smtp_verb as the server saw it, for the phase table */
    bool close;    /* the session ends with our reply */
};

enum { GATE_QUEUE_FEW = 2 };

/* A ring. It begins with a few places inside and grows to memory of its own, which it returns
 * whenever it has run empty. */
struct gate_queue {
    struct gate_pending *ring; /* owned unless it is `few` */
    uint32_t head, len, size;
    uint32_t own; /* places with a reply of ours */
    struct gate_pending few[GATE_QUEUE_FEW];
};

void queue_begin(struct gate_queue *q);
void queue_free(struct gate_queue *q);

/* Append; takes `arg` and `reply` over, also when it fails. False when memory is out. */
bool queue_push(struct gate_queue *q, const struct gate_pending *pending)
    __attribute__((warn_unused_result));

/* The oldest and the newest, NULL when the queue is empty. */
struct gate_pending *queue_head(struct gate_queue *q);
const struct gate_pending *queue_first(const struct gate_queue *q); /* … to look at */
const struct gate_pending *queue_tail(const struct gate_queue *q);
struct gate_pending *queue_tail_edit(struct gate_queue *q);

/* Put our own reply in the place of the newest, which the server was to answer. Takes it over. */
void queue_tail_replace(struct gate_queue *q, const struct gate_pending *pending);

/* Drop the oldest. */
void queue_pop(struct gate_queue *q);

/* Does any place wait for the server? For its word on a message? */
bool queue_awaits_server(const struct gate_queue *q);
bool queue_awaits_message(const struct gate_queue *q);

#endif
