/*
 * The backend of the benchmarks: an SMTP server that takes everything and keeps two counters.
 *
 *     bench-sink --listen ADDRESS:PORT
 *
 * EHLO with PIPELINING, 8BITMIME, SIZE and CHUNKING, and it means them. It keeps order (a DATA
 * without RCPT is a 503), because a proxy that garbles the dialogue must not pass unnoticed, and
 * it is cheap, because it shares the machine with what is measured: one thread, one big buffer,
 * memmem() for the end of the data (RFC 5321 section 4.1.1.4), one send() for the replies to all
 * that one recv() brought.
 *
 * Of a message whose MAIL tells its SIZE (RFC 1870), and of a BDAT chunk, only the end is looked
 * at: what comes before is dropped in the kernel (MSG_TRUNC) and only wakes the sink by the half
 * mebibyte (SO_RCVLOWAT). A mail server is another machine in real life; here each wake-up would
 * be charged to the proxy, whose send() runs the receiver's side of the loopback. The SIZE must
 * be the exact number of octets on the wire, which bench-load's is.
 *
 * XSTAT answers "250 sessions=S messages=M octets=O errors=E": sessions are those that said QUIT;
 * octets are those of message bodies on the wire (with stuffed dots and the final dot line; with
 * BDAT the chunks); errors are replies of 5xx.
 */
#include "common.h"

enum {
    buffer_size = 262144,
    line_max = 1024,
    replies_max = 65536,
    events_max = 256,
    /* What is dropped unseen: this much at least, and never the last `looked_at` octets. */
    dropped_min = 524288,
    looked_at = 65536,
};

enum phase { PHASE_COMMAND, PHASE_DATA, PHASE_BDAT };

struct session {
    struct session *next_dead;
    uint64_t octets; /* of the message so far */
    uint64_t chunk;  /* BDAT: octets still to come */
    uint64_t size;   /* DATA: what MAIL told, 0 if nothing */
    int fd;
    enum phase phase;
    unsigned matched; /* DATA: octets of CRLF.CRLF that the input ends with */
    bool greeted, mail, rcpt, last, quit;
    bool sleepy; /* SO_RCVLOWAT is set */
    uint32_t line_len;
    char line[line_max]; /* the beginning of a command whose end did not come yet */
};

static struct {
    uint64_t sessions, messages, octets, errors;
} count;

static char buffer[buffer_size];
static char replies[replies_max];
static size_t replies_len;
static struct session *dead;

static void reply(const char *text)
{
    size_t len = strlen(text);

    if (len > sizeof(replies) - replies_len)
        die("a peer pipelines more than %d octets of replies", replies_max);
    memcpy(replies + replies_len, text, len);
    replies_len += len;
    if (text[0] == '5')
        count.errors++;
}

static void message_done(struct session *s, const char *text)
{
    count.messages++;
    count.octets += s->octets;
    s->octets = 0;
    s->mail = s->rcpt = false;
    s->phase = PHASE_COMMAND;
    reply(text);
}

/* Takes what it can of the chunk; returns the octets taken. */
static size_t take_chunk(struct session *s, size_t len)
{
    size_t take = len < s->chunk ? len : (size_t)s->chunk;

    s->chunk -= take;
    s->octets += take;
    if (s->chunk == 0 && s->last) {
        message_done(s, "250 OK: taken\r\n");
    } else if (s->chunk == 0) {
        s->phase = PHASE_COMMAND;
        reply("250 OK: chunk\r\n");
    }
    return take;
}

static void command_bdat(struct session *s, const char *line)
{
    char *end;
    unsigned long long size = strtoull(line + 4, &end, 10);

    s->last = strcasecmp(end, " LAST\r\n") == 0;
    if (end == line + 4 || (!s->last && strcmp(end, "\r\n") != 0)) {
        reply("501 BDAT takes a size and LAST\r\n");
        return;
    }
    if (!s->rcpt)
        die("BDAT without RCPT: the chunk behind it would be taken for commands");
    s->chunk = size;
    s->phase = PHASE_BDAT;
    if (size == 0)
        take_chunk(s, 0);
}

/* One complete command line, NUL-terminated behind its CRLF. */
static void command(struct session *s, const char *line)
{
    char stat[160];
    const char *size;

    if (strncasecmp(line, "EHLO ", 5) == 0) {
        s->greeted = true;
        s->mail = s->rcpt = false;
        reply("250-sink.bench.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE\r\n"
              "250 CHUNKING\r\n");
    } else if (strncasecmp(line, "MAIL FROM:<", 11) == 0) {
        reply(s->greeted && !s->mail ? "250 OK\r\n" : "503 EHLO first, one MAIL at a time\r\n");
        s->mail = s->greeted;
        size = strcasestr(line, " SIZE=");
        s->size = size != NULL ? strtoull(size + 6, NULL, 10) : 0;
    } else if (strncasecmp(line, "RCPT TO:<", 9) == 0) {
        reply(s->mail ? "250 OK\r\n" : "503 MAIL first\r\n");
        s->rcpt = s->mail;
    } else if (strcasecmp(line, "DATA\r\n") == 0) {
        reply(s->rcpt ? "354 Go ahead\r\n" : "503 RCPT first\r\n");
        s->phase = s->rcpt ? PHASE_DATA : PHASE_COMMAND;
        s->matched = 2; /* the CRLF of DATA counts: an empty message is "." alone */
    } else if (strncasecmp(line, "BDAT ", 5) == 0) {
        command_bdat(s, line);
    } else if (strcasecmp(line, "QUIT\r\n") == 0) {
        reply("221 Bye\r\n");
        count.sessions++;
        s->quit = true;
    } else if (strcasecmp(line, "XSTAT\r\n") == 0) {
        snprintf(stat, sizeof(stat), "250 sessions=%ju messages=%ju octets=%ju errors=%ju\r\n",
                 (uintmax_t)count.sessions, (uintmax_t)count.messages, (uintmax_t)count.octets,
                 (uintmax_t)count.errors);
        reply(stat);
    } else if (strcasecmp(line, "RSET\r\n") == 0) {
        s->mail = s->rcpt = false;
        reply("250 OK\r\n");
    } else if (strcasecmp(line, "NOOP\r\n") == 0) {
        reply("250 OK\r\n");
    } else {
        reply("500 Unknown command\r\n");
    }
}

/* Takes what it can of `at` as one command line; returns the octets taken. */
static size_t take_line(struct session *s, const char *at, size_t len)
{
    const char *newline = memchr(at, '\n', len);
    size_t take = newline != NULL ? (size_t)(newline - at) + 1 : len;

    if (take >= sizeof(s->line) - s->line_len)
        die("a command line is longer than %d octets", line_max);
    memcpy(s->line + s->line_len, at, take);
    s->line_len += (uint32_t)take;
    s->line[s->line_len] = '\0';
    if (newline == NULL)
        return take;
    if (s->line_len < 2 || s->line[s->line_len - 2] != '\r')
        die("a command line ends with a bare LF: %s", s->line);
    s->line_len = 0;
    command(s, s->line);
    return take;
}

/* One step of the search for CRLF.CRLF; 5 is the whole of it. */
static unsigned match_step(unsigned matched, char c)
{
    static const char terminator[] = "\r\n.\r\n";

    if (c == terminator[matched])
        return matched + 1;
    return c == '\r' ? 1 : 0;
}

static size_t take_data(struct session *s, const char *at, size_t len)
{
    size_t i = 0;
    const char *end;

    while (i < len && s->matched > 0 && s->matched < 5)
        s->matched = match_step(s->matched, at[i++]);
    if (s->matched == 0 && i < len) {
        end = memmem(at + i, len - i, "\r\n.\r\n", 5);
        if (end != NULL) {
            i = (size_t)(end - at) + 5;
            s->matched = 5;
        } else {
            for (i = len - i > 4 ? len - 4 : i; i < len; i++)
                s->matched = match_step(s->matched, at[i]);
        }
    }
    s->octets += i;
    if (s->matched == 5)
        message_done(s, "250 OK: taken\r\n");
    return i;
}

static void session_close(struct session *s)
{
    close(s->fd);
    s->fd = -1;
    s->next_dead = dead;
    dead = s;
}

/* Octets of the body that need not be looked at. */
static uint64_t droppable(const struct session *s)
{
    uint64_t left = 0;

    if (s->phase == PHASE_BDAT)
        left = s->chunk;
    else if (s->phase == PHASE_DATA && s->size > s->octets)
        left = s->size - s->octets;
    return left > dropped_min + looked_at ? left - looked_at : 0;
}

static void session_sleep(struct session *s, bool sleepy)
{
    const int octets = sleepy ? dropped_min : 1;

    if (s->sleepy == sleepy)
        return;
    s->sleepy = sleepy;
    if (setsockopt(s->fd, SOL_SOCKET, SO_RCVLOWAT, &octets, sizeof(octets)) < 0)
        die("SO_RCVLOWAT: %s", strerror(errno));
}

/* Drops some of the body in the kernel; what recv() says. */
static ssize_t session_drop(struct session *s, uint64_t octets)
{
    ssize_t got = recv(s->fd, NULL, octets < INT32_MAX ? octets : INT32_MAX, MSG_TRUNC);

    if (got > 0) {
        s->octets += (uint64_t)got;
        s->chunk -= s->phase == PHASE_BDAT ? (uint64_t)got : 0;
        s->matched = 0; /* the terminator is not in there, and does not begin there */
    }
    return got;
}

/* Takes `len` octets of the buffer apart; the replies are left in `replies`. */
static void session_take(struct session *s, size_t got)
{
    replies_len = 0;
    for (size_t at = 0; at < got && !s->quit;) {
        size_t len = got - at;

        switch (s->phase) {
        case PHASE_COMMAND:
            at += take_line(s, buffer + at, len);
            break;
        case PHASE_DATA:
            at += take_data(s, buffer + at, len);
            break;
        case PHASE_BDAT:
            at += take_chunk(s, len);
            break;
        }
    }
}

static void session_read(struct session *s)
{
    uint64_t drop = droppable(s);
    ssize_t got = drop > 0 ? session_drop(s, drop) : recv(s->fd, buffer, sizeof(buffer), 0);
    ssize_t sent;

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        session_close(s);
        return;
    }
    if (drop == 0)
        session_take(s, (size_t)got);
    session_sleep(s, droppable(s) > 0);
    if (drop > 0)
        return;
    sent = replies_len > 0 ? send(s->fd, replies, replies_len, MSG_NOSIGNAL) : 0;
    if (sent >= 0 ? (size_t)sent < replies_len : errno == EAGAIN)
        die("a peer does not read its replies");
    if (sent < 0 || s->quit)
        session_close(s);
}

static void accept_one(int epoll, int listener)
{
    static const char greeting[] = "220 sink.bench.example ESMTP\r\n";
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct session *s;

    if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
        return;
    if (fd < 0)
        die("accept4: %s", strerror(errno));
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        die("out of memory");
    s->fd = fd;
    if (send(fd, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) < 0) {
        session_close(s);
        return;
    }
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, s);
}

int main(int argc, char **argv)
{
    struct epoll_event events[events_max];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener;

    if (argc != 3 || strcmp(argv[1], "--listen") != 0)
        die("usage: bench-sink --listen ADDRESS:PORT");
    listener = listen_on(argv[2]);
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    for (;;) {
        int n = epoll_wait(epoll, events, events_max, -1);

        for (int i = 0; i < n; i++) {
            struct session *s = events[i].data.ptr;

            if (s == NULL)
                accept_one(epoll, listener);
            else if (s->fd >= 0)
                session_read(s);
        }
        while (dead != NULL) {
            struct session *s = dead;

            dead = s->next_dead;
            free(s);
        }
    }
}
