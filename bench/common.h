/*
 * What the three programs of bench/ share: addresses, listening sockets, errors, time.
 *
 * All of it is inline and none of it comes from src/: the relay is the floor that the gateway is
 * measured against, and the sink and the load are what it is measured with, so none may change
 * because the gateway did. Every error ends the program with a message and status 1: a number
 * that was measured on the way past an error is worth nothing.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The program's name and the message to stderr, and out with status 1. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* Nanoseconds of CLOCK_MONOTONIC. */
static inline uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A decimal number from `text`, within [min, max]; dies on anything else. `what` names it. */
static inline uint64_t number(const char *what, const char *text, uint64_t min, uint64_t max)
{
    char *end = NULL;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min || value > max)
        die("%s: '%s' is not a number between %ju and %ju", what, text, (uintmax_t)min,
            (uintmax_t)max);
    return value;
}

/* "1.2.3.4:25" as an address; dies on anything else. IPv4 is all that a loopback bench needs. */
static inline struct sockaddr_in address(const char *what, const char *text)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;

    if (len == 0 || len >= sizeof(host))
        die("%s: '%s' is not ADDRESS:PORT", what, text);
    memcpy(host, text, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
        die("%s: '%s' is not an IPv4 address", what, host);
    sin.sin_port = htons((uint16_t)number(what, colon + 1, 0, 65535));
    return sin;
}

/*
 * A non-blocking listening socket on `text`, its real address printed as "ready ADDRESS:PORT" on
 * stdout. TCP_NODELAY is set here because accepted sockets inherit it on Linux: one call for the
 * process instead of one a connection.
 */
static inline int listen_on(const char *text)
{
    struct sockaddr_in sin = address("--listen", text);
    socklen_t len = sizeof(sin);
    char host[INET_ADDRSTRLEN];
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
        die("cannot listen on %s: %s", text, strerror(errno));
    inet_ntop(AF_INET, &sin.sin_addr, host, sizeof(host));
    printf("ready %s:%u\n", host, ntohs(sin.sin_port));
    fflush(stdout);
    return fd;
}

/* epoll_ctl() that cannot fail unless the program is wrong or out of resources. */
static inline void watch(int epoll, int operation, int fd, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};

    if (epoll_ctl(epoll, operation, fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

#endif
