/*
 * The master: binds, starts the workers, replaces those that die, and ends them.
 *
 * It is a loop around poll() on a signalfd and a socket to each worker. The listening sockets stay
 * open here for as long as connections are accepted, so that what the kernel has queued for a
 * worker that died is served by its successor and no connection is refused. The socket to a worker
 * carries one octet, "I accept"; what else it says, it says by its end of file, to either side.
 */
#include "serve/serve.h"

#include "base/mem.h"
#include "serve/bind.h"
#include "serve/privilege.h"
#include "serve/worker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    WORKER_YOUNG = 2000,    /* ms: one that dies younger is replaced with delay, */
    WORKER_DELAY_MIN = 100, /* ms, doubled each time, */
    WORKER_DELAY_MAX = 10000,
    MASTER_PATIENCE = 5000, /* ms beyond the time to drain until workers are killed */
    STOP_PATIENCE = 1000,   /* ms after a second TERM until workers are killed */
};

enum master_state { MASTER_RUNNING, MASTER_DRAINING, MASTER_STOPPING };

struct master_worker {
    pid_t pid;             /* 0 while there is none */
    int socket;            /* -1 while there is none */
    struct log_ring *ring; /* owned */
    uint64_t started;      /* when */
    uint64_t start_at;     /* when to start it again */
    uint64_t delay;        /* ms that the last restart was delayed */
    bool ready;
};

struct master {
    struct config *config; /* borrowed */
    struct privilege privilege;
    struct bind_set bound;
    struct master_worker *workers; /* owned */
    unsigned count;
    enum master_state state;
    bool was_ready;   /* all workers have accepted once */
    uint64_t kill_at; /* when workers that are left are killed */
    int status;       /* exit status */
    int signals;
    sigset_t old_mask;
};

/* Workers */

/* In the child: become a worker. */
static _Noreturn void master_become_worker(struct master *master, unsigned index, int socket)
{
    struct worker_socket *sockets;
    unsigned count = master->bound.count;

    for (unsigned i = 0; i < master->count; i++) {
        if (master->workers[i].socket >= 0) {
            close(master->workers[i].socket);
        }
    }
    close(master->signals);
    log_name("ehlogate/smtpd");
    log_attach(master->workers[index].ring);
    bind_close(&master->bound, index);
    int status = EX_OSERR;
    sockets = mem_zalloc(count * sizeof(*sockets));
    if (sockets != NULL && privilege_drop(&master->privilege)) {
        for (unsigned i = 0; i < count; i++) {
            sockets[i].listener = master->bound.sockets[i].listener;
            sockets[i].fd = net_listen_fd(&master->bound.sockets[i].listen, index);
        }
        status = worker_run(master->config, index, sockets, count, socket, &master->old_mask);
    }
    mem_free(sockets);
    log_flush();
    exit(status); /* not _exit(): leak checkers speak at exit */
}

static bool master_start_worker(struct master *master, unsigned index)
{
    struct master_worker *worker = &master->workers[index];
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        log_line(LOG_LEVEL_ERROR, "cannot start a worker: socketpair: %s", strerror(errno));
        return false;
    }
    worker->ring = log_ring_new();
    pid_t pid = worker->ring != NULL ? fork() : -1;
    if (pid < 0) {
        log_line(LOG_LEVEL_ERROR, "cannot start a worker: %s",
                 strerror(worker->ring != NULL ? errno : ENOMEM));
        log_recover(&worker->ring);
        close(pair[0]);
        close(pair[1]);
        return false;
    }
    if (pid == 0) {
        close(pair[0]);
        master_become_worker(master, index, pair[1]);
    }
    close(pair[1]);
    worker->pid = pid;
    worker->socket = pair[0];
    worker->started = worker_now();
    worker->start_at = UINT64_MAX;
    worker->ready = false;
    return true;
}

static void master_signal_workers(struct master *master, int number)
{
    for (unsigned i = 0; i < master->count; i++) {
        if (master->workers[i].pid > 0) {
            kill(master->workers[i].pid, number);
        }
    }
}

static unsigned master_alive(const struct master *master)
{
    unsigned alive = 0;

    for (unsigned i = 0; i < master->count; i++) {
        alive += master->workers[i].pid > 0;
    }
    return alive;
}

/* Ending */

static void master_drain(struct master *master, const char *why)
{
    unsigned drain = master->config->drain;

    master->state = MASTER_DRAINING;
    master->kill_at = worker_now() + (uint64_t)drain * 1000 + MASTER_PATIENCE;
    log_line(LOG_LEVEL_INFO, "%s: draining, for %u seconds at most", why, drain);
    master_signal_workers(master, SIGTERM);
    bind_unlink(&master->bound);
    bind_close(&master->bound, UINT_MAX);
}

static void master_stop(struct master *master, const char *why)
{
    if (master->state == MASTER_STOPPING) {
        return;
    }
    master->state = MASTER_STOPPING;
    master->kill_at = worker_now() + STOP_PATIENCE;
    log_line(LOG_LEVEL_INFO, "%s: stopping at once", why);
    master_signal_workers(master, SIGQUIT);
    bind_unlink(&master->bound);
    bind_close(&master->bound, UINT_MAX);
}

/* A worker that ended although nobody told it to. */
static void master_replace(struct master *master, struct master_worker *worker, int status)
{
    uint64_t now = worker_now();

    if (!master->was_ready) {
        /* It will not do better the next time, and nobody has been promised anything yet. */
        master->status =
            WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : EX_SOFTWARE;
        if (master->state == MASTER_RUNNING) {
            master_stop(master, "a worker could not start");
        }
        return;
    }
    if (now - worker->started >= WORKER_YOUNG) {
        worker->delay = 0;
    } else {
        worker->delay = worker->delay == 0 ? WORKER_DELAY_MIN : worker->delay * 2;
        worker->delay = worker->delay < WORKER_DELAY_MAX ? worker->delay : WORKER_DELAY_MAX;
    }
    worker->start_at = now + worker->delay;
}

static void master_log_end(const struct master *master, pid_t pid, int status)
{
    bool expected = master->state != MASTER_RUNNING;

    if (WIFSIGNALED(status)) {
        log_line(LOG_LEVEL_ERROR, "worker %d was killed by signal %d (%s)%s", pid, WTERMSIG(status),
                 strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
    } else if (WEXITSTATUS(status) != 0 || !expected) {
        log_line(LOG_LEVEL_ERROR, "worker %d ended with status %d", pid, WEXITSTATUS(status));
    }
}

static void master_reap(struct master *master)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < master->count; i++) {
            struct master_worker *worker = &master->workers[i];
            if (worker->pid != pid) {
                continue;
            }
            worker->pid = 0;
            close(worker->socket);
            worker->socket = -1;
            log_recover(&worker->ring);
            master_log_end(master, pid, status);
            if (master->state == MASTER_RUNNING) {
                master_replace(master, worker, status);
            }
        }
    }
}

/* Events */

static void master_signal(struct master *master, int number)
{
    switch (number) {
    case SIGTERM:
    case SIGINT:
    case SIGUSR1:
        if (master->state == MASTER_RUNNING) {
            master_drain(master, strsignal(number));
        } else {
            master_stop(master, strsignal(number));
        }
        break;
    case SIGHUP:
        log_line(LOG_LEVEL_WARNING, "HUP: this version cannot reload its configuration; it goes "
                                    "on with the one that it has");
        break;
    default: /* SIGCHLD: reaped below */
        break;
    }
}

static void master_signals(struct master *master)
{
    struct signalfd_siginfo info;

    while (read(master->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        master_signal(master, (int)info.ssi_signo);
    }
    master_reap(master);
}

/* "a:25,b:25" for each backend that a listener uses. */
static void master_format_backends(const struct config *config, char *text_r, size_t size)
{
    size_t len = 0;

    text_r[0] = '\0';
    for (const struct config_backend *b = config->backends; b != NULL; b = b->next) {
        for (const struct config_server *server = b->servers; server != NULL && len < size;
             server = server->next) {
            int more = snprintf(text_r + len, size - len, "%s%s",
                                server != b->servers ? "," : " backend=", server->text);
            len += more > 0 ? (size_t)more : 0;
        }
    }
}

static void master_ready(struct master *master)
{
    char listeners[1024], backends[512];

    for (unsigned i = 0; i < master->count; i++) {
        if (!master->workers[i].ready) {
            return;
        }
    }
    master->was_ready = true;
    bind_format(&master->bound, listeners, sizeof(listeners));
    master_format_backends(master->config, backends, sizeof(backends));
    log_line(LOG_LEVEL_INFO, "ready: workers=%u %s%s", master->count, listeners, backends);
}

static void master_worker_says(struct master *master, struct master_worker *worker)
{
    char octet;

    if (read(worker->socket, &octet, 1) == 1) {
        worker->ready = true;
        if (master->was_ready) {
            log_line(LOG_LEVEL_INFO, "worker %d has taken the place of one that ended",
                     worker->pid);
        } else if (master->state == MASTER_RUNNING) {
            master_ready(master);
        }
    }
}

/* What time it is for; returns the milliseconds until something else is, or -1. */
static int master_timers(struct master *master)
{
    uint64_t now = worker_now(), next = UINT64_MAX;

    if (master->state != MASTER_RUNNING) {
        if (now >= master->kill_at) {
            log_line(LOG_LEVEL_WARNING, "%u workers did not end: killed", master_alive(master));
            master_signal_workers(master, SIGKILL);
            master->kill_at = now + STOP_PATIENCE;
        }
        next = master->kill_at;
    }
    for (unsigned i = 0; i < master->count && master->state == MASTER_RUNNING; i++) {
        struct master_worker *worker = &master->workers[i];
        if (worker->pid == 0 && now >= worker->start_at && !master_start_worker(master, i)) {
            worker->start_at = now + WORKER_DELAY_MAX;
            if (!master->was_ready) {
                master->status = EX_OSERR;
                master_stop(master, "a worker could not start");
            }
        }
        next = worker->pid == 0 && worker->start_at < next ? worker->start_at : next;
    }
    return next == UINT64_MAX ? -1 : next <= now ? 0 : (int)(next - now);
}

static int master_loop(struct master *master)
{
    struct pollfd *fds = mem_zalloc((master->count + 1) * sizeof(*fds));

    if (fds == NULL) {
        log_line(LOG_LEVEL_ERROR, "out of memory");
        master_stop(master, "no memory to begin");
        master_signal_workers(master, SIGKILL);
        return EX_OSERR;
    }
    while (master->state == MASTER_RUNNING || master_alive(master) > 0) {
        int timeout = master_timers(master);
        fds[0] = (struct pollfd){.fd = master->signals, .events = POLLIN};
        for (unsigned i = 0; i < master->count; i++) {
            /* Once it is ready a worker's socket has nothing more to say that SIGCHLD does not. */
            bool ready = master->workers[i].ready;
            fds[i + 1] =
                (struct pollfd){.fd = ready ? -1 : master->workers[i].socket, .events = POLLIN};
        }
        if (poll(fds, master->count + 1, timeout) < 0) {
            continue; /* EINTR, by a debugger */
        }
        for (unsigned i = 0; i < master->count; i++) {
            if ((fds[i + 1].revents & POLLIN) != 0) {
                master_worker_says(master, &master->workers[i]);
            }
        }
        if (fds[0].revents != 0) {
            master_signals(master);
        }
    }
    mem_free(fds);
    return master->status;
}

/* Beginning */

static void master_raise_limits(const struct master *master)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        log_line(LOG_LEVEL_WARNING, "cannot raise the number of open files: %s", strerror(errno));
    }
    unsigned possible = worker_sessions_max(master->config), wanted = master->config->sessions;
    if (possible < wanted - wanted / 10) {
        log_line(LOG_LEVEL_WARNING,
                 "a worker can carry %u sessions, not %u: raise the limit of %llu open files "
                 "(LimitNOFILE, or `ulimit -n`)",
                 possible, wanted, (unsigned long long)limit.rlim_cur);
    }
}

static bool master_watch_signals(struct master *master)
{
    sigset_t mask;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, &master->old_mask);
    master->signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    if (master->signals < 0) {
        log_line(LOG_LEVEL_ERROR, "signalfd: %s", strerror(errno));
        return false;
    }
    return true;
}

int serve_run(struct config *config)
{
    struct master master = {.config = config, .count = config->workers, .signals = -1};
    int status;

    log_name("ehlogate/master");
    status = privilege_find(config, &master.privilege);
    if (status != EX_OK) {
        return status;
    }
    status = bind_open(config, master.count, &master.bound);
    if (status != EX_OK) {
        return status;
    }
    status = EX_OSERR;
    master.workers = mem_zalloc(master.count * sizeof(*master.workers));
    if (master.workers == NULL) {
        log_line(LOG_LEVEL_ERROR, "out of memory");
        goto out;
    }
    for (unsigned i = 0; i < master.count; i++) {
        master.workers[i].socket = -1;
    }
    master_raise_limits(&master);
    if (!master_watch_signals(&master)) {
        goto out;
    }
    status = master_loop(&master);
    log_line(LOG_LEVEL_INFO, "stopped");

out:
    bind_unlink(&master.bound);
    bind_close(&master.bound, UINT_MAX);
    if (master.signals >= 0) {
        close(master.signals);
        sigprocmask(SIG_SETMASK, &master.old_mask, NULL);
    }
    mem_free(master.workers);
    return status;
}
