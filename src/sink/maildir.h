/*
 * A Maildir to which messages are added so that none is ever seen in part: written to tmp/,
 * forced to the disk, then renamed into new/.
 */
#ifndef SINK_MAILDIR_H
#define SINK_MAILDIR_H

#include "base/span.h"

#include <sys/uio.h>

/* Room for a message's name with its NUL. */
enum { SINK_NAME_SIZE = 128 };

struct sink_maildir {
    int tmp, new;  /* directories, open */
    char host[65]; /* in names, without "/" and ":" */
};

/* A message on its way. */
struct sink_file {
    int fd; /* -1: none */
    char name[SINK_NAME_SIZE];
};

/* Open the Maildir at `path`; it and its tmp/, new/ and cur/ are made where they are missing. False
 * with errno set. */
bool sink_maildir_open(struct sink_maildir *maildir_r, const char *path, const char *hostname)
    __attribute__((warn_unused_result));
void sink_maildir_close(struct sink_maildir *maildir);

/* Begin a message. False with errno set. */
bool sink_file_begin(struct sink_file *file_r, const struct sink_maildir *maildir)
    __attribute__((warn_unused_result));

/* Write all of `pieces`, which are used up. False with errno set. */
bool sink_file_write(struct sink_file *file, struct iovec *pieces, int count)
    __attribute__((warn_unused_result));

/* The message is complete: after true it is in new/ and will be there after a crash as well; after
 * false, with errno set, it is gone. Either way the file is closed; its name stays readable. */
bool sink_file_commit(struct sink_file *file, const struct sink_maildir *maildir)
    __attribute__((warn_unused_result));

/* Give the message up, if there is one. */
void sink_file_abandon(struct sink_file *file, const struct sink_maildir *maildir);

#endif
