/*
 * The end of a client's connection.
 *
 * close() with octets unread makes TCP send a reset, and a reset takes from the client what it has
 * received but not read: our last reply. So where the client may still be sending, we say that we
 * have no more to say (FIN), and read and drop what comes until it has closed too; not for ever,
 * and not without bound.
 */
#include "serve/session.h"

#include <errno.h>
#include <sys/socket.h>

static void linger_flush(struct session *s)
{
    struct session_side *client = &s->side[GATE_CLIENT];
    struct span waiting = buf_span(&client->out);
    ssize_t n = send(client->io.fd, waiting.ptr, waiting.len, MSG_NOSIGNAL);

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            session_enter(s, SESSION_CLOSED);
        }
        return;
    }
    buf_consume(&client->out, (size_t)n);
    if (buf_len(&client->out) == 0) {
        session_enter(s, s->linger ? SESSION_LINGERING : SESSION_CLOSED);
    }
}

static void linger_drop(struct session *s)
{
    struct worker *worker = s->worker;
    ssize_t n = recv(s->side[GATE_CLIENT].io.fd, worker->input, sizeof(worker->input), 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n > 0) {
        s->dropped += (uint32_t)n;
    }
    if (n <= 0 || s->dropped > SESSION_LINGER_OCTETS) {
        session_enter(s, SESSION_CLOSED);
    }
}

void linger_ready(struct session *s, int events)
{
    if (s->state == SESSION_FLUSHING && (events & EV_WRITE) != 0) {
        linger_flush(s);
    } else if (s->state == SESSION_LINGERING && (events & EV_READ) != 0) {
        linger_drop(s);
    }
}
