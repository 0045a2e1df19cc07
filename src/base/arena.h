/*
 * An arena: many small allocations, freed as one. A configuration lives in one.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* owned */
};

/* `size` zeroed bytes, aligned for any type, or NULL. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((warn_unused_result));

/* A copy of `s` with a NUL behind it, or NULL. */
char *arena_string(struct arena *a, struct span s) __attribute__((warn_unused_result));

void arena_free(struct arena *a);

#endif
