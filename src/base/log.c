/*
 * The log.
 *
 * The buffer in shared memory is linear, not a ring: it is emptied whole at every flush, so that
 * only its first pages are ever touched. Its length is published after the bytes that it covers;
 * whoever reads it after a crash of the writer at any instruction finds whole lines. A crash
 * between write() and the reset of the length makes the master write lines twice, which is the
 * better of the two mistakes.
 *
 * syslog(3) was rejected: it is a system call and a formatted time per line, blocks where the
 * daemon at its other end does, and tests would need one.
 */
#include "base/log.h"

#include "base/line.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    LOG_RING_SIZE = 128 * 1024,
    LOG_PREFIX_MAX = 320, /* time, host name of at most HOST_NAME_MAX, tag, pid, level */
    LOG_PATIENCE = 100,   /* ms to wait for a log that takes nothing before lines are dropped */
};

struct log_ring {
    _Atomic size_t used;
    unsigned char bytes[LOG_RING_SIZE];
};
static_assert((int)LOG_LINE_MAX + (int)LOG_PREFIX_MAX < (int)LOG_RING_SIZE / 2,
              "a line always fits into an empty buffer");

static struct {
    int fd;
    enum log_format format;
    const char *tag; /* borrowed */
    char host[HOST_NAME_MAX + 1];
    struct log_ring *ring; /* borrowed; NULL: every line is written at once */
    uint64_t lost;         /* lines dropped since the last that was not */
    bool stalled;          /* the log takes nothing: it is not waited for again */
    /* What every line of one second begins with. */
    time_t second;
    pid_t pid;
    unsigned char prefix[LOG_PREFIX_MAX];
    size_t prefix_len;
} logger = {.fd = STDERR_FILENO, .tag = "ehlogate", .host = "localhost"};

static const char *const level_text[] = {"", "warning: ", "error: "};
static const char *const level_name[] = {"info", "warning", "error"};

static void log_host(void)
{
    struct span host = SPAN("localhost");
    char name[HOST_NAME_MAX + 1];

    if (gethostname(name, sizeof(name)) == 0 && memchr(name, '\0', sizeof(name)) != NULL) {
        host = span_str(name);
        host.len = span_find(host, '.'); /* as syslog has it */
    }
    struct line line = line_in(logger.host, sizeof(logger.host) - 1);
    line_escape(&line, host, HOST_NAME_MAX);
    logger.host[line.len] = '\0';
}

bool log_open(const char *path, enum log_format format)
{
    int fd = STDERR_FILENO;

    if (path != NULL) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
        if (fd < 0) {
            return false;
        }
    }
    if (logger.fd != STDERR_FILENO) {
        close(logger.fd);
    }
    logger.fd = fd;
    logger.format = format;
    logger.second = 0;
    log_host();
    return true;
}

void log_name(const char *tag)
{
    logger.tag = tag;
    logger.second = 0;
}

enum log_format log_get_format(void)
{
    return logger.format;
}

struct log_ring *log_ring_new(void)
{
    void *at = mmap(NULL, sizeof(struct log_ring), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return at != MAP_FAILED ? at : NULL;
}

void log_attach(struct log_ring *ring)
{
    logger.ring = ring;
    logger.second = 0; /* the pid is another one */
}

/* Write as much as the log takes; returns how much that was. A log that is gone takes all. */
static size_t log_write(const unsigned char *bytes, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = write(logger.fd, bytes + done, len - done);
        if (n >= 0) {
            done += (size_t)n;
            logger.stalled = false;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = logger.fd, .events = POLLOUT};
            if (logger.stalled || poll(&wait, 1, LOG_PATIENCE) == 0) {
                logger.stalled = true;
                break;
            }
        } else if (errno != EINTR) {
            return len; /* ENOSPC, EPIPE, EIO: there is no place left to say so */
        }
    }
    return done;
}

static void ring_flush(struct log_ring *ring)
{
    size_t used = atomic_load_explicit(&ring->used, memory_order_acquire);
    if (used == 0 || used > LOG_RING_SIZE) {
        return;
    }
    size_t done = log_write(ring->bytes, used);
    if (done < used) {
        memmove(ring->bytes, ring->bytes + done, used - done);
    }
    atomic_store_explicit(&ring->used, used - done, memory_order_release);
}

void log_flush(void)
{
    if (logger.ring != NULL) {
        ring_flush(logger.ring);
    }
}

size_t log_pending(void)
{
    return logger.ring != NULL ? atomic_load_explicit(&logger.ring->used, memory_order_relaxed) : 0;
}

void log_recover(struct log_ring **ring)
{
    if (*ring != NULL) {
        ring_flush(*ring);
        munmap(*ring, sizeof(struct log_ring));
        *ring = NULL;
    }
}

/* What a line of this second begins with, up to the level (text) or the milliseconds (JSON). */
static void log_prefix_make(time_t second)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    int len;

    logger.second = second;
    logger.pid = getpid();
    if (logger.format == LOG_JSON) {
        gmtime_r(&second, &tm);
        len = snprintf((char *)logger.prefix, sizeof(logger.prefix),
                       "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    } else {
        localtime_r(&second, &tm);
        len = snprintf((char *)logger.prefix, sizeof(logger.prefix),
                       "%.3s %2d %02d:%02d:%02d %s %s[%d]: ", &months[3 * (size_t)tm.tm_mon],
                       tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, logger.host, logger.tag,
                       logger.pid);
    }
    logger.prefix_len = len < 0                        ? 0
                        : (size_t)len < LOG_PREFIX_MAX ? (size_t)len
                                                       : LOG_PREFIX_MAX - 1;
}

static void log_prefix(struct line *line, enum log_level level)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != logger.second) {
        log_prefix_make(now.tv_sec);
    }
    line_put(line, span_of(logger.prefix, logger.prefix_len));
    if (logger.format == LOG_TEXT) {
        line_put(line, span_str(level_text[level]));
        return;
    }
    long ms = now.tv_nsec / 1000000;
    char digits[3] = {(char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10)};
    line_put(line, span_of(digits, sizeof(digits)));
    line_put(line, SPAN("Z\",\"level\":\""));
    line_put(line, span_str(level_name[level]));
    line_put(line, SPAN("\",\"process\":\""));
    line_put(line, span_str(logger.tag));
    line_put(line, SPAN("\",\"pid\":"));
    line_number(line, (uint64_t)logger.pid);
    line_put(line, SPAN(","));
}

/* Where the next line goes: behind what waits in the buffer, or into `spare`. False when the
 * buffer is full and cannot be emptied. */
static bool log_room(size_t need, void *spare, struct line *line_r)
{
    if (logger.ring == NULL) {
        *line_r = line_in(spare, need);
        return true;
    }
    if (LOG_RING_SIZE - log_pending() < need) {
        log_flush();
    }
    size_t used = log_pending();
    if (LOG_RING_SIZE - used < need) {
        return false;
    }
    *line_r = line_in(logger.ring->bytes + used, need);
    return true;
}

static void log_emit(enum log_level level, struct span body)
{
    unsigned char spare[LOG_PREFIX_MAX + LOG_LINE_MAX];
    struct line line;

    if (body.len > LOG_LINE_MAX - 2) {
        body.len = LOG_LINE_MAX - 2;
    }
    size_t need = LOG_PREFIX_MAX + body.len + 2;
    if (!log_room(need, spare, &line)) {
        logger.lost++;
        return;
    }
    log_prefix(&line, level);
    line_put(&line, body);
    line_put(&line, logger.format == LOG_JSON ? SPAN("}\n") : SPAN("\n"));
    if (logger.ring == NULL) {
        log_write(line.ptr, line.len);
    } else {
        atomic_store_explicit(&logger.ring->used, log_pending() + line.len, memory_order_release);
    }
    if (logger.lost > 0) {
        uint64_t lost = logger.lost;
        logger.lost = 0;
        log_line(LOG_LEVEL_WARNING, "%llu log lines were lost: the log took them too slowly",
                 (unsigned long long)lost);
    }
}

void log_text(enum log_level level, struct span line)
{
    log_emit(level, line);
}

void log_members(enum log_level level, struct span members)
{
    log_emit(level, members);
}

void log_line(enum log_level level, const char *format, ...)
{
    /* A byte becomes at most six ("\u001B"). */
    enum { MESSAGE_MAX = LOG_LINE_MAX / 8 };
    char message[MESSAGE_MAX + 2];
    unsigned char bytes[LOG_LINE_MAX];
    struct line line = line_in(bytes, sizeof(bytes));
    va_list args;

    va_start(args, format);
    int len = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    struct span text = span_of(message, len < 0 ? 0 : (size_t)len);
    text.len = text.len < sizeof(message) ? text.len : sizeof(message) - 1;
    if (logger.format == LOG_JSON) {
        line_put(&line, SPAN("\"message\":"));
        line_json(&line, text, MESSAGE_MAX);
    } else {
        line_escape(&line, text, MESSAGE_MAX);
    }
    log_emit(level, line_span(&line));
}
