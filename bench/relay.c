/*
 * The floor: a TCP relay that understands nothing and wastes nothing.
 *
 *     bench-relay --listen ADDRESS:PORT --backend ADDRESS:PORT
 *
 * One thread, epoll, recv() then send(). What a gateway costs beyond this is what understanding
 * the dialogue costs. Written as well as this scheme allows:
 *
 *   - one 64 KiB buffer for the whole process; a connection owns memory only for octets that its
 *     peer did not take yet, so an idle one costs its struct (sizes asserted below);
 *   - edge-triggered, each socket registered once: two epoll_ctl() a session. EPOLLOUT is added
 *     the first time a socket blocks and then stays, which costs nothing edge-triggered;
 *   - no recv() after a short one: on a stream it means that the queue is empty, and what comes
 *     later is a new edge. For the same reason a short recv() on a socket whose FIN is already
 *     reported (EPOLLRDHUP) is its end of file, without the recv() that returns 0;
 *   - one accept4() an event (the listener is level-triggered), none that only meets EAGAIN;
 *   - TCP_NODELAY inherited from the listener on the client's side, set on the server's.
 *
 * Rejected: splice(2) (needs a pipe a direction and four calls for two; dearer on small messages,
 * and no gateway that reads what it relays can use it), io_uring (performance.md: 2-10 % on small
 * messages, worse on big ones), closing both sides on the first FIN (saves three calls, but loses
 * what the other side was still to be sent).
 */
#include "common.h"

enum {
    buffer_size = 65536,
    events_max = 256,
    /* Buffers moved for one socket before the others have their turn. */
    turn_max = 16,
};

/* One of a connection's two sockets, and what is still to be sent to it. */
struct side {
    char *pending; /* owned; NULL when all was sent */
    uint32_t pending_off;
    uint32_t pending_len;
    int fd;
    bool fin;      /* EPOLLRDHUP seen: nothing comes after what is queued */
    bool eof;      /* all of it was read */
    bool unread;   /* may hold octets that were not read, because the other side is blocked */
    bool can_poll; /* EPOLLOUT is registered */
};

struct conn {
    struct side side[2]; /* client, server */
    struct conn *next_dead;
};

/* An idle connection is this and nothing else; malloc adds 8 octets. */
_Static_assert(sizeof(struct conn) <= 72, "an idle connection stays small");

static char buffer[buffer_size];
static int epoll_fd;
static int listen_fd;
static struct sockaddr_in backend;
/* Freed after the batch of events, which may name them again. */
static struct conn *dead;

/* The side a socket is travels in the pointer's lowest bit, which malloc leaves 0. */
static void *tag(struct conn *conn, unsigned which)
{
    return (void *)((uintptr_t)conn | which);
}

static void conn_close(struct conn *conn)
{
    for (int i = 0; i < 2; i++) {
        if (conn->side[i].fd >= 0)
            close(conn->side[i].fd);
        free(conn->side[i].pending);
        conn->side[i] = (struct side){.fd = -1};
    }
    conn->next_dead = dead;
    dead = conn;
}

static void poll_writable(struct conn *conn, unsigned which)
{
    struct side *side = &conn->side[which];

    if (side->can_poll)
        return;
    side->can_poll = true;
    watch(epoll_fd, EPOLL_CTL_MOD, side->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
          tag(conn, which));
}

/* Send `len` octets of the shared buffer; what is not taken is kept. False: the peer is gone. */
static bool side_send(struct conn *conn, unsigned which, size_t len)
{
    struct side *side = &conn->side[which];
    ssize_t sent = send(side->fd, buffer, len, MSG_NOSIGNAL);

    if (sent < 0) {
        if (errno != EAGAIN)
            return false;
        sent = 0;
    }
    if ((size_t)sent == len)
        return true;
    side->pending_len = (uint32_t)(len - (size_t)sent);
    side->pending_off = 0;
    side->pending = malloc(side->pending_len);
    if (side->pending == NULL)
        die("out of memory");
    memcpy(side->pending, buffer + sent, side->pending_len);
    poll_writable(conn, which);
    return true;
}

/* Read from one side and send to the other until the one is empty or the other full. */
static void conn_pump(struct conn *conn, unsigned from)
{
    struct side *in = &conn->side[from];
    struct side *out = &conn->side[!from];

    for (int turn = 0; !in->eof; turn++) {
        ssize_t got;

        if (out->pending != NULL) {
            in->unread = true;
            return;
        }
        if (turn == turn_max) {
            /* Re-arming reports the socket again if it is still readable. */
            watch(epoll_fd, EPOLL_CTL_MOD, in->fd,
                  EPOLLIN | EPOLLRDHUP | EPOLLET | (in->can_poll ? EPOLLOUT : 0), tag(conn, from));
            return;
        }
        in->unread = false;
        got = recv(in->fd, buffer, sizeof(buffer), 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got < 0 || (got > 0 && !side_send(conn, !from, (size_t)got))) {
            conn_close(conn);
            return;
        }
        if (got == 0 || (got < (ssize_t)sizeof(buffer) && in->fin))
            in->eof = true;
        else if (got < (ssize_t)sizeof(buffer))
            return;
    }
    /* With octets still to be sent the end is passed on when they are (side_flush). */
    if (out->pending != NULL)
        return;
    if (out->eof)
        conn_close(conn);
    else
        shutdown(out->fd, SHUT_WR);
}

/* The socket takes octets again: send what waits, then go on reading for it. */
static void side_flush(struct conn *conn, unsigned which)
{
    struct side *side = &conn->side[which];
    struct side *other = &conn->side[!which];
    ssize_t sent;

    if (side->pending == NULL)
        return;
    sent = send(side->fd, side->pending + side->pending_off, side->pending_len, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
        return;
    if (sent < 0) {
        conn_close(conn);
        return;
    }
    side->pending_off += (uint32_t)sent;
    side->pending_len -= (uint32_t)sent;
    if (side->pending_len > 0)
        return;
    free(side->pending);
    side->pending = NULL;
    if (other->eof || other->unread)
        conn_pump(conn, !which);
}

static void conn_event(struct conn *conn, unsigned which, uint32_t events)
{
    if (conn->side[which].fd < 0)
        return;
    if (events & EPOLLOUT)
        side_flush(conn, which);
    if (conn->side[which].fd < 0)
        return;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        conn->side[which].fin = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        conn_pump(conn, which);
}

static void accept_one(void)
{
    const int on = 1;
    struct conn *conn;
    int client = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int server;

    if (client < 0) {
        if (errno == EAGAIN || errno == ECONNABORTED)
            return;
        die("accept4: %s", strerror(errno));
    }
    server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server < 0 || setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        die("socket: %s", strerror(errno));
    if (connect(server, (struct sockaddr *)&backend, sizeof(backend)) < 0 && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        die("out of memory");
    conn->side[0].fd = client;
    conn->side[1].fd = server;
    /* The server speaks first, and a failed connect() reports EPOLLERR: no EPOLLOUT is needed. */
    watch(epoll_fd, EPOLL_CTL_ADD, client, EPOLLIN | EPOLLRDHUP | EPOLLET, tag(conn, 0));
    watch(epoll_fd, EPOLL_CTL_ADD, server, EPOLLIN | EPOLLRDHUP | EPOLLET, tag(conn, 1));
}

static void free_dead(void)
{
    while (dead != NULL) {
        struct conn *conn = dead;

        dead = conn->next_dead;
        free(conn);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[events_max];

    if (argc != 5 || strcmp(argv[1], "--listen") != 0 || strcmp(argv[3], "--backend") != 0)
        die("usage: bench-relay --listen ADDRESS:PORT --backend ADDRESS:PORT");
    backend = address("--backend", argv[4]);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    listen_fd = listen_on(argv[2]);
    watch(epoll_fd, EPOLL_CTL_ADD, listen_fd, EPOLLIN, NULL);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, events_max, -1);

        for (int i = 0; i < n; i++) {
            uintptr_t data = (uintptr_t)events[i].data.ptr;

            if (data == 0)
                accept_one();
            else
                conn_event((struct conn *)(data & ~(uintptr_t)1), data & 1, events[i].events);
        }
        free_dead();
    }
}
