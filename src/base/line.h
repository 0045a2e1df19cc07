/*
 * A line of bounded length, put together without asking for memory: log lines are written in the
 * path of every session. What does not fit is cut off and remembered as such.
 */
#ifndef BASE_LINE_H
#define BASE_LINE_H

#include "base/span.h"

struct line {
    unsigned char *ptr; /* borrowed */
    size_t size;
    size_t len;
    bool cut; /* something did not fit */
};

/* Begin an empty line in `size` bytes at `ptr`. */
static inline struct line line_in(void *ptr, size_t size)
{
    return (struct line){.ptr = ptr, .size = size};
}

static inline struct span line_span(const struct line *line)
{
    return span_of(line->ptr, line->len);
}

/* Append bytes of our own, as they are. */
void line_put(struct line *line, struct span own);

/* Append a number in decimal. */
void line_number(struct line *line, uint64_t number);

/* Append a foreign text as buf_escape() would write it; of more than `most` octets the first ones
 * with "..." behind them. */
void line_escape(struct line *line, struct span foreign, size_t most);

/* The same as a JSON string in its quotes. */
void line_json(struct line *line, struct span foreign, size_t most);

#endif
