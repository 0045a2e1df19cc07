/*
 * All listening sockets of a configuration.
 */
#ifndef SERVE_BIND_H
#define SERVE_BIND_H

#include "config/config.h"
#include "net/listen.h"

struct bind_socket {
    const struct config_listener *listener; /* borrowed */
    struct net_listen listen;
};

struct bind_set {
    struct bind_socket *sockets; /* owned */
    unsigned count;
};

/* Bind every address of every listener, for that many workers. EX_OK, or the exit status: what was
 * wrong has been logged, and nothing is left open. */
int bind_open(const struct config *config, unsigned workers, struct bind_set *set_r)
    __attribute__((warn_unused_result));

/* Close the sockets, but for those of worker `keep` (UINT_MAX: none). */
void bind_close(struct bind_set *set, unsigned keep);

/* Remove the files of unix sockets. */
void bind_unlink(const struct bind_set *set);

/* "default=127.0.0.1:25,[::1]:25 other=…", as bound, into `text_r` of `size` bytes; cut where it
 * does not fit. */
void bind_format(const struct bind_set *set, char *text_r, size_t size);

#endif
