/*
 * A growable byte queue: bytes are appended at its end and consumed at its front. An empty buf
 * holds no memory, so that a session which waits for nothing costs nothing.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/span.h"

struct buf {
    unsigned char *ptr; /* owned; NULL while nothing is held */
    uint32_t from;      /* first byte that is still held */
    uint32_t to;        /* one past the last */
    uint32_t size;      /* bytes allocated */
};

static inline struct span buf_span(const struct buf *b)
{
    return span_of(b->ptr + b->from, b->to - b->from);
}

static inline size_t buf_len(const struct buf *b)
{
    return b->to - b->from;
}

/* Append. False when memory is out or the buf would pass 1 GiB; the buf is then unchanged. */
bool buf_append(struct buf *b, struct span bytes) __attribute__((warn_unused_result));

/* Append formatted text, in the manner of printf. */
bool buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));

/* Drop `n` bytes at the front; the memory goes with the last of them. */
void buf_consume(struct buf *b, size_t n);

void buf_free(struct buf *b);

#endif
