/*
 * A growable run of bytes for tests. It has its own memory, so that mem_fail_at() counts the
 * requests of the code under test and no others.
 */
#ifndef GOLDEN_TEXT_H
#define GOLDEN_TEXT_H

#include "base/span.h"

struct text {
    unsigned char *ptr; /* owned */
    size_t len, size;
};

static inline struct span text_span(const struct text *t)
{
    return t->ptr != NULL ? span_of(t->ptr, t->len) : SPAN("");
}

void text_add(struct text *t, struct span bytes);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append `bytes` as a session writes them: "\r", "\n", "\0", "\xHH" and "\\" for what cannot stand
 * in a line of text. */
void text_escape(struct text *t, struct span bytes);

/* Drop `n` bytes at the front. */
void text_drop(struct text *t, size_t n);
void text_free(struct text *t);

#endif
