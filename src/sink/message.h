/*
 * A message as it comes in, by DATA or in chunks: framed, freed of its stuffed dots, counted and
 * written to its file piece by piece. What the file holds below the trace headers is octet for
 * octet what the client sent: the sink is a witness, so bare CRs and LFs and NULs stay.
 */
#ifndef SINK_MESSAGE_H
#define SINK_MESSAGE_H

#include "sink/maildir.h"
#include "smtp/body.h"

/* What became of a message. The first fault counts; the rest of the message is then dropped. */
enum sink_fault {
    SINK_FAULT_NONE,
    SINK_FAULT_SIZE, /* above the limit: 552 5.3.4 */
    SINK_FAULT_FULL, /* the disk is full: 452 4.3.1 */
    SINK_FAULT_IO,   /* any other error: 451 4.3.0 */
};

struct sink_message {
    const struct sink_maildir *maildir; /* borrowed; NULL: nothing is kept */
    struct sink_file file;
    struct smtp_body body; /* DATA's framing */
    uint64_t size;         /* octets of the message, without trace headers and stuffed dots */
    uint64_t size_max;
    bool held;       /* DATA: a CR that ended the input is not written before its successor comes */
    bool after_cr;   /* DATA: the last octet written was a CR */
    bool line_start; /* DATA: the last octets written were CRLF, or there were none */
    uint8_t fault;   /* enum sink_fault */
};

/* No message: what a session begins with. */
void sink_message_init(struct sink_message *message);

/* Begin a message with `trace`, its headers. Returns its fault so far. */
enum sink_fault sink_message_begin(struct sink_message *message, const struct sink_maildir *maildir,
                                   uint64_t size_max, struct span trace)
    __attribute__((warn_unused_result));

/* Octets behind DATA's 354. Returns how many belong to the message; *end_r: it is complete. */
size_t sink_message_data(struct sink_message *message, struct span in, bool *end_r)
    __attribute__((warn_unused_result));

/* Octets of a chunk. */
void sink_message_chunk(struct sink_message *message, struct span in);

/* `more` octets have been announced: where they pass the limit, that is the fault. */
void sink_message_expect(struct sink_message *message, uint64_t more);

/* The message is complete. After SINK_FAULT_NONE it is safe in new/, else it is gone. */
enum sink_fault sink_message_commit(struct sink_message *message)
    __attribute__((warn_unused_result));

/* Give the message up, if there is one. */
void sink_message_abandon(struct sink_message *message);

#endif
