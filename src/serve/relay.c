/*
 * Bytes between the sockets and the gate.
 *
 * What is received goes through one buffer of the worker and is sent from there, uncopied. A
 * session owns memory only for what the gate did not consume (`in`) and what the kernel did not
 * take (`out`). While anything waits in `out`, neither side is read: a slow reader makes us hold
 * one receive and what the gate adds to it, and no more.
 *
 * System calls are what a session costs, so: one receive an event and none after a short one (the
 * loop comes back where there is more), watchers that stay registered for reading, and writing that
 * is tried before it is waited for. splice(2) was rejected for what is inspected, and costs more on
 * small messages for what is not.
 */
#include "serve/session.h"
#include "serve/smtplog.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    RELAY_REACH_MIN = 32768, /* octets of a receive for a side that does not keep up, */
    RELAY_REACH_MAX = 3,     /* and how often that is doubled for one that does */
    RELAY_TURN = 1 << 20,    /* octets received from one socket before the others have their turn */
};
static_assert(RELAY_REACH_MIN << RELAY_REACH_MAX == WORKER_INPUT, "the buffer is used whole");

static_assert(sizeof(struct gate_piece) == sizeof(struct iovec) &&
                  offsetof(struct gate_piece, ptr) == offsetof(struct iovec, iov_base) &&
                  offsetof(struct gate_piece, len) == offsetof(struct iovec, iov_len),
              "pieces are handed to the kernel as they are");

struct gate_out *relay_begin(struct session *s)
{
    struct gate_out *out = &s->worker->out;

    gate_out_begin(out);
    out->context = s;
    return out;
}

/* Output waits, for either side. */
static bool relay_blocked(const struct session *s)
{
    return buf_len(&s->side[GATE_CLIENT].out) > 0 || buf_len(&s->side[GATE_SERVER].out) > 0;
}

/* The connection of a side is gone: nothing can be sent to it, and the gate is to be told. */
static void relay_lost(struct session *s, enum gate_side side)
{
    buf_free(&s->side[side].out);
    if (!s->side[side].eof) {
        s->side[side].eof = true;
        s->todo |= side == GATE_CLIENT ? SESSION_TODO_LOST_CLIENT : SESSION_TODO_LOST_SERVER;
    }
}

/* Keep what the kernel did not take of `pieces` from offset `sent` on. */
static void relay_keep_out(struct session *s, enum gate_side side, const struct gate_piece *pieces,
                           unsigned count, size_t sent)
{
    if (s->reach > 0) {
        s->reach--;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t skip = sent < pieces[i].len ? sent : pieces[i].len;
        sent -= skip;
        if (!buf_append(&s->side[side].out,
                        span_of((const char *)pieces[i].ptr + skip, pieces[i].len - skip))) {
            session_fail(s, "out of memory");
            return;
        }
    }
}

static void relay_send(struct session *s, enum gate_side side)
{
    struct gate_out *out = &s->worker->out;
    struct gate_piece *pieces = out->piece[side];
    unsigned count = out->pieces[side];
    int fd = s->side[side].io.fd;
    size_t len = 0;
    ssize_t n = 0;

    if (fd < 0 || (side == GATE_SERVER && s->side[side].eof)) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        len += pieces[i].len;
    }
    if (buf_len(&s->side[side].out) == 0) {
        if (count == 1) {
            n = send(fd, pieces[0].ptr, pieces[0].len, MSG_NOSIGNAL);
        } else {
            struct msghdr message = {.msg_iov = (struct iovec *)(void *)pieces,
                                     .msg_iovlen = count};
            n = sendmsg(fd, &message, MSG_NOSIGNAL);
        }
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                relay_lost(s, side);
                return;
            }
            n = 0;
        }
    }
    if ((size_t)n < len) {
        relay_keep_out(s, side, pieces, count, (size_t)n);
    }
}

void relay_deliver(struct session *s)
{
    struct gate_out *out = &s->worker->out;

    smtplog_call_done(s);
    if (out->pieces[GATE_SERVER] > 0) {
        relay_send(s, GATE_SERVER);
    }
    if (out->pieces[GATE_CLIENT] > 0 && s->state == SESSION_OPEN) {
        relay_send(s, GATE_CLIENT);
    }
    if (out->requests != 0 && s->state == SESSION_OPEN) {
        session_requests(s, out->requests);
    }
}

/* Show the gate one side's bytes. Shortens `*in` by what was consumed; says whether the gate has
 * moved. */
static bool relay_show(struct session *s, enum gate_side side, struct span *in)
{
    struct gate_out *out = relay_begin(s);
    size_t used = gate_input(s->gate, out, worker_now(), side, *in);
    bool moved = used > 0 || out->requests != 0 || out->pieces[GATE_CLIENT] > 0 ||
                 out->pieces[GATE_SERVER] > 0;

    *in = span_from(*in, used);
    relay_deliver(s);
    return moved;
}

static bool relay_may_show(const struct session *s, enum gate_side side)
{
    return s->state == SESSION_OPEN && s->side[side].io.fd >= 0 && !relay_blocked(s);
}

/* Show the gate both sides' bytes, `first`'s at first, until nothing moves any more. */
static void relay_pump(struct session *s, enum gate_side first, struct span in[2])
{
    const enum gate_side order[2] = {first, first == GATE_CLIENT ? GATE_SERVER : GATE_CLIENT};
    bool moved = true;

    while (moved) {
        moved = false;
        for (unsigned i = 0; i < 2; i++) {
            enum gate_side side = order[i];
            while (in[side].len > 0 && relay_may_show(s, side) && relay_show(s, side, &in[side])) {
                moved = true;
            }
        }
    }
}

/* What is left of bytes that were shown from `in` goes back to where it is kept. */
static void relay_keep_in(struct session *s, enum gate_side side, struct span left, bool kept)
{
    struct buf *in = &s->side[side].in;

    if (s->state != SESSION_OPEN || s->side[side].io.fd < 0) {
        return; /* they went with the connection */
    }
    if (kept) {
        buf_consume(in, buf_len(in) - left.len);
        return;
    }
    buf_free(in);
    if (!buf_append(in, left)) {
        session_fail(s, "out of memory");
    }
}

void relay_kept(struct session *s)
{
    struct span in[2] = {buf_span(&s->side[GATE_CLIENT].in), buf_span(&s->side[GATE_SERVER].in)};

    if (s->state != SESSION_OPEN || (in[0].len == 0 && in[1].len == 0)) {
        return;
    }
    relay_pump(s, GATE_SERVER, in);
    for (enum gate_side side = GATE_CLIENT; side <= GATE_SERVER; side++) {
        if (s->side[side].in.ptr != NULL) {
            relay_keep_in(s, side, in[side], true);
        }
    }
}

/* `len` new octets of a side stand in the worker's buffer, behind the `kept` ones. */
static void relay_received(struct session *s, enum gate_side side, size_t len)
{
    enum gate_side other = side == GATE_CLIENT ? GATE_SERVER : GATE_CLIENT;
    struct span in[2];

    in[side] = span_of(s->worker->input, len);
    in[other] = buf_span(&s->side[other].in);
    relay_pump(s, side, in);
    if (in[side].len > 0 || s->side[side].in.ptr != NULL) {
        relay_keep_in(s, side, in[side], false);
    }
    if (s->side[other].in.ptr != NULL) {
        relay_keep_in(s, other, in[other], true);
    }
}

/* How much to receive at once. A body costs a fifth less CPU in pieces of 256 KiB than of 64 KiB,
 * but what a receiver does not take of a piece is ours to hold: so pieces grow while everything
 * flows, and shrink where it does not. */
static size_t relay_room(const struct session *s, size_t kept)
{
    size_t room = (size_t)RELAY_REACH_MIN << s->reach;

    return kept < room / 2 ? room : sizeof(s->worker->input);
}

/* The first that was heard of the server: `n` is what recv() returned. Says whether there is one.
 */
static bool relay_connected(struct session *s, ssize_t n)
{
    if (n <= 0) {
        /* Closed without a word is no better than not connected: something accepts in the
         * server's place. */
        backend_failed(s, n < 0 ? errno : ECONNRESET);
        return false;
    }
    backend_opened(s);
    gate_connected(s->gate, relay_begin(s), worker_now(), true);
    relay_deliver(s);
    return s->state == SESSION_OPEN && s->side[GATE_SERVER].io.fd >= 0;
}

/* Receive once. Returns how much, or 0 where there is nothing more for now. */
static size_t relay_receive(struct session *s, enum gate_side side)
{
    struct session_side *from = &s->side[side];
    struct worker *worker = s->worker;
    size_t kept = buf_len(&from->in);

    if (relay_blocked(s) || from->eof) {
        return 0;
    }
    if (!s->connecting || side == GATE_CLIENT) {
        from->paused = !gate_wants(s->gate, side);
        if (from->paused) {
            return 0;
        }
    }
    if (kept >= sizeof(worker->input)) {
        /* Every line that the gate waits for the end of has a limit far below this. */
        session_fail(s, "more is kept for the gate than it may ask for");
        return 0;
    }
    size_t room = relay_room(s, kept) - kept;
    ssize_t n = recv(from->io.fd, worker->input + kept, room, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (side == GATE_SERVER && s->connecting && !relay_connected(s, n)) {
        return 0;
    }
    if (n <= 0) {
        relay_lost(s, side);
        return 0;
    }
    if (from->in.ptr != NULL) {
        struct span old = buf_span(&from->in);
        memcpy(worker->input, old.ptr, old.len);
    }
    relay_received(s, side, kept + (size_t)n);
    if ((size_t)n < room) {
        return 0; /* a short receive has emptied the socket */
    }
    if (s->reach < RELAY_REACH_MAX && !relay_blocked(s)) {
        s->reach++;
    }
    return room;
}

static void relay_readable(struct session *s, enum gate_side side)
{
    size_t total = 0, n;

    do {
        n = relay_receive(s, side);
        total += n;
    } while (n > 0 && total < RELAY_TURN && s->state == SESSION_OPEN && s->todo == 0 &&
             s->side[side].io.fd >= 0);
}

static void relay_writable(struct session *s, enum gate_side side)
{
    struct buf *out = &s->side[side].out;
    struct span waiting = buf_span(out);

    if (waiting.len == 0) {
        return;
    }
    ssize_t n = send(s->side[side].io.fd, waiting.ptr, waiting.len, MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            relay_lost(s, side);
        }
        return;
    }
    buf_consume(out, (size_t)n);
    if (!relay_blocked(s)) {
        relay_kept(s);
    }
}

void relay_ready(struct ev_loop *loop, ev_io *io, int events)
{
    struct session *s = io->data;
    enum gate_side side = io == &s->side[GATE_CLIENT].io ? GATE_CLIENT : GATE_SERVER;

    if (s->state != SESSION_OPEN) {
        linger_ready(s, events);
    } else {
        if ((events & EV_WRITE) != 0) {
            relay_writable(s, side);
        }
        if ((events & EV_READ) != 0 && s->state == SESSION_OPEN && s->side[side].io.fd >= 0) {
            relay_readable(s, side);
        }
    }
    session_settle(s);
}

static void relay_watch_side(struct session *s, struct session_side *side, int want)
{
    int now = ev_is_active(&side->io) ? side->io.events & (EV_READ | EV_WRITE) : 0;

    if (now == want || side->io.fd < 0) {
        return;
    }
    if (now != 0) {
        ev_io_stop(s->worker->loop, &side->io);
    }
    if (want != 0) {
        ev_io_modify(&side->io, want);
        ev_io_start(s->worker->loop, &side->io);
    }
}

void relay_watch(struct session *s)
{
    bool blocked = relay_blocked(s);

    for (enum gate_side side = GATE_CLIENT; side <= GATE_SERVER; side++) {
        struct session_side *this = &s->side[side];
        if (this->paused && s->state == SESSION_OPEN) {
            this->paused = !gate_wants(s->gate, side);
        }
        int want = (buf_len(&this->out) > 0 ? EV_WRITE : 0) |
                   (!blocked && !this->eof && !this->paused ? EV_READ : 0);
        relay_watch_side(s, this, want);
    }
}
