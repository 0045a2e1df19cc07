/*
 * A caller of the gate without sockets: it keeps what the gate does not consume and shows it again,
 * as gate.h asks of every caller, and it writes down what comes out. The golden sessions and the
 * fuzzer of the engine drive the gate by this.
 */
#ifndef GOLDEN_DRIVE_H
#define GOLDEN_DRIVE_H

#include "gate/gate.h"
#include "text.h"

/* What is written down beside the ordinary events. */
enum drive_trace {
    DRIVE_TRACE_PHASES = 1 << 0,
    DRIVE_TRACE_HIDES = 1 << 1,
    DRIVE_TRACE_ENVELOPE = 1 << 2, /* from, to, helo and protocol behind each reject and message */
};

struct drive {
    struct gate *gate; /* owned */
    uint64_t now;
    unsigned trace;     /* enum drive_trace */
    bool other_first;   /* show the side first that did not get the new bytes */
    bool out_of_memory; /* GATE_EVENT_MEMORY was seen */
    bool closed[2];     /* the gate asked for that side's connection to be closed */
    bool eof[2];        /* that side has closed its connection */
    struct text kept[2];
    struct text got[2];  /* what went to each side */
    struct text events;  /* what happened, a line each (README.md has the grammar) */
    unsigned requests;   /* enum gate_request, all that came */
    unsigned fault_line; /* of drive.c: the gate broke its contract; 0 where it did not */
    const char *fault;   /* how */
};

/* Begin a session. False when memory is out (see mem_fail_at()). */
bool drive_begin(struct drive *d, const struct policy *policy, const struct gate_facts *facts);
void drive_end(struct drive *d);

void drive_start(struct drive *d);
void drive_connected(struct drive *d, bool ok);
void drive_input(struct drive *d, enum gate_side side, struct span bytes);

/* The same in pieces of `step` octets; the other side is shown what is kept for it behind the last
 * of them. */
void drive_trickle(struct drive *d, enum gate_side side, struct span bytes, size_t step);
void drive_eof(struct drive *d, enum gate_side side);

/* Let time pass, and tell the gate. */
void drive_wait(struct drive *d, uint64_t ms);
void drive_drain(struct drive *d);

#endif
