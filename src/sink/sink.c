/*
 * The sink as a server: its sockets, its signals, its loop. One process: it is the far end of a
 * test bench, and fsync() is what it waits for, not the CPU.
 */
#include "sink/sink.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/listen.h"
#include "sink/session.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    SESSIONS_MAX = 20000, /* at once; a further one is answered 421 */
    ACCEPT_MAX = 64,      /* connections accepted before others are heard */
    FILES_SPARE = 32,     /* descriptors that are not a session's */
};

struct listener {
    struct server *server; /* borrowed */
    struct ev_io io;
    struct net_listen listen;
};

struct server {
    struct ev_loop *loop;       /* owned */
    struct listener *listeners; /* owned */
    size_t listener_count;
    unsigned sessions_max;
    struct sink_maildir maildir;
    struct sink_sessions sessions;
    struct ev_signal term, interrupt;
    struct ev_timer pause; /* accepts again after descriptors had run out */
};

static void accept_pause(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        ev_io_stop(server->loop, &server->listeners[i].io);
    }
    ev_timer_again(server->loop, &server->pause);
}

static void on_pause_over(struct ev_loop *loop, struct ev_timer *w, int events)
{
    struct server *server = w->data;

    ev_timer_stop(loop, w);
    for (size_t i = 0; i < server->listener_count; i++) {
        ev_io_start(loop, &server->listeners[i].io);
    }
}

static void on_connection(struct ev_loop *loop, struct ev_io *w, int events)
{
    struct listener *listener = w->data;
    struct server *server = listener->server;

    for (unsigned i = 0; i < ACCEPT_MAX; i++) {
        struct net_addr peer = {.len = sizeof(peer) - offsetof(struct net_addr, any)};
        int fd = accept4(w->fd, &peer.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                log_line(LOG_LEVEL_WARNING, "cannot accept: %s", strerror(errno));
                accept_pause(server);
            }
            return; /* of any other error the next connection knows nothing */
        }
        if (server->sessions.count >= server->sessions_max) {
            static const char reply[] = "421 4.3.2 Too many connections\r\n";
            (void)send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL);
            close(fd);
            continue;
        }
        sink_session_begin(&server->sessions, fd, &peer);
    }
}

static void on_signal(struct ev_loop *loop, struct ev_signal *w, int events)
{
    ev_break(loop, EVBREAK_ALL);
}

/* How many sessions the limit of open files allows: each has a socket and may have a file. */
static unsigned sessions_allowed(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0) {
        return 100;
    }
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0) {
        return 100;
    }
    rlim_t allowed = files.rlim_cur > FILES_SPARE + 2 ? (files.rlim_cur - FILES_SPARE) / 2 : 1;
    return allowed < SESSIONS_MAX ? (unsigned)allowed : SESSIONS_MAX;
}

static bool server_listen(struct server *server, const struct sink_options *options)
{
    server->listeners = mem_zalloc(options->addr_count * sizeof(struct listener));
    if (server->listeners == NULL) {
        log_line(LOG_LEVEL_ERROR, "out of memory");
        return false;
    }
    for (size_t i = 0; i < options->addr_count; i++) {
        struct listener *listener = &server->listeners[i];
        const char *step;
        if (!net_listen_open(&listener->listen, &options->addrs[i], 1, &step)) {
            char text[NET_ADDR_TEXT];
            int error = errno;
            net_addr_format(&options->addrs[i], text);
            log_line(LOG_LEVEL_ERROR, "cannot listen on %s: %s: %s", text, step, strerror(error));
            return false;
        }
        server->listener_count++;
        listener->server = server;
        ev_io_init(&listener->io, on_connection, net_listen_fd(&listener->listen, 0), EV_READ);
        listener->io.data = listener;
        ev_io_start(server->loop, &listener->io);
    }
    return true;
}

static void log_ready(const struct server *server)
{
    struct buf line = {0};
    bool ok = true;

    for (size_t i = 0; i < server->listener_count; i++) {
        char text[NET_ADDR_TEXT];
        net_addr_format(&server->listeners[i].listen.addr, text);
        ok = ok && buf_printf(&line, " sink=%s", text);
    }
    if (ok) {
        log_line(LOG_LEVEL_INFO, "ready:%.*s", SPAN_ARG(buf_span(&line)));
    }
    log_flush();
    buf_free(&line);
}

static void server_watch(struct server *server)
{
    ev_signal_init(&server->term, on_signal, SIGTERM);
    ev_signal_start(server->loop, &server->term);
    ev_signal_init(&server->interrupt, on_signal, SIGINT);
    ev_signal_start(server->loop, &server->interrupt);
    ev_timer_init(&server->pause, on_pause_over, 0, 0.1);
    server->pause.data = server;
}

static void server_close(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        ev_io_stop(server->loop, &listener->io);
        net_listen_unlink(&listener->listen);
        net_listen_close(&listener->listen, UINT_MAX);
    }
    sink_sessions_end(&server->sessions, "421 4.3.2 Shutting down");
    ev_signal_stop(server->loop, &server->term);
    ev_signal_stop(server->loop, &server->interrupt);
    ev_timer_stop(server->loop, &server->pause);
    ev_loop_destroy(server->loop);
    mem_free(server->listeners);
    sink_maildir_close(&server->maildir);
}

int sink_run(const struct sink_options *options)
{
    struct server server = {.maildir = {.tmp = -1, .new = -1}};
    int status = EX_UNAVAILABLE;

    server.loop = ev_default_loop(EVFLAG_AUTO);
    if (server.loop == NULL) {
        log_line(LOG_LEVEL_ERROR, "cannot start an event loop");
        log_flush();
        return EX_OSERR;
    }
    server_watch(&server);
    server.sessions_max = sessions_allowed();
    server.sessions = (struct sink_sessions){
        .loop = server.loop,
        .timeout = options->timeout,
        .site = {.maildir = options->maildir != NULL ? &server.maildir : NULL,
                 .hostname = options->hostname,
                 .size_max = options->size_max},
    };
    if (options->maildir != NULL &&
        !sink_maildir_open(&server.maildir, options->maildir, options->hostname)) {
        log_line(LOG_LEVEL_ERROR, "cannot open Maildir %s: %s", options->maildir, strerror(errno));
        status = EX_CANTCREAT;
    } else if (server_listen(&server, options)) {
        log_ready(&server);
        ev_run(server.loop, 0);
        status = EX_OK;
        log_line(LOG_LEVEL_INFO, "stopping: %llu messages taken",
                 (unsigned long long)server.sessions.site.messages);
    }
    server_close(&server);
    log_flush();
    return status;
}
