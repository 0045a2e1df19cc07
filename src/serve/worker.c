/*
 * A worker: accepts, carries sessions, writes the log, drains.
 *
 * A worker takes its orders from signals (TERM and USR1: drain; QUIT: stop now) and learns from the
 * end of file on its socket to the master that the master is gone: then it drains as well. INT is
 * for the master, which the terminal sends it together with us.
 */
#include "serve/worker.h"

#include "base/mem.h"
#include "serve/session.h"
#include "serve/smtplog.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
    ACCEPT_STREAK = 4,     /* rounds of the loop after which a queue is taken to be long */
    ACCEPT_BATCH = 16,     /* connections accepted at one wake-up then */
    ACCEPT_BACKLOG = 1024, /* most that wait at a socket when it is closed, and get a 421 */
    LOG_ENOUGH = 4096,     /* octets of log that are worth a write */
};
static const double LOG_DELAY = 0.1;    /* s until less than that is written */
static const double ACCEPT_PAUSE = 0.1; /* s without accepting after EMFILE */
static const double LISTS_LOOK = 2;     /* s between two looks at the files of lists */

struct worker_accept {
    ev_io io;
    struct worker *worker;                  /* borrowed */
    const struct config_listener *listener; /* borrowed */
    unsigned last;                          /* round of the loop in which it was last ready */
    unsigned streak;                        /* in how many rounds one after the other it was */
};

uint64_t worker_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

unsigned worker_sessions_max(const struct config *config)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
        limit.rlim_cur >= (rlim_t)config->sessions * 2 + WORKER_DESCRIPTORS) {
        return config->sessions;
    }
    return limit.rlim_cur > WORKER_DESCRIPTORS ? (unsigned)(limit.rlim_cur - WORKER_DESCRIPTORS) / 2
                                               : 1;
}

/* Accepting */

/* Accept one connection: -1 with errno set where there is none. */
static int accept_one(struct worker_accept *accept, union session_peer *peer_r)
{
    socklen_t len = sizeof(*peer_r);

    *peer_r = (union session_peer){0};
    int fd = accept4(accept->io.fd, &peer_r->any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && len < sizeof(struct sockaddr_in)) {
        peer_r->any.sa_family = AF_UNIX; /* a client's unix socket has no name */
    }
    return fd;
}

/* No descriptor, or no memory, is to be had: the listening sockets would be readable for ever, so
 * they are not looked at for a moment. */
static void accept_pause(struct worker *worker, int error)
{
    if (!worker->accept_paused) {
        log_line(LOG_LEVEL_WARNING, "cannot accept connections: %s; trying again", strerror(error));
    }
    worker->accept_paused = true;
    for (unsigned i = 0; i < worker->accept_count; i++) {
        ev_io_stop(worker->loop, &worker->accepts[i].io);
    }
    ev_timer_set(&worker->accept_timer, ACCEPT_PAUSE, 0);
    ev_timer_start(worker->loop, &worker->accept_timer);
}

static void accept_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *worker = timer->data;

    for (unsigned i = 0; i < worker->accept_count; i++) {
        ev_io_start(loop, &worker->accepts[i].io);
    }
}

static void accept_begin(struct worker_accept *accept, int fd, const union session_peer *peer)
{
    struct worker *worker = accept->worker;

    if (worker->draining) {
        session_refuse(worker, accept->listener, fd, peer, "Service is shutting down");
    } else if (worker->session_count >= worker->session_max) {
        session_refuse(worker, accept->listener, fd, peer, "Too many connections");
    } else {
        session_begin(worker, accept->listener, fd, peer);
    }
}

/* An accept that only finds the queue empty costs as much as one that does not. So one is made a
 * wake-up, and more only where connections come faster than that. */
static void accept_ready(struct ev_loop *loop, ev_io *io, int events)
{
    struct worker_accept *accept = (struct worker_accept *)io;
    unsigned round = ev_iteration(loop);
    union session_peer peer;

    accept->streak = round == accept->last + 1 ? accept->streak + 1 : 0;
    accept->last = round;
    unsigned batch = accept->streak >= ACCEPT_STREAK ? ACCEPT_BATCH : 1;
    for (unsigned i = 0; i < batch; i++) {
        int fd = accept_one(accept, &peer);
        if (fd < 0) {
            accept->streak = 0;
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                accept_pause(accept->worker, errno);
            }
            return; /* EAGAIN, or a connection that is gone already */
        }
        accept->worker->accept_paused = false;
        accept_begin(accept, fd, &peer);
    }
}

/* Close the listening sockets. What is in their queues has been told by the kernel that it is
 * connected, so it is told that it is not welcome. */
static void accept_close(struct worker *worker)
{
    union session_peer peer;

    for (unsigned i = 0; i < worker->accept_count; i++) {
        struct worker_accept *accept = &worker->accepts[i];
        ev_io_stop(worker->loop, &accept->io);
        for (unsigned n = 0; n < ACCEPT_BACKLOG; n++) {
            int fd = accept_one(accept, &peer);
            if (fd < 0) {
                break;
            }
            accept_begin(accept, fd, &peer);
        }
        close(accept->io.fd);
    }
    worker->accept_count = 0;
    ev_timer_stop(worker->loop, &worker->accept_timer);
}

/* Ending */

static void worker_break_when_empty(struct worker *worker)
{
    if (worker->draining && worker->session_count == 0) {
        ev_break(worker->loop, EVBREAK_ALL);
    }
}

static void worker_drain(struct worker *worker)
{
    struct session *s, *next;

    if (worker->draining) {
        return;
    }
    worker->draining = true;
    accept_close(worker);
    for (s = worker->sessions; s != NULL; s = next) {
        next = s->next;
        session_drain(s);
    }
    ev_timer_set(&worker->drain_timer, worker->config->drain, 0);
    ev_timer_start(worker->loop, &worker->drain_timer);
}

/* Stop now: the sessions that are left are cut. */
static void worker_stop(struct worker *worker, const char *why)
{
    struct session *s, *next;

    worker_drain(worker);
    if (worker->session_count > 0) {
        log_line(LOG_LEVEL_WARNING, "%s: sessions cut: %u", why, worker->session_count);
    }
    for (s = worker->sessions; s != NULL; s = next) {
        next = s->next;
        session_stop(s);
    }
}

static void on_drain_signal(struct ev_loop *loop, ev_signal *watch, int events)
{
    worker_drain(watch->data);
}

static void on_stop_signal(struct ev_loop *loop, ev_signal *watch, int events)
{
    worker_stop(watch->data, "told to stop at once");
}

static void on_drain_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    worker_stop(timer->data, "the time to drain is over");
}

static void on_master(struct ev_loop *loop, ev_io *io, int events)
{
    struct worker *worker = io->data;

    ev_io_stop(loop, io);
    if (!worker->draining) {
        log_line(LOG_LEVEL_ERROR, "the master is gone: draining");
    }
    worker_drain(worker);
}

/* The log */

static void on_log_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    log_flush();
}

/* The loop is about to wait. */
static void on_prepare(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct worker *worker = prepare->data;
    size_t pending = log_pending();

    if (pending >= LOG_ENOUGH) {
        log_flush();
    } else if (pending > 0 && !ev_is_active(&worker->log_timer)) {
        ev_timer_set(&worker->log_timer, LOG_DELAY, 0);
        ev_timer_start(loop, &worker->log_timer);
    }
    worker_break_when_empty(worker);
}

/* Beginning */

static void watch_signal(struct worker *worker, ev_signal *watch,
                         void (*callback)(struct ev_loop *, ev_signal *, int), int number)
{
    ev_signal_init(watch, callback, number);
    watch->data = worker;
    ev_signal_start(worker->loop, watch);
}

static void worker_watch(struct worker *worker)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    watch_signal(worker, &worker->drain_watch[0], on_drain_signal, SIGTERM);
    watch_signal(worker, &worker->drain_watch[1], on_drain_signal, SIGUSR1);
    watch_signal(worker, &worker->stop_watch, on_stop_signal, SIGQUIT);
    ev_io_init(&worker->master_watch, on_master, worker->master, EV_READ);
    worker->master_watch.data = worker;
    ev_io_start(worker->loop, &worker->master_watch);
    ev_timer_init(&worker->drain_timer, on_drain_timer, 0, 0);
    worker->drain_timer.data = worker;
    ev_timer_init(&worker->accept_timer, accept_again, 0, 0);
    worker->accept_timer.data = worker;
    ev_timer_init(&worker->log_timer, on_log_timer, 0, 0);
    ev_prepare_init(&worker->log_watch, on_prepare);
    worker->log_watch.data = worker;
    ev_prepare_start(worker->loop, &worker->log_watch);
}

static bool worker_listen(struct worker *worker, const struct worker_socket *sockets,
                          unsigned count)
{
    worker->accepts = mem_zalloc(count * sizeof(*worker->accepts));
    if (worker->accepts == NULL) {
        return false;
    }
    worker->accept_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct worker_accept *accept = &worker->accepts[i];
        accept->worker = worker;
        accept->listener = sockets[i].listener;
        ev_io_init(&accept->io, accept_ready, sockets[i].fd, EV_READ);
        ev_io_start(worker->loop, &accept->io);
    }
    return true;
}

static int worker_serve(struct worker *worker)
{
    if (write(worker->master, "R", 1) != 1) {
        log_line(LOG_LEVEL_ERROR, "cannot tell the master: %s", strerror(errno));
        return EX_OSERR;
    }
    ev_run(worker->loop, 0);
    log_flush();
    return EX_OK;
}

/* Lists whose files have changed are read anew, here, where no rule is being asked. */
static void lists_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *worker = timer->data;
    char *text = NULL;
    size_t len = 0;
    FILE *errors = open_memstream(&text, &len);

    if (errors == NULL) {
        return; /* the lists stay as they are until the next time */
    }
    bool ok = config_lists_refresh(worker->config, errors);
    fclose(errors);
    for (struct span rest = span_of(text, len); !ok && rest.len > 0;) {
        size_t end = span_find(rest, '\n');
        log_line(LOG_LEVEL_WARNING, "%.*s", SPAN_ARG(span_head(rest, end)));
        rest = span_from(rest, end < rest.len ? end + 1 : end);
    }
    free(text);
}

static void lists_watch(struct worker *worker)
{
    bool files = false;

    for (const struct config_list *list = worker->config->lists; list != NULL; list = list->next) {
        files = files || list->files != NULL;
    }
    if (files) {
        ev_timer_init(&worker->lists_timer, lists_look, LISTS_LOOK, LISTS_LOOK);
        worker->lists_timer.data = worker;
        ev_timer_start(worker->loop, &worker->lists_timer);
    }
}

int worker_run(struct config *config, unsigned slot, const struct worker_socket *sockets,
               unsigned socket_count, int master, const sigset_t *mask)
{
    struct worker *worker = mem_zalloc(sizeof(*worker));
    int status = EX_OSERR;

    if (worker == NULL) {
        log_line(LOG_LEVEL_ERROR, "out of memory");
        return status;
    }
    worker->config = config;
    worker->slot = slot;
    worker->session_max = worker_sessions_max(config);
    worker->master = master;
    worker->facts.hostname = span_str(config->hostname);
    worker->out.event = smtplog_event;
    worker->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (worker->loop == NULL) {
        log_line(LOG_LEVEL_ERROR, "cannot make an event loop: %s", strerror(errno));
        goto out;
    }
    worker_watch(worker);
    sigprocmask(SIG_SETMASK, mask, NULL);
    lists_watch(worker);
    if (!worker_listen(worker, sockets, socket_count)) {
        log_line(LOG_LEVEL_ERROR, "out of memory");
        goto out;
    }
    status = worker_serve(worker);

out:
    log_flush();
    if (worker->loop != NULL) {
        ev_loop_destroy(worker->loop);
    }
    mem_free(worker->accepts);
    mem_free(worker);
    return status;
}
