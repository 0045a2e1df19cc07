/*
 * The log: lines in Postfix's grammar or JSON objects, a line at a time, to a file descriptor.
 *
 * A worker collects its lines in a buffer and writes them together, since a write per line would be
 * a tenth of the system calls of a session. The buffer is in memory shared with the master, which
 * writes out what a crashed worker could not. A process without such a buffer writes each line at
 * once.
 *
 * Text lines are as Postfix's postlogd writes them: "Nov 24 03:06:01 host ehlogate/smtpd[123]: …".
 * JSON lines are one object each: "time" (RFC 3339, UTC), "level", "process", "pid" and then either
 * "message" or the members of one event.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/span.h"

enum log_format { LOG_TEXT, LOG_JSON };
enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* The longest line without prefix and line end; longer ones are cut. */
enum { LOG_LINE_MAX = 16384 };

struct log_ring; /* in shared memory */

/* Open the log for this process. `path` NULL is stderr. False with errno set when the file cannot
 * be opened. Without it lines are text, to stderr. */
bool log_open(const char *path, enum log_format format) __attribute__((warn_unused_result));

/* The name under which this process writes: "ehlogate/master", "ehlogate/smtpd". Borrowed. */
void log_name(const char *tag);

enum log_format log_get_format(void);

/* A buffer that a child process will write through, made by the master before it forks; NULL when
 * memory is out. The child calls log_attach(), the master log_recover() once the child is gone:
 * that writes what the child left and gives the memory back. */
struct log_ring *log_ring_new(void) __attribute__((warn_unused_result));
void log_attach(struct log_ring *ring);
void log_recover(struct log_ring **ring);

/* One line in either format, as printf makes it; what is not printable is escaped. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* LOG_TEXT only: one line whose foreign parts are already escaped. */
void log_text(enum log_level level, struct span line);

/* LOG_JSON only: one event, as complete members ("\"event\":\"connect\",…"). */
void log_members(enum log_level level, struct span members);

/* Write out what has been collected. Where the log does not take it all, the rest stays; where the
 * buffer is full as well, lines are dropped and counted, and the count is logged. */
void log_flush(void);

/* How many octets wait for log_flush(). */
size_t log_pending(void);

#endif
