/*
 * A worker: one process with one event loop that accepts connections and carries their sessions.
 */
#ifndef SERVE_WORKER_H
#define SERVE_WORKER_H

#include "config/config.h"
#include "gate/gate.h"

#include <ev.h>
#include <signal.h>

struct session;
struct worker_accept;

enum {
    WORKER_DESCRIPTORS = 64, /* open files of a worker beside the two of each session */

    /* Octets of the largest receive: what a slow reader can make us hold. */
    WORKER_INPUT = 262144,
};

struct worker {
    struct config *config;         /* borrowed; but for its lists it does not change */
    unsigned slot;                 /* its number among the workers that live */
    struct ev_loop *loop;          /* owned */
    struct worker_accept *accepts; /* owned */
    unsigned accept_count;
    struct session *sessions; /* owned, linked */
    unsigned session_count;
    int master; /* a socket whose end of file means that the master is gone */
    unsigned session_max;
    bool draining;
    bool accept_paused; /* out of descriptors: not accepting for a moment */
    ev_io master_watch;
    ev_signal drain_watch[2];
    ev_signal stop_watch;
    ev_timer drain_timer;
    ev_timer accept_timer;
    ev_timer lists_timer; /* where lists come from files */
    ev_timer log_timer;
    ev_prepare log_watch;
    struct gate_facts facts;
    struct gate_out out;               /* of the gate call that is under way */
    unsigned char input[WORKER_INPUT]; /* of the receive that is under way */
};

/* One listening socket of a worker. */
struct worker_socket {
    const struct config_listener *listener;
    int fd; /* non-blocking */
};

/* Serve until the master says stop or is gone. Writes one octet to `master` once connections are
 * accepted. `mask` is the signal mask to run with: until the worker can drain, the master's own is
 * in force, or a TERM in that moment would kill it. Returns the exit status of the process. */
int worker_run(struct config *config, unsigned slot, const struct worker_socket *sockets,
               unsigned socket_count, int master, const sigset_t *mask);

/* How many sessions a worker can carry: the configuration's number, or as many as there may be open
 * files for. */
unsigned worker_sessions_max(const struct config *config);

/* Milliseconds of the monotonic clock. */
uint64_t worker_now(void);

#endif
