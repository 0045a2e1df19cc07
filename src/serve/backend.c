/*
 * The server's connection: each of the backend's servers in the order of the configuration, each of
 * its addresses, until one takes the connection.
 *
 * An SMTP server speaks first. So its socket is watched for reading only: its greeting, or the
 * error of a connect that failed, is what shows that connecting is over, and neither an EPOLLOUT
 * nor a getsockopt() is spent on a connection that works. A server that is silent is looked at
 * after SESSION_CONNECT_LOOK, so that the gate's time for the greeting begins about when it should.
 * (An identity for the server, such as a PROXY header, has to be sent before the server speaks: it
 * would wait here for EV_WRITE, and call backend_opened() from there.)
 */
#include "serve/session.h"

#include "serve/smtplog.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Begin to connect. False with errno set where that failed at once. */
static bool backend_dial(struct session *s, const struct net_addr *addr)
{
    const int on = 1;
    int family = addr->any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return false;
    }
    if (family != AF_UNIX) {
        /* A body's last segment would otherwise wait for the server's delayed ACK. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    bool done = connect(fd, &addr->any, addr->len) == 0;
    if (!done && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        errno = error;
        return false;
    }
    struct session_side *server = &s->side[GATE_SERVER];
    ev_io_set(&server->io, fd, EV_READ);
    server->eof = false;
    server->paused = false;
    s->connecting = !done;
    s->looked = false;
    if (done) {
        s->todo |= SESSION_TODO_CONNECTED;
        return true;
    }
    uint32_t timeout = s->listener->policy->policy.timeouts.connect;
    s->until = worker_now() + (timeout < SESSION_CONNECT_LOOK ? timeout : SESSION_CONNECT_LOOK);
    return true;
}

/* Try the current address and those behind it. */
static void backend_try(struct session *s)
{
    for (; s->server != NULL; s->server = s->server->next, s->address = 0) {
        for (; s->address < s->server->addr_count; s->address++) {
            if (backend_dial(s, &s->server->addrs[s->address])) {
                return;
            }
            smtplog_unreachable(s, errno);
        }
    }
    s->todo |= SESSION_TODO_UNREACHABLE;
}

void backend_connect(struct session *s)
{
    s->server = s->listener->backend->servers;
    s->address = 0;
    backend_try(s);
}

void backend_opened(struct session *s)
{
    s->connecting = false;
}

void backend_failed(struct session *s, int error)
{
    smtplog_unreachable(s, error);
    backend_close(s);
    s->address++;
    backend_try(s);
}

void backend_timeout(struct session *s)
{
    uint32_t timeout = s->listener->policy->policy.timeouts.connect;
    int fd = s->side[GATE_SERVER].io.fd;
    union session_peer peer;
    socklen_t len = sizeof(peer);
    int error = 0;
    socklen_t error_len = sizeof(error);

    if (getpeername(fd, &peer.any, &len) == 0) {
        backend_opened(s);
        s->todo |= SESSION_TODO_CONNECTED;
    } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) == 0 && error != 0) {
        backend_failed(s, error);
    } else if (!s->looked && timeout > SESSION_CONNECT_LOOK) {
        s->looked = true;
        s->until = worker_now() + timeout - SESSION_CONNECT_LOOK;
    } else {
        backend_failed(s, ETIMEDOUT);
    }
}

void backend_close(struct session *s)
{
    struct session_side *server = &s->side[GATE_SERVER];

    s->connecting = false;
    s->todo &= (uint8_t) ~(SESSION_TODO_CONNECTED | SESSION_TODO_LOST_SERVER);
    buf_free(&server->in);
    buf_free(&server->out);
    if (server->io.fd >= 0) {
        ev_io_stop(s->worker->loop, &server->io);
        close(server->io.fd);
        server->io.fd = -1;
    }
}
