/*
 * The allocator under everything, with the switch that makes one request fail. A counter in the
 * real path costs an increment; a second build of the library for tests would cost their truth.
 */
#include "base/mem.h"

static size_t requests;
static size_t fail_at;

static bool mem_refused(void)
{
    return ++requests == fail_at;
}

void *mem_alloc(size_t size)
{
    return mem_refused() ? NULL : malloc(size);
}

void *mem_zalloc(size_t size)
{
    return mem_refused() ? NULL : calloc(1, size);
}

void *mem_realloc(void *ptr, size_t size)
{
    return mem_refused() ? NULL : realloc(ptr, size);
}

char *mem_string(struct span s)
{
    char *copy = mem_alloc(s.len + 1);

    if (copy != NULL) {
        if (s.len > 0) {
            memcpy(copy, s.ptr, s.len);
        }
        copy[s.len] = '\0';
    }
    return copy;
}

void mem_free(void *ptr)
{
    free(ptr);
}

void mem_fail_at(size_t n)
{
    requests = 0;
    fail_at = n;
}

size_t mem_requests(void)
{
    return requests;
}
