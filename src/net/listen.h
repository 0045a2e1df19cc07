/*
 * Listening sockets.
 */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "net/addr.h"

#include <sys/types.h>

/* The sockets of one address. For TCP there is one for each worker, all on one port (SO_REUSEPORT:
 * the kernel spreads connections over them); for a unix socket there is one, which they share. */
struct net_listen {
    struct net_addr addr; /* as bound: with the port that the kernel chose */
    int *fds;             /* owned; non-blocking, close-on-exec */
    unsigned count;
    dev_t device; /* of the unix socket's file, */
    ino_t inode;  /* to remove no other one */
};

/* Bind and listen on `addr`, for `workers` workers. TCP_NODELAY is set, which accepted connections
 * inherit. False with errno set and the step that failed in `*step_r` ("bind"); nothing is left
 * open then. EADDRINUSE also when another process listens there with SO_REUSEPORT. */
bool net_listen_open(struct net_listen *listen_r, const struct net_addr *addr, unsigned workers,
                     const char **step_r) __attribute__((warn_unused_result));

/* The socket for worker `index`. */
int net_listen_fd(const struct net_listen *listen, unsigned index);

/* Close the sockets of this process, but for that of worker `keep` (UINT_MAX: none). */
void net_listen_close(struct net_listen *listen, unsigned keep);

/* Remove the file of a unix socket, where it still is ours. */
void net_listen_unlink(const struct net_listen *listen);

#endif
