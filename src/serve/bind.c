/*
 * All listening sockets of a configuration, and what to say where one cannot be had.
 */
#include "serve/bind.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char *bind_hint(const struct net_addr *addr, int error)
{
    bool local = addr->any.sa_family == AF_UNIX;

    switch (error) {
    case EACCES:
        return local ? "; the directory must be writable for this user"
                     : "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
    case EADDRINUSE:
        return local ? "; a server is listening on this socket"
                     : "; another server listens there: `ss -ltnp` shows which";
    case EADDRNOTAVAIL:
        return "; no interface of this machine has the address";
    case EEXIST:
        return "; there is something that is not a socket: remove it, or choose another path";
    default:
        return "";
    }
}

static int bind_error(const struct config_listener *listener, const struct config_listen *listen,
                      const char *step, int error)
{
    const struct config_place *place = &listen->place;
    char where[NET_ADDR_TEXT];
    char at[PATH_MAX + 32] = "";

    net_addr_format(&listen->addr, where);
    if (place->file != NULL && place->line > 0) {
        snprintf(at, sizeof(at), "%s:%u:%u: ", place->file, place->line, place->column);
    }
    log_line(LOG_LEVEL_ERROR, "%slistener %s: cannot listen on %s: %s: %s%s", at, listener->name,
             where, step, strerror(error), bind_hint(&listen->addr, error));
    return error == EACCES ? EX_NOPERM : EX_UNAVAILABLE;
}

int bind_open(const struct config *config, unsigned workers, struct bind_set *set_r)
{
    const struct config_listener *listener;
    const struct config_listen *listen;
    const char *step;
    unsigned count = 0;

    *set_r = (struct bind_set){0};
    for (listener = config->listeners; listener != NULL; listener = listener->next) {
        for (listen = listener->addrs; listen != NULL; listen = listen->next) {
            count++;
        }
    }
    if (count == 0) {
        log_line(LOG_LEVEL_ERROR, "the configuration has no listener: there is nothing to serve");
        return EX_CONFIG;
    }
    set_r->sockets = mem_zalloc(count * sizeof(*set_r->sockets));
    if (set_r->sockets == NULL) {
        log_line(LOG_LEVEL_ERROR, "out of memory");
        return EX_OSERR;
    }
    for (listener = config->listeners; listener != NULL; listener = listener->next) {
        for (listen = listener->addrs; listen != NULL; listen = listen->next) {
            struct bind_socket *socket = &set_r->sockets[set_r->count];
            socket->listener = listener;
            if (!net_listen_open(&socket->listen, &listen->addr, workers, &step)) {
                int status = bind_error(listener, listen, step, errno);
                bind_unlink(set_r);
                bind_close(set_r, UINT_MAX);
                return status;
            }
            set_r->count++;
        }
    }
    return EX_OK;
}

void bind_close(struct bind_set *set, unsigned keep)
{
    for (unsigned i = 0; i < set->count; i++) {
        net_listen_close(&set->sockets[i].listen, keep);
    }
    if (keep == UINT_MAX) {
        mem_free(set->sockets);
        *set = (struct bind_set){0};
    }
}

void bind_unlink(const struct bind_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        net_listen_unlink(&set->sockets[i].listen);
    }
}

void bind_format(const struct bind_set *set, char *text_r, size_t size)
{
    const struct config_listener *last = NULL;
    char addr[NET_ADDR_TEXT];
    size_t len = 0;

    text_r[0] = '\0';
    for (unsigned i = 0; i < set->count && len < size; i++) {
        const struct bind_socket *socket = &set->sockets[i];
        net_addr_format(&socket->listen.addr, addr);
        int more = socket->listener == last
                       ? snprintf(text_r + len, size - len, ",%s", addr)
                       : snprintf(text_r + len, size - len, "%s%s=%s", last != NULL ? " " : "",
                                  socket->listener->name, addr);
        last = socket->listener;
        len += more > 0 ? (size_t)more : 0;
    }
}
