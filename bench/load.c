/*
 * The client of the benchmarks: SMTP sessions by the thousand, every reply checked.
 *
 *     bench-load --target ADDRESS:PORT [--sessions N] [--messages N] [--body OCTETS]
 *                [--concurrency N] [--pipelined | --bdat] [--rate PER_SECOND] [--timeout SECONDS]
 *     bench-load --target ADDRESS:PORT --hold --sessions N
 *
 * Runs S sessions of M messages each, C at a time (or, with --rate, started by the clock, however
 * many are open), and prints one JSON object: sessions, messages, octets of bodies on the wire,
 * seconds, and the session time (connect to 221) as p50, p99 and maximum in microseconds.
 *
 *   plain        EHLO, MAIL, RCPT, DATA, body and dot, QUIT, each after the reply to the one before
 *   --pipelined  MAIL RCPT DATA in one group; body and dot together with the next group or QUIT
 *                (RFC 2920 section 3.1)
 *   --bdat       BDAT LAST and its chunk in one go in place of DATA (RFC 3030 section 2)
 *   --hold       EHLO only; prints "holding N" when all are there, keeps them until stdin ends,
 *                then says QUIT in each
 *
 * A wrong code, a malformed or unsolicited reply, a keyword that is needed and not offered, an
 * early close: each ends the program with status 1 and says which session, which step and what
 * came. Cheap by having nothing to compute: all that is sent is prepared once, a session is a
 * walk over pointers into it.
 */
#include "common.h"

#include <getopt.h>

enum {
    reply_max = 512, /* RFC 5321 section 4.5.3.1.5 */
    buffer_size = 65536,
    events_max = 256,
    block_size = 1 << 20, /* big bodies are made of repeats of one block of whole lines */
    steps_max = 6,
};

/* A reply that is waited for. */
enum what { WHAT_PLAIN, WHAT_EHLO, WHAT_TAKEN };
struct step {
    const char *name;
    int code;
    enum what what;
};

/* What is sent in one go, and the replies that it earns. */
struct group {
    char *text; /* owned by the process */
    size_t text_len;
    unsigned blocks; /* then so many repeats of the block */
    const char *tail;
    size_t tail_len;
    struct step steps[steps_max];
    unsigned steps_count;
};

/* A session walks: greeting, EHLO, its messages (each all groups of `message`), QUIT. */
enum place { PLACE_GREETING, PLACE_EHLO, PLACE_MESSAGE, PLACE_QUIT, PLACE_END };

struct session {
    uint64_t started;
    const struct group *group;
    uint64_t sent;
    unsigned number;
    unsigned message;
    unsigned part; /* which group of the message */
    unsigned step;
    enum place place;
    int fd;
    unsigned keywords;
    uint32_t reply_len;
    char reply[reply_max]; /* a line whose end did not come yet */
};

static struct {
    struct sockaddr_in target;
    uint64_t body;
    unsigned sessions, messages, concurrency, rate;
    bool pipelined, bdat, hold;
} option = {.sessions = 1, .messages = 1, .concurrency = 1, .body = 1024};

static struct {
    unsigned started, finished, held, open;
    uint64_t messages, octets;
} count;

static const struct {
    const char *name;
    unsigned bit;
} keywords[] = {{"PIPELINING", 1}, {"8BITMIME", 2}, {"SIZE", 4}, {"CHUNKING", 8}};

static const struct step greeting_step = {"greeting", 220, WHAT_PLAIN};
static const struct step ehlo_step = {"EHLO", 250, WHAT_EHLO};
static const struct step mail_step = {"MAIL", 250, WHAT_PLAIN};
static const struct step rcpt_step = {"RCPT", 250, WHAT_PLAIN};
static const struct step data_step = {"DATA", 354, WHAT_PLAIN};
static const struct step taken_step = {"end of data", 250, WHAT_TAKEN};
static const struct step quit_step = {"QUIT", 221, WHAT_PLAIN};

static const char ehlo[] = "EHLO load.bench.example\r\n";
static const char mail[] = "MAIL FROM:<sender@load.bench.example>";
static const char rcpt[] = "RCPT TO:<recipient@sink.bench.example>\r\n";

static struct group greeting_group, ehlo_group, quit_group;
static struct group message_groups[4]; /* of every message */
static unsigned message_groups_count;
static struct group pipelined_next, pipelined_last;

static char block[block_size];
static char buffer[buffer_size];
static uint64_t message_octets;
static uint64_t *session_ns;
static struct session *sessions;
static int epoll_fd;

/* Exactly `size` octets of lines of 76 and CRLF, some of them dot-stuffed, as mail is. */
static void make_lines(char *to, size_t size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t random = 2463534242u;
    unsigned line = 0;

    while (size > 0) {
        /* Never leave less than "x\r\n" for the line after this one. */
        size_t len = size < 78 + 3 ? (size <= 78 ? size : size - 3) : 78;

        for (size_t i = 0; i < len - 2; i++) {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            to[i] = alphabet[random % 64];
        }
        if (line++ % 40 == 7 && len >= 4)
            to[0] = to[1] = '.';
        to[len - 2] = '\r';
        to[len - 1] = '\n';
        to += len;
        size -= len;
    }
}

static void group_text(struct group *group, const char *text, size_t len)
{
    group->text = realloc(group->text, group->text_len + len);
    if (group->text == NULL)
        die("out of memory");
    memcpy(group->text + group->text_len, text, len);
    group->text_len += len;
}

static void group_say(struct group *group, const char *text)
{
    group_text(group, text, strlen(text));
}

static void group_expect(struct group *group, const struct step *step)
{
    if (group->steps_count == steps_max)
        die("a group with too many replies");
    group->steps[group->steps_count++] = *step;
}

/*
 * The body of every message: a header, lines, and with DATA the final dot. Small ones are one
 * text, big ones a header and repeats of the block, rounded down to whole blocks.
 */
static void group_body(struct group *group)
{
    static const char header[] = "From: <sender@load.bench.example>\r\n"
                                 "To: <recipient@sink.bench.example>\r\n"
                                 "Subject: a message of the benchmark\r\n"
                                 "Message-ID: <1@load.bench.example>\r\n\r\n";
    const char *end = option.bdat ? "" : ".\r\n";
    size_t small = 0;
    char *lines;
    char chunk[48];

    if (option.body >= block_size)
        group->blocks = (unsigned)(option.body / block_size);
    else if (option.body >= sizeof(header) + 8)
        small = (size_t)option.body - (sizeof(header) - 1);
    else
        die("--body is at least %zu", sizeof(header) + 8);
    message_octets = sizeof(header) - 1 + small + (uint64_t)group->blocks * block_size;
    if (option.bdat) {
        snprintf(chunk, sizeof(chunk), "BDAT %ju LAST\r\n", (uintmax_t)message_octets);
        group_say(group, chunk);
    }
    message_octets += strlen(end);
    group_say(group, header);
    if (group->blocks > 0) {
        make_lines(block, sizeof(block));
        group->tail = end;
        group->tail_len = strlen(end);
        return;
    }
    lines = malloc(small);
    if (lines == NULL)
        die("out of memory");
    make_lines(lines, small);
    group_text(group, lines, small);
    group_say(group, end);
    free(lines);
}

/* Big messages tell their size, exactly: the sink then looks at their ends only. */
static void group_mail(struct group *group, const struct group *body)
{
    char size[32] = "";

    if (body->blocks > 0)
        snprintf(size, sizeof(size), " SIZE=%ju", (uintmax_t)message_octets);
    group_say(group, mail);
    group_say(group, size);
    group_say(group, "\r\n");
    group_expect(group, &mail_step);
}

/* The message as one step after the other. */
static void make_plain(void)
{
    struct group *group = message_groups;
    struct group *body = &message_groups[option.bdat ? 2 : 3];

    group_body(body);
    group_expect(body, &taken_step);
    group_mail(group++, body);
    group_say(group, rcpt);
    group_expect(group++, &rcpt_step);
    if (!option.bdat) {
        group_say(group, "DATA\r\n");
        group_expect(group, &data_step);
    }
    message_groups_count = (unsigned)(body - message_groups) + 1;
}

static void make_opening(struct group *group)
{
    group_mail(group, &pipelined_last);
    group_say(group, rcpt);
    group_say(group, "DATA\r\n");
    group_expect(group, &rcpt_step);
    group_expect(group, &data_step);
}

/* The message as groups: each body travels with what follows it. */
static void make_pipelined(void)
{
    if (option.body >= block_size)
        die("--pipelined is for small bodies");
    group_body(&pipelined_next);
    group_expect(&pipelined_next, &taken_step);
    group_body(&pipelined_last);
    group_expect(&pipelined_last, &taken_step);
    make_opening(&message_groups[0]);
    make_opening(&pipelined_next);
    group_say(&pipelined_last, "QUIT\r\n");
    group_expect(&pipelined_last, &quit_step);
}

static void make_script(void)
{
    group_expect(&greeting_group, &greeting_step);
    group_say(&ehlo_group, ehlo);
    group_expect(&ehlo_group, &ehlo_step);
    group_say(&quit_group, "QUIT\r\n");
    group_expect(&quit_group, &quit_step);
    if (option.pipelined)
        make_pipelined();
    else if (!option.hold)
        make_plain();
}

/* The group after the one whose replies are all there; NULL at the session's end. */
static const struct group *next_group(struct session *s)
{
    switch (s->place) {
    case PLACE_GREETING:
        s->place = PLACE_EHLO;
        return &ehlo_group;
    case PLACE_EHLO:
        if (option.hold)
            return NULL;
        s->place = PLACE_MESSAGE;
        return &message_groups[0];
    case PLACE_MESSAGE:
        if (option.pipelined) {
            s->place = s->message + 1 < option.messages ? PLACE_MESSAGE : PLACE_END;
            return s->place == PLACE_END ? &pipelined_last : &pipelined_next;
        }
        if (++s->part < message_groups_count)
            return &message_groups[s->part];
        s->part = 0;
        if (s->message < option.messages)
            return &message_groups[0];
        s->place = PLACE_QUIT;
        return &quit_group;
    case PLACE_QUIT:
    case PLACE_END:
        break;
    }
    s->place = PLACE_END;
    return NULL;
}

__attribute__((format(printf, 2, 3), noreturn)) static void session_fail(const struct session *s,
                                                                         const char *format, ...)
{
    char why[reply_max * 2];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    die("session %u, message %u, waiting for the reply to %s: %s", s->number, s->message + 1,
        s->step < s->group->steps_count ? s->group->steps[s->step].name : "nothing", why);
}

/* Sends as much of the group as the socket takes. */
static void session_send(struct session *s)
{
    const struct group *group = s->group;
    const uint64_t blocks_end = group->text_len + (uint64_t)group->blocks * block_size;
    const uint64_t end = blocks_end + group->tail_len;

    while (s->sent < end) {
        const char *from;
        size_t len;
        ssize_t n;

        if (s->sent < group->text_len) {
            from = group->text + s->sent;
            len = group->text_len - (size_t)s->sent;
        } else if (s->sent < blocks_end) {
            size_t at = (size_t)((s->sent - group->text_len) % block_size);

            from = block + at;
            len = block_size - at;
        } else {
            from = group->tail + (s->sent - blocks_end);
            len = (size_t)(end - s->sent);
        }
        n = send(s->fd, from, len, MSG_NOSIGNAL | (s->sent + len < end ? MSG_MORE : 0));
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            session_fail(s, "cannot send: %s", strerror(errno));
        s->sent += (uint64_t)n;
    }
}

static bool group_sent(const struct session *s)
{
    const struct group *group = s->group;

    return s->sent ==
           group->text_len + (uint64_t)group->blocks * block_size + (uint64_t)group->tail_len;
}

static void session_finish(struct session *s)
{
    close(s->fd);
    s->fd = -1;
    session_ns[count.finished++] = now_ns() - s->started;
    count.open--;
}

/* All replies of the group are there: the next one, or the end. */
static void session_go_on(struct session *s)
{
    const struct group *group = next_group(s);

    if (group != NULL) {
        s->group = group;
        s->sent = 0;
        s->step = 0;
        session_send(s);
    } else if (s->place == PLACE_EHLO) {
        count.held++;
        count.open--;
    } else {
        session_finish(s);
    }
}

static void ehlo_line(struct session *s, const char *word, size_t len)
{
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
        if (strlen(keywords[i].name) == len && strncasecmp(keywords[i].name, word, len) == 0)
            s->keywords |= keywords[i].bit;
}

static void ehlo_check(const struct session *s)
{
    unsigned needed = (option.pipelined ? 1 : 0) | (option.bdat ? 8 : 0);

    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
        if (needed & keywords[i].bit & ~s->keywords)
            session_fail(s, "%s is needed and not offered", keywords[i].name);
}

/* One line of a reply, `len` octets with its CRLF. */
static void session_line(struct session *s, const char *line, size_t len)
{
    const struct step *step = &s->group->steps[s->step];
    char shown[reply_max + 1];

    memcpy(shown, line, len);
    shown[len] = '\0';
    shown[strcspn(shown, "\r\n")] = '\0';
    if (s->step == s->group->steps_count || !group_sent(s))
        session_fail(s, "unsolicited: '%s'", shown);
    if (len < 5 || line[len - 2] != '\r' || (line[3] != ' ' && line[3] != '-'))
        session_fail(s, "malformed: '%s'", shown);
    if (line[0] != '0' + step->code / 100 || line[1] != '0' + step->code / 10 % 10 ||
        line[2] != '0' + step->code % 10)
        session_fail(s, "expected %d, got '%s'", step->code, shown);
    if (step->what == WHAT_EHLO)
        ehlo_line(s, shown + 4, strcspn(shown + 4, " "));
    if (line[3] == '-')
        return;
    if (step->what == WHAT_EHLO)
        ehlo_check(s);
    if (step->what == WHAT_TAKEN) {
        s->message++;
        count.messages++;
        count.octets += message_octets;
    }
    s->step++;
}

static void session_read(struct session *s)
{
    ssize_t got = recv(s->fd, buffer, sizeof(buffer), 0);
    const char *at = buffer;
    const char *end = buffer + got;

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        session_fail(s, "the peer closed: %s", got < 0 ? strerror(errno) : "end of file");
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline != NULL ? (size_t)(newline - at) + 1 : (size_t)(end - at);

        if (s->reply_len + len > reply_max)
            session_fail(s, "a reply line is longer than %d octets", reply_max);
        if (newline != NULL && s->reply_len == 0) {
            session_line(s, at, len);
        } else {
            memcpy(s->reply + s->reply_len, at, len);
            s->reply_len += (uint32_t)len;
            if (newline != NULL) {
                session_line(s, s->reply, s->reply_len);
                s->reply_len = 0;
            }
        }
        at += len;
    }
    if (s->step == s->group->steps_count && s->reply_len == 0)
        session_go_on(s);
}

static void session_start(void)
{
    const int on = 1;
    struct session *s = &sessions[count.started];

    s->number = ++count.started;
    s->started = now_ns();
    s->group = &greeting_group;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        die("socket: %s", strerror(errno));
    if (connect(s->fd, (struct sockaddr *)&option.target, sizeof(option.target)) < 0 &&
        errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    count.open++;
    watch(epoll_fd, EPOLL_CTL_ADD, s->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, s);
}

/* Starts what is due; returns nanoseconds to the next start, or -1 when no clock drives it. */
static int64_t start_due(uint64_t began)
{
    while (count.started < option.sessions) {
        if (option.rate > 0) {
            uint64_t due = began + count.started * UINT64_C(1000000000) / option.rate;
            uint64_t now = now_ns();

            if (due > now)
                return (int64_t)(due - now);
        } else if (count.open >= option.concurrency) {
            return -1;
        }
        session_start();
    }
    return -1;
}

/* Waits for events and serves them; `wait` in nanoseconds, -1 for ever. */
static void serve_events(int64_t wait)
{
    struct epoll_event events[events_max];
    struct timespec ts = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
    int n = epoll_pwait2(epoll_fd, events, events_max, wait < 0 ? NULL : &ts, NULL);

    if (n < 0 && errno != EINTR)
        die("epoll_pwait2: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        struct session *s = events[i].data.ptr;

        if (s->fd >= 0 && (events[i].events & EPOLLOUT) && !group_sent(s))
            session_send(s);
        if (s->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT))
            session_read(s);
    }
}

/* All sessions stand after EHLO: keep them until stdin ends, then end each properly. */
static void hold(void)
{
    char discard[64];

    printf("holding %u\n", count.held);
    fflush(stdout);
    while (read(STDIN_FILENO, discard, sizeof(discard)) > 0)
        ;
    for (unsigned i = 0; i < count.held; i++) {
        struct session *s = &sessions[i];

        s->place = PLACE_QUIT;
        s->group = &quit_group;
        s->sent = 0;
        s->step = 0;
        count.open++;
        session_send(s);
    }
    while (count.finished < option.sessions)
        serve_events(-1);
}

static int compare_ns(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static double quantile_us(double q)
{
    return (double)session_ns[(size_t)(q * (double)(count.finished - 1))] / 1e3;
}

static void report(uint64_t ns)
{
    if (!option.hold && count.messages != (uint64_t)option.sessions * option.messages)
        die("%ju messages were taken, not %ju", (uintmax_t)count.messages,
            (uintmax_t)option.sessions * option.messages);
    qsort(session_ns, count.finished, sizeof(*session_ns), compare_ns);
    printf("{\"sessions\": %u, \"messages\": %ju, \"octets\": %ju, \"seconds\": %.6f, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
           count.finished, (uintmax_t)count.messages, (uintmax_t)count.octets, (double)ns / 1e9,
           quantile_us(0.5), quantile_us(0.99), quantile_us(1));
}

static void options(int argc, char **argv)
{
    static const struct option longs[] = {
        {"target", required_argument, NULL, 't'},
        {"sessions", required_argument, NULL, 's'},
        {"messages", required_argument, NULL, 'm'},
        {"body", required_argument, NULL, 'b'},
        {"concurrency", required_argument, NULL, 'c'},
        {"rate", required_argument, NULL, 'r'},
        {"timeout", required_argument, NULL, 'o'},
        {"pipelined", no_argument, NULL, 'p'},
        {"bdat", no_argument, NULL, 'd'},
        {"hold", no_argument, NULL, 'h'},
        {0},
    };
    uint64_t timeout = 120;

    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 't')
            option.target = address("--target", optarg);
        else if (c == 's')
            option.sessions = (unsigned)number("--sessions", optarg, 1, 1000000);
        else if (c == 'm')
            option.messages = (unsigned)number("--messages", optarg, 1, 1000000);
        else if (c == 'b')
            option.body = number("--body", optarg, 1, UINT64_C(1) << 40);
        else if (c == 'c')
            option.concurrency = (unsigned)number("--concurrency", optarg, 1, 10000);
        else if (c == 'r')
            option.rate = (unsigned)number("--rate", optarg, 1, 100000);
        else if (c == 'o')
            timeout = number("--timeout", optarg, 1, 86400);
        else if (c == 'p')
            option.pipelined = true;
        else if (c == 'd')
            option.bdat = true;
        else if (c == 'h')
            option.hold = true;
        else
            exit(1);
    }
    if (option.target.sin_port == 0 || optind != argc || (option.pipelined && option.bdat))
        die("usage: bench-load --target ADDRESS:PORT [--sessions N] [--messages N] [--body OCTETS] "
            "[--concurrency N] [--pipelined | --bdat] [--rate PER_SECOND] [--timeout SECONDS] "
            "[--hold]");
    alarm((unsigned)timeout); /* a peer that stays silent: killed by SIGALRM, which is not 0 */
}

int main(int argc, char **argv)
{
    uint64_t began;

    options(argc, argv);
    make_script();
    sessions = calloc(option.sessions, sizeof(*sessions));
    session_ns = calloc(option.sessions, sizeof(*session_ns));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (sessions == NULL || session_ns == NULL || epoll_fd < 0)
        die("out of memory");
    began = now_ns();
    while (count.finished + count.held < option.sessions)
        serve_events(start_due(began));
    if (option.hold)
        hold();
    report(now_ns() - began);
    return 0;
}
