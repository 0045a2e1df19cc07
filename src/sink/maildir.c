/*
 * Maildir delivery (https://cr.yp.to/proto/maildir.html).
 *
 * The order is what makes an acknowledgement true: fsync of the file, rename into new/, fsync of
 * new/, and only then may anybody say 250. A process that is killed on the way leaves at worst a
 * file in tmp/, which no reader looks at.
 *
 * Rejected: a rename without the fsync of the directory (a 250 would not outlive a power failure),
 * and link() with unlink() (names are unique by host, time, process and counter, so that there is
 * nothing that rename() could overwrite).
 */
#include "sink/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int open_directory(int at, const char *path)
{
    if (mkdirat(at, path, 0700) < 0 && errno != EEXIST) {
        return -1;
    }
    return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool sink_maildir_open(struct sink_maildir *maildir_r, const char *path, const char *hostname)
{
    struct sink_maildir *m = maildir_r;
    int top = open_directory(AT_FDCWD, path);
    if (top < 0) {
        return false;
    }
    m->tmp = open_directory(top, "tmp");
    m->new = open_directory(top, "new");
    int cur = open_directory(top, "cur");
    int error = errno;
    bool ok = m->tmp >= 0 && m->new >= 0 && cur >= 0;
    close(top);
    close(cur);
    if (!ok) {
        sink_maildir_close(m);
        errno = error;
        return false;
    }
    snprintf(m->host, sizeof(m->host), "%s", hostname);
    for (char *c = m->host; *c != '\0'; c++) {
        *c = *c == '/' || *c == ':' ? '_' : *c;
    }
    return true;
}

void sink_maildir_close(struct sink_maildir *maildir)
{
    close(maildir->tmp);
    close(maildir->new);
    maildir->tmp = maildir->new = -1;
}

bool sink_file_begin(struct sink_file *file_r, const struct sink_maildir *maildir)
{
    static unsigned long counter;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(file_r->name, sizeof(file_r->name), "%lld.M%06ldP%ldQ%lu.%s", (long long)now.tv_sec,
             now.tv_nsec / 1000, (long)getpid(), ++counter, maildir->host);
    file_r->fd = openat(maildir->tmp, file_r->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return file_r->fd >= 0;
}

bool sink_file_write(struct sink_file *file, struct iovec *pieces, int count)
{
    while (count > 0) {
        ssize_t n = writev(file->fd, pieces, count);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        size_t done = (size_t)n;
        while (count > 0 && done >= pieces->iov_len) {
            done -= pieces->iov_len;
            pieces++;
            count--;
        }
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + done;
            pieces->iov_len -= done;
        }
    }
    return true;
}

bool sink_file_commit(struct sink_file *file, const struct sink_maildir *maildir)
{
    if (fsync(file->fd) < 0 || renameat(maildir->tmp, file->name, maildir->new, file->name) < 0) {
        int error = errno;
        sink_file_abandon(file, maildir);
        errno = error;
        return false;
    }
    int closed = close(file->fd);
    file->fd = -1;
    if (closed < 0 || fsync(maildir->new) < 0) {
        int error = errno;
        unlinkat(maildir->new, file->name, 0);
        errno = error;
        return false;
    }
    return true;
}

void sink_file_abandon(struct sink_file *file, const struct sink_maildir *maildir)
{
    if (file->fd >= 0) {
        close(file->fd);
        unlinkat(maildir->tmp, file->name, 0);
        file->fd = -1;
    }
}
