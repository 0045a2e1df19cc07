/*
 * A growable byte queue. It grows by doubling and moves what it holds to its front before it
 * grows; a ring was rejected, since every reader wants one contiguous span.
 */
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { BUF_MIN = 128, BUF_MAX = 1 << 30 };

static bool buf_reserve(struct buf *b, size_t more)
{
    size_t len = buf_len(b);

    if (b->size - b->to >= more) {
        return true;
    }
    if (more > BUF_MAX - len) {
        return false;
    }
    if (b->from > 0 && len > 0) {
        memmove(b->ptr, b->ptr + b->from, len);
    }
    b->from = 0;
    b->to = (uint32_t)len;
    if (b->size - len >= more) {
        return true;
    }
    size_t size = b->size > 0 ? b->size : BUF_MIN;
    while (size < len + more) {
        size *= 2;
    }
    unsigned char *ptr = mem_realloc(b->ptr, size);
    if (ptr == NULL) {
        return false;
    }
    b->ptr = ptr;
    b->size = (uint32_t)size;
    return true;
}

bool buf_append(struct buf *b, struct span bytes)
{
    if (bytes.len == 0) {
        return true;
    }
    if (!buf_reserve(b, bytes.len)) {
        return false;
    }
    memcpy(b->ptr + b->to, bytes.ptr, bytes.len);
    b->to += (uint32_t)bytes.len;
    return true;
}

bool buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !buf_reserve(b, (size_t)len + 1)) {
        return false;
    }
    va_start(args, format);
    vsnprintf((char *)b->ptr + b->to, (size_t)len + 1, format, args);
    va_end(args);
    b->to += (uint32_t)len;
    return true;
}

void buf_consume(struct buf *b, size_t n)
{
    b->from += (uint32_t)n;
    if (b->from == b->to) {
        buf_free(b);
    }
}

void buf_free(struct buf *b)
{
    mem_free(b->ptr);
    *b = (struct buf){0};
}
