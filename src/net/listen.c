/*
 * Listening sockets.
 *
 * SO_REUSEPORT lets any process of the same user bind beside us, and the kernel then gives it half
 * of the connections: a second ehlogate started by mistake would run, and mail would be lost to it
 * silently. So the first socket is bound without SO_REUSEPORT, as a probe, and only then again with
 * it. (A port of 0 needs no probe: the kernel gives a free one.)
 */
#include "net/listen.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NET_BACKLOG = 4096 };

/* A bound socket, or -1 with errno set. */
static int bind_socket(const struct net_addr *addr, bool reuseport, const char **step_r)
{
    int family = addr->any.sa_family;
    const int on = 1;

    *step_r = "socket";
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    *step_r = "setsockopt";
    if (family != AF_UNIX &&
        (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
         (reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
         (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
         setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)) {
        goto fail;
    }
    *step_r = "bind";
    if (bind(fd, &addr->any, addr->len) < 0) {
        goto fail;
    }
    return fd;

fail:;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Is nobody else listening on the address? False with errno set. */
static bool probe(const struct net_addr *addr, const char **step_r)
{
    int fd = bind_socket(addr, false, step_r);

    if (fd < 0) {
        return false;
    }
    close(fd);
    return true;
}

/* Remove the socket file that a process which is gone has left behind. False with errno set where
 * there is something else, or a server that still listens. */
static bool unlink_stale(const struct net_addr *addr, const char **step_r)
{
    struct stat st;

    *step_r = "bind";
    if (lstat(addr->un.sun_path, &st) < 0) {
        return errno == ENOENT;
    }
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool stale = connect(fd, &addr->any, addr->len) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!stale) {
        errno = EADDRINUSE;
        return false;
    }
    return unlink(addr->un.sun_path) == 0 || errno == ENOENT;
}

/* Remember what was bound: the port, or the file. */
static bool remember(struct net_listen *listen, int fd)
{
    struct stat st;

    if (listen->addr.any.sa_family == AF_UNIX) {
        if (lstat(listen->addr.un.sun_path, &st) < 0) {
            return false;
        }
        listen->device = st.st_dev;
        listen->inode = st.st_ino;
        return true;
    }
    socklen_t len = sizeof(struct sockaddr_in6);
    if (getsockname(fd, &listen->addr.any, &len) < 0) {
        return false;
    }
    listen->addr.len = len;
    return true;
}

bool net_listen_open(struct net_listen *listen_r, const struct net_addr *addr, unsigned workers,
                     const char **step_r)
{
    bool local = addr->any.sa_family == AF_UNIX;
    unsigned count = local ? 1 : workers;

    *listen_r = (struct net_listen){.addr = *addr};
    *step_r = "memory";
    listen_r->fds = mem_alloc(count * sizeof(int));
    if (listen_r->fds == NULL) {
        errno = ENOMEM;
        return false;
    }
    if (local ? !unlink_stale(addr, step_r) : net_addr_port(addr) != 0 && !probe(addr, step_r)) {
        goto fail;
    }
    for (; listen_r->count < count; listen_r->count++) {
        int fd = bind_socket(&listen_r->addr, true, step_r);
        if (fd < 0) {
            goto fail;
        }
        listen_r->fds[listen_r->count] = fd;
        *step_r = "listen";
        if ((listen_r->count == 0 && !remember(listen_r, fd)) || listen(fd, NET_BACKLOG) < 0) {
            listen_r->count++;
            goto fail;
        }
    }
    return true;

fail:;
    int error = errno;
    net_listen_unlink(listen_r);
    net_listen_close(listen_r, UINT_MAX);
    errno = error;
    return false;
}

int net_listen_fd(const struct net_listen *listen, unsigned index)
{
    return listen->fds[listen->count == 1 ? 0 : index];
}

void net_listen_close(struct net_listen *listen, unsigned keep)
{
    int kept = keep != UINT_MAX ? net_listen_fd(listen, keep) : -1;

    for (unsigned i = 0; i < listen->count; i++) {
        if (listen->fds[i] != kept) {
            close(listen->fds[i]);
        }
    }
    if (kept < 0) {
        mem_free(listen->fds);
        listen->fds = NULL;
        listen->count = 0;
    }
}

void net_listen_unlink(const struct net_listen *listen)
{
    struct stat st;

    if (listen->addr.any.sa_family == AF_UNIX && lstat(listen->addr.un.sun_path, &st) == 0 &&
        st.st_dev == listen->device && st.st_ino == listen->inode) {
        unlink(listen->addr.un.sun_path);
    }
}
