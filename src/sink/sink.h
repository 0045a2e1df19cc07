/*
 * The embedded mail server: a small honest SMTP server that takes every message and keeps it in a
 * Maildir. It stands behind the gateway where there is no server yet: first trial, tests, benches.
 */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include "net/addr.h"

struct sink_options {
    const struct net_addr *addrs; /* to listen on */
    size_t addr_count;
    const char *maildir;  /* NULL: messages are counted and dropped */
    const char *hostname; /* in greeting and replies */
    uint64_t size_max;    /* octets of a message, announced as SIZE */
    unsigned timeout;     /* seconds that a client may be silent */
};

/* Serve until TERM or INT. Returns the exit status: 0, or a code of sysexits.h when serving could
 * not begin; what was wrong has been logged. */
int sink_run(const struct sink_options *options);

#endif
