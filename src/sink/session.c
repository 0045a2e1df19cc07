/*
 * Sessions on libev.
 *
 * Back-pressure: while replies wait to be sent nothing is read, so that a client that does not read
 * its replies stops itself, with at most SINK_REPLIES_MAX octets of replies and one read's worth of
 * commands kept for it.
 *
 * A session that the server ends on its own (too many errors, timeout) lingers: its sending side is
 * shut and what still comes is dropped for a moment. A close() with octets unread would make TCP
 * throw away the last reply at the client.
 */
#include "sink/session.h"

#include "base/mem.h"

#include <errno.h>
#include <unistd.h>

enum {
    READ_MAX = 65536, /* octets of one read */
    LINGER = 2,       /* seconds */
};

struct sink_session {
    struct sink_session *next, *prev; /* borrowed */
    struct sink_sessions *sessions;   /* borrowed */
    struct ev_io io;
    struct ev_timer timer;
    struct buf in; /* what the dialogue has not consumed */
    struct sink_dialogue dialogue;
    char peer[INET6_ADDRSTRLEN];
    bool lingering;
};
_Static_assert(sizeof(struct sink_session) <= 1024, "a session is small");

static void session_free(struct sink_session **session)
{
    struct sink_session *s = *session;
    struct sink_sessions *all = s->sessions;

    ev_io_stop(all->loop, &s->io);
    ev_timer_stop(all->loop, &s->timer);
    close(s->io.fd);
    *(s->prev != NULL ? &s->prev->next : &all->first) = s->next;
    if (s->next != NULL) {
        s->next->prev = s->prev;
    }
    all->count--;
    sink_dialogue_end(&s->dialogue);
    buf_free(&s->in);
    mem_free(s);
    *session = NULL;
}

static void session_watch(struct sink_session *s, int events)
{
    if ((s->io.events & (EV_READ | EV_WRITE)) != events) {
        ev_io_stop(s->sessions->loop, &s->io);
        ev_io_set(&s->io, s->io.fd, events);
        ev_io_start(s->sessions->loop, &s->io);
    }
}

/* Send what waits. 1: all is sent; 0: the socket is full; -1: the client is gone. */
static int session_flush(struct sink_session *s)
{
    struct buf *out = &s->dialogue.out;

    while (buf_len(out) > 0) {
        ssize_t n = send(s->io.fd, buf_span(out).ptr, buf_len(out), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
        }
        buf_consume(out, (size_t)n);
    }
    return 1;
}

/* The dialogue has closed and its last reply is sent. */
static void session_finish(struct sink_session **session)
{
    struct sink_session *s = *session;

    if (!s->dialogue.rude || shutdown(s->io.fd, SHUT_WR) < 0) {
        session_free(session);
        return;
    }
    s->lingering = true;
    sink_dialogue_end(&s->dialogue);
    buf_free(&s->in);
    session_watch(s, EV_READ);
    s->timer.repeat = LINGER;
    ev_timer_again(s->sessions->loop, &s->timer);
}

/* Send, and let the dialogue see what was kept, until nothing moves. */
static void session_run(struct sink_session **session)
{
    struct sink_session *s = *session;
    struct sink_dialogue *d = &s->dialogue;
    size_t used;

    do {
        int sent = session_flush(s);
        if (sent < 0) {
            session_free(session);
            return;
        }
        if (sent == 0) {
            session_watch(s, EV_WRITE);
            return;
        }
        if (d->closing) {
            session_finish(session);
            return;
        }
        used = sink_dialogue_input(d, buf_span(&s->in));
        buf_consume(&s->in, used);
    } while (used > 0 || buf_len(&d->out) > 0);
    session_watch(s, EV_READ);
}

/* The dialogue sees new bytes, behind those that were kept. False when memory is out. */
static bool session_input(struct sink_session *s, struct span bytes)
{
    if (buf_len(&s->in) > 0) {
        if (!buf_append(&s->in, bytes)) {
            return false;
        }
        buf_consume(&s->in, sink_dialogue_input(&s->dialogue, buf_span(&s->in)));
        return true;
    }
    size_t used = sink_dialogue_input(&s->dialogue, bytes);
    return buf_append(&s->in, span_from(bytes, used));
}

static void session_read(struct sink_session **session)
{
    static unsigned char bytes[READ_MAX];
    struct sink_session *s = *session;
    ssize_t n = recv(s->io.fd, bytes, sizeof(bytes), 0);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        session_free(session);
        return;
    }
    if (s->lingering) {
        return;
    }
    ev_timer_again(s->sessions->loop, &s->timer);
    if (!session_input(s, span_of(bytes, (size_t)n))) {
        sink_dialogue_close(&s->dialogue, "421 4.3.0 Out of memory");
    }
    session_run(session);
}

static void on_io(struct ev_loop *loop, struct ev_io *w, int events)
{
    struct sink_session *s = w->data;

    if ((events & EV_WRITE) != 0) {
        ev_timer_again(loop, &s->timer);
        session_run(&s);
    } else {
        session_read(&s);
    }
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *w, int events)
{
    struct sink_session *s = w->data;

    if (s->lingering || buf_len(&s->dialogue.out) > 0) {
        session_free(&s); /* it does not even read */
        return;
    }
    sink_dialogue_close(&s->dialogue, "421 4.4.2 Nothing heard for too long");
    session_run(&s);
}

void sink_session_begin(struct sink_sessions *sessions, int fd, const struct net_addr *peer)
{
    struct sink_session *s = mem_zalloc(sizeof(*s));
    char text[NET_ADDR_TEXT];

    if (s == NULL) {
        close(fd);
        return;
    }
    net_addr_format_host(peer, text);
    memcpy(s->peer, text, strnlen(text, sizeof(s->peer) - 1));
    s->sessions = sessions;
    s->next = sessions->first;
    if (s->next != NULL) {
        s->next->prev = s;
    }
    sessions->first = s;
    sessions->count++;
    ev_io_init(&s->io, on_io, fd, EV_READ);
    s->io.data = s;
    ev_io_start(sessions->loop, &s->io);
    ev_timer_init(&s->timer, on_timeout, 0, sessions->timeout);
    s->timer.data = s;
    ev_timer_again(sessions->loop, &s->timer);
    if (!sink_dialogue_begin(&s->dialogue, &sessions->site, s->peer)) {
        session_free(&s);
        return;
    }
    session_run(&s);
}

void sink_sessions_end(struct sink_sessions *sessions, const char *reply)
{
    while (sessions->first != NULL) {
        struct sink_session *s = sessions->first;
        if (!s->lingering && !sink_dialogue_in_body(&s->dialogue)) {
            sink_dialogue_close(&s->dialogue, reply);
            (void)session_flush(s); /* whoever does not read it learns it from the close */
        }
        session_free(&s);
    }
}
