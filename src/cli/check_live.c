/*
 * Asking a server for its EHLO reply, as any client would: greeting, EHLO, QUIT. One connection, a
 * few seconds, nothing else is sent.
 */
#include "cli/check.h"

#include "base/escape.h"
#include "smtp/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECT_MS = 5000,
    ANSWER_MS = 10000, /* for the greeting, and for the EHLO reply */
    QUIT_MS = 1000,
    ANSWER_MAX = 64 * 1024,
    LINE_MAX = 4096,
    LINES_MAX = 1000,
};

struct talk {
    int fd;
    unsigned char in[ANSWER_MAX];
    size_t len, used; /* octets in `in`, and those of the last reply */
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Wait until the socket is ready. False with errno set where it is not in time. */
static bool wait_for(int fd, short events, int64_t until)
{
    for (;;) {
        int64_t left = until - now_ms();
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int ready = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;
        if (ready > 0) {
            return true;
        }
        if (ready == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        if (errno != EINTR) {
            return false;
        }
    }
}

/* A connected socket, or -1 with errno set. */
static int dial(const struct net_addr *addr)
{
    int fd = socket(addr->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;
    socklen_t len = sizeof(error);

    if (fd < 0) {
        return -1;
    }
    if (connect(fd, &addr->any, addr->len) == 0) {
        return fd;
    }
    error = errno;
    if (error == EINPROGRESS) {
        error = !wait_for(fd, POLLOUT, now_ms() + CONNECT_MS)             ? errno
                : getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 ? errno
                                                                          : error;
    }
    if (error != 0) {
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* One reply; NULL, or what is wrong. */
static const char *hear(struct talk *talk, int64_t until, struct smtp_reply *reply_r)
{
    memmove(talk->in, talk->in + talk->used, talk->len - talk->used);
    talk->len -= talk->used;
    talk->used = 0;
    *reply_r = (struct smtp_reply){.code = 0};
    for (;;) {
        int done = smtp_reply_parse(reply_r, span_of(talk->in, talk->len), LINE_MAX, LINES_MAX);
        if (done != 0 || talk->len == sizeof(talk->in)) {
            talk->used = reply_r->size;
            return done > 0 ? NULL : "its answer is no SMTP reply";
        }
        if (!wait_for(talk->fd, POLLIN, until)) {
            return strerror(errno);
        }
        ssize_t n = read(talk->fd, talk->in + talk->len, sizeof(talk->in) - talk->len);
        if (n == 0) {
            return "it closed the connection";
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return strerror(errno);
        }
        talk->len += n > 0 ? (size_t)n : 0;
    }
}

/* A line is far less than what a fresh socket takes at once. */
static bool say(struct talk *talk, const char *line)
{
    return send(talk->fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line);
}

static const char *keep(struct arena *arena, struct span text)
{
    const char *copy = arena_string(arena, text);
    return copy != NULL ? copy : "memory is out";
}

/* The reply's first line, fit for a terminal: it is a stranger's text. */
static const char *first_line(const struct talk *talk, struct arena *arena)
{
    struct buf escaped = {.ptr = NULL};
    struct span reply = span_of(talk->in, talk->used);
    struct span line = span_head(reply, span_find(reply, '\n'));
    bool ok = buf_escape(&escaped, span_head(line, span_find(line, '\r')));
    const char *text = keep(arena, ok ? buf_span(&escaped) : SPAN("memory is out"));
    buf_free(&escaped);
    return text;
}

/* Read what is offered off the EHLO reply. */
static void read_offer(struct talk *talk, struct arena *arena, struct check_server *server)
{
    struct span rest = span_of(talk->in, talk->used);
    struct smtp_reply_line line;
    enum smtp_reply_error error;

    for (unsigned i = 0; rest.len > 0 && smtp_reply_line_parse(rest, LINE_MAX, &line, &error) > 0;
         i++) {
        rest = span_from(rest, line.size);
        if (i == 0) {
            server->offer = span_str(keep(arena, rest));
        } else {
            server->keywords |= smtp_keyword_bit(smtp_keyword_of_line(line.text));
        }
    }
    server->keywords &= ~smtp_keyword_bit(SMTP_KEYWORD_UNKNOWN);
}

static const char *converse(struct talk *talk, struct arena *arena, struct check_server *server,
                            const char *hostname)
{
    char line[300];
    struct smtp_reply reply;
    const char *error = hear(talk, now_ms() + ANSWER_MS, &reply);

    if (error != NULL) {
        return error;
    }
    server->greeting = first_line(talk, arena);
    if (reply.code != 220) {
        return server->greeting;
    }
    snprintf(line, sizeof(line), "EHLO %s\r\n", hostname);
    if (!say(talk, line)) {
        return strerror(errno);
    }
    error = hear(talk, now_ms() + ANSWER_MS, &reply);
    if (error != NULL) {
        return error;
    }
    if (reply.code == 250) { /* else it knows HELO alone, and offers nothing */
        read_offer(talk, arena, server);
    }
    return NULL;
}

/* Leave with QUIT; the answer is not needed, but a server's log should not have a lost client. */
static void leave(struct talk *talk)
{
    struct smtp_reply reply;

    if (say(talk, "QUIT\r\n")) {
        hear(talk, now_ms() + QUIT_MS, &reply);
    }
    close(talk->fd);
}

struct check_server *check_ask(struct arena *arena, const struct config_server *server,
                               const char *hostname)
{
    struct check_server *answer = arena_alloc(arena, sizeof(*answer));
    struct talk *talk = arena_alloc(arena, sizeof(*talk));

    if (answer == NULL || talk == NULL) {
        return NULL;
    }
    answer->server = server;
    answer->error = "it has no address";
    talk->fd = -1;
    for (size_t i = 0; i < server->addr_count && talk->fd < 0; i++) {
        talk->fd = dial(&server->addrs[i]);
        if (talk->fd < 0) {
            answer->error = keep(arena, span_str(strerror(errno)));
        }
    }
    if (talk->fd >= 0) {
        const char *error = converse(talk, arena, answer, hostname);
        answer->error = error != NULL ? keep(arena, span_str(error)) : NULL;
        leave(talk);
    }
    return answer;
}

const struct check_server *check_answer(const struct check_report *report,
                                        const struct config_server *server)
{
    const struct check_server *answer = report->servers;

    while (answer != NULL && answer->server != server) {
        answer = answer->next;
    }
    return answer;
}
