/*
 * A client's connection: moves bytes between its socket and its dialogue, and keeps its time.
 */
#ifndef SINK_SESSION_H
#define SINK_SESSION_H

#include "net/addr.h"
#include "sink/dialogue.h"

#include <ev.h>

struct sink_session;

/* The sessions of one server. */
struct sink_sessions {
    struct ev_loop *loop; /* borrowed */
    struct sink_site site;
    struct sink_session *first; /* owned; a doubly linked list */
    unsigned count;
    unsigned timeout; /* seconds of silence after which a session ends */
};

/* Begin a session on `fd`, which becomes its own. */
void sink_session_begin(struct sink_sessions *sessions, int fd, const struct net_addr *peer);

/* End all sessions: those that are not in a body get `reply`. */
void sink_sessions_end(struct sink_sessions *sessions, const char *reply);

#endif
