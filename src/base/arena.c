/*
 * An arena of chained blocks.
 */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>

enum { ARENA_BLOCK = 4096 };

struct arena_block {
    struct arena_block *next; /* owned */
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

void *arena_alloc(struct arena *a, size_t size)
{
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_block *block = a->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
        block = mem_zalloc(sizeof(*block) + room);
        if (block == NULL) {
            return NULL;
        }
        block->size = room;
        block->next = a->blocks;
        a->blocks = block;
    }
    void *ptr = block->bytes + block->used;
    block->used += size;
    return ptr;
}

char *arena_string(struct arena *a, struct span s)
{
    char *copy = arena_alloc(a, s.len + 1);

    if (copy != NULL && s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    return copy;
}

void arena_free(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *next = a->blocks->next;
        mem_free(a->blocks);
        a->blocks = next;
    }
}
