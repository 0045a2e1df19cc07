/*
 * The log: lines in Postfix's grammar or JSON objects, a line at a time, to a file descriptor.
 *
 * Lines are collected in a buffer and written together (log_flush, once per round of the event
 * loop), since a write per line would be a tenth of the system calls of a session. The buffer is
 * in memory shared with the master, which writes out what a crashed worker could not.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/span.h"

enum log_format { LOG_TEXT, LOG_JSON };
enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

struct log_ring; /* in shared memory */

/* Open the log for this process. `path` NULL is stderr; "tag" stands before the pid
 * ("ehlogate/smtpd"). False with errno set when the file cannot be opened. */
bool log_open(const char *path, enum log_format format) __attribute__((warn_unused_result));

/* The name under which this process writes: "ehlogate/master", "ehlogate/smtpd". */
void log_name(const char *tag);

enum log_format log_get_format(void);

/* A buffer that a child process will write through, made by the master before it forks; NULL when
 * memory is out. The child calls log_attach(), the master log_recover() once the child is gone. */
struct log_ring *log_ring_new(void);
void log_attach(struct log_ring *ring);
void log_recover(struct log_ring **ring);

/* One line of text; bytes other than printable ASCII and well-formed UTF-8 are escaped as \xHH.
 * In JSON it becomes {"time":…,"level":…,"message":…}. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One event that is already complete JSON members ("\"event\":\"connect\",…"), LOG_JSON only. */
void log_members(enum log_level level, struct span members);

/* Write out what has been collected. Called when the event loop is about to wait. */
void log_flush(void);

/* Is anything waiting for log_flush()? */
bool log_pending(void);

#endif
