/*
 * The life of a session.
 *
 *     SESSION_OPEN ----------------------> SESSION_CLOSED
 *        |    \                              ^   ^
 *        |     +--> SESSION_LINGERING -------+   |
 *        +--> SESSION_FLUSHING --^---------------+
 *
 * Whatever happens to a session happens within one event of the loop, which ends with
 * session_settle(). In between nothing is freed, so that no function need say whether the session
 * has survived it; and what must still be told to the gate waits in `todo`, since the gate's output
 * must be sent before it is called again.
 */
#include "serve/session.h"

#include "base/mem.h"
#include "serve/smtplog.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void session_timer(struct ev_loop *loop, ev_timer *timer, int events);

/* Unique among the workers that live, and in order of time: 45 bits of 1/16 ms since 2024, pushed
 * on where sessions come faster than that, and 10 bits of the worker's number. */
static uint64_t session_new_id(const struct worker *worker)
{
    enum { EPOCH_2024 = 1704067200 };
    static uint64_t last;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t tick = (uint64_t)(now.tv_sec - EPOCH_2024) * 16000 + (uint64_t)now.tv_nsec / 62500;
    last = tick > last ? tick : last + 1;
    return (last << 10 | (worker->slot & 1023)) & ((UINT64_C(1) << 55) - 1);
}

static void session_link(struct session *s)
{
    struct worker *worker = s->worker;

    s->next = worker->sessions;
    s->link = &worker->sessions;
    if (s->next != NULL) {
        s->next->link = &s->next;
    }
    worker->sessions = s;
    worker->session_count++;
}

static void session_free(struct session *s)
{
    *s->link = s->next;
    if (s->next != NULL) {
        s->next->link = s->link;
    }
    s->worker->session_count--;
    mem_free(s);
}

void session_refuse(struct worker *worker, const struct config_listener *listener, int fd,
                    const union session_peer *peer, const char *text)
{
    char reply[512];
    int len =
        snprintf(reply, sizeof(reply), "421 4.3.2 %.255s %s\r\n", worker->config->hostname, text);

    if (len > 0 && send(fd, reply, (size_t)len, MSG_NOSIGNAL) < 0) {
        /* It has gone already: that is what is wanted of it. */
    }
    close(fd);
    smtplog_refuse(listener, peer, text);
}

/* An address as rules have it: IPv4 within IPv6. */
static struct policy_address session_address(const union session_peer *peer)
{
    struct policy_address address = {.known = true, .octets = {[10] = 0xff, [11] = 0xff}};

    if (peer->any.sa_family == AF_INET) {
        memcpy(address.octets + 12, &peer->in.sin_addr, 4);
    } else if (peer->any.sa_family == AF_INET6) {
        memcpy(address.octets, &peer->in6.sin6_addr, sizeof(address.octets));
    } else {
        address.known = false;
    }
    return address;
}

/* What a policy's rules may ask about the client. */
static void session_facts(struct worker *worker, const struct config_listener *listener,
                          const union session_peer *peer)
{
    const struct policy_rules *rules = listener->policy->policy.rules;
    struct gate_facts *facts = &worker->facts;

    if (rules == NULL) {
        return;
    }
    facts->listener = span_str(listener->name);
    facts->client_address = session_address(peer);
    facts->client_port = ntohs(peer->any.sa_family == AF_INET    ? peer->in.sin_port
                               : peer->any.sa_family == AF_INET6 ? peer->in6.sin6_port
                                                                 : 0);
    facts->client_sessions = 1;
    if (policy_rules_read(rules, policy_field_find(SPAN("client.sessions")))) {
        for (const struct session *s = worker->sessions; s != NULL; s = s->next) {
            struct policy_address other = session_address(&s->peer);
            facts->client_sessions += memcmp(&other, &facts->client_address, sizeof(other)) == 0;
        }
    }
}

void session_begin(struct worker *worker, const struct config_listener *listener, int fd,
                   const union session_peer *peer)
{
    struct session *s = mem_zalloc(sizeof(*s));

    if (s != NULL) {
        session_facts(worker, listener, peer);
        s->gate = gate_new(&listener->policy->policy, &worker->facts);
    }
    if (s == NULL || s->gate == NULL) {
        mem_free(s);
        session_refuse(worker, listener, fd, peer, "Out of memory");
        return;
    }
    s->worker = worker;
    s->listener = listener;
    s->peer = *peer;
    s->id = session_new_id(worker);
    s->reach = 1;
    s->armed = UINT64_MAX;
    ev_timer_init(&s->timer, session_timer, 0, 0);
    s->timer.data = s;
    ev_io_init(&s->side[GATE_CLIENT].io, relay_ready, fd, EV_READ);
    ev_io_init(&s->side[GATE_SERVER].io, relay_ready, -1, EV_READ);
    s->side[GATE_CLIENT].io.data = s;
    s->side[GATE_SERVER].io.data = s;
    session_link(s);
    smtplog_connect(s);
    gate_start(s->gate, relay_begin(s), worker_now());
    relay_deliver(s);
    session_settle(s);
}

static void session_close_client(struct session *s)
{
    struct session_side *client = &s->side[GATE_CLIENT];

    if (client->io.fd >= 0) {
        ev_io_stop(s->worker->loop, &client->io);
        close(client->io.fd);
        client->io.fd = -1;
    }
    buf_free(&client->out);
}

void session_enter(struct session *s, enum session_state state)
{
    if (s->state == SESSION_OPEN && state != SESSION_OPEN) {
        smtplog_disconnect(s);
        backend_close(s);
        gate_free(&s->gate);
        buf_free(&s->side[GATE_CLIENT].in);
        s->todo = 0;
    }
    s->state = state;
    switch (state) {
    case SESSION_OPEN:
        break;
    case SESSION_FLUSHING:
        s->until = worker_now() + SESSION_FLUSH;
        break;
    case SESSION_LINGERING:
        s->until = worker_now() + (s->worker->draining ? SESSION_LINGER_DRAIN : SESSION_LINGER);
        s->side[GATE_CLIENT].paused = false;
        shutdown(s->side[GATE_CLIENT].io.fd, SHUT_WR);
        break;
    case SESSION_CLOSED:
        session_close_client(s);
        ev_timer_stop(s->worker->loop, &s->timer);
        break;
    }
}

void session_fail(struct session *s, const char *why)
{
    if (s->state != SESSION_CLOSED) {
        smtplog_fail(s, why);
        session_enter(s, SESSION_CLOSED);
    }
}

void session_requests(struct session *s, unsigned requests)
{
    struct session_side *client = &s->side[GATE_CLIENT];

    if ((requests & GATE_CLOSE_CLIENT) != 0) {
        bool lost = (s->todo & SESSION_TODO_LOST_CLIENT) != 0;
        s->linger = (requests & GATE_LINGER) != 0 && !client->eof;
        if ((requests & GATE_RESET) != 0) {
            const struct linger reset = {.l_onoff = 1, .l_linger = 0};
            setsockopt(client->io.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
            lost = true;
        }
        session_enter(s, lost                        ? SESSION_CLOSED
                         : buf_len(&client->out) > 0 ? SESSION_FLUSHING
                         : s->linger                 ? SESSION_LINGERING
                                                     : SESSION_CLOSED);
        return;
    }
    if ((requests & GATE_CLOSE_SERVER) != 0) {
        backend_close(s);
    }
    if ((requests & GATE_CONNECT) != 0) {
        s->todo |= SESSION_TODO_CONNECT;
    }
}

/* Tell the gate one thing that waited. */
static void session_do(struct session *s, unsigned todo)
{
    struct gate_out *out = relay_begin(s);

    switch (todo) {
    case SESSION_TODO_CONNECT:
        backend_connect(s);
        return;
    case SESSION_TODO_CONNECTED:
        gate_connected(s->gate, out, worker_now(), true);
        break;
    case SESSION_TODO_UNREACHABLE:
        gate_connected(s->gate, out, worker_now(), false);
        break;
    case SESSION_TODO_LOST_CLIENT:
        buf_free(&s->side[GATE_CLIENT].in);
        gate_eof(s->gate, out, worker_now(), GATE_CLIENT);
        break;
    case SESSION_TODO_LOST_SERVER:
        buf_free(&s->side[GATE_SERVER].in);
        gate_eof(s->gate, out, worker_now(), GATE_SERVER);
        break;
    default:
        return;
    }
    relay_deliver(s);
    relay_kept(s);
}

/* When something is to happen if nothing does. */
static uint64_t session_due(const struct session *s)
{
    if (s->state != SESSION_OPEN) {
        return s->until;
    }
    uint64_t due = gate_deadline(s->gate);
    return s->connecting && s->until < due ? s->until : due;
}

/* The timer is set again only where it would come too late: where it comes too early it finds that
 * out, which is rarer than the events that move the deadline. */
static void session_arm(struct session *s)
{
    uint64_t due = session_due(s);

    if (due >= s->armed) {
        return;
    }
    uint64_t now = worker_now();
    ev_timer_stop(s->worker->loop, &s->timer);
    ev_timer_set(&s->timer, due > now ? (double)(due - now) / 1000 : 0, 0);
    ev_timer_start(s->worker->loop, &s->timer);
    s->armed = due;
}

static void session_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct session *s = timer->data;
    uint64_t now = worker_now();

    s->armed = UINT64_MAX;
    if (session_due(s) <= now) {
        if (s->state != SESSION_OPEN) {
            session_enter(s, SESSION_CLOSED);
        } else if (s->connecting && s->until <= now) {
            backend_timeout(s);
        } else {
            gate_expire(s->gate, relay_begin(s), now);
            relay_deliver(s);
            relay_kept(s);
        }
    }
    session_settle(s);
}

void session_settle(struct session *s)
{
    while (s->todo != 0 && s->state == SESSION_OPEN) {
        unsigned todo = s->todo & -s->todo;
        s->todo &= (uint8_t)~todo;
        session_do(s, todo);
    }
    if (s->state == SESSION_CLOSED) {
        session_free(s);
        return;
    }
    relay_watch(s);
    session_arm(s);
}

void session_drain(struct session *s)
{
    if (s->state == SESSION_OPEN) {
        gate_drain(s->gate, relay_begin(s), worker_now());
        relay_deliver(s);
        relay_kept(s);
    } else if (s->state == SESSION_LINGERING) {
        session_enter(s, SESSION_LINGERING); /* for the shorter time */
    }
    session_settle(s);
}

void session_stop(struct session *s)
{
    session_enter(s, SESSION_CLOSED);
    session_settle(s);
}
