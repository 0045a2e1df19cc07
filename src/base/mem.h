/*
 * Memory whose exhaustion is an ordinary error: every function here may return NULL, and the
 * caller fails the session, never the process. Tests make the n-th request fail.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/span.h"

#include <stdlib.h>

void *mem_alloc(size_t size) __attribute__((malloc, warn_unused_result));
void *mem_zalloc(size_t size) __attribute__((malloc, warn_unused_result));
void *mem_realloc(void *ptr, size_t size) __attribute__((warn_unused_result));

/* A copy of `s` with a NUL behind it. */
char *mem_string(struct span s) __attribute__((malloc, warn_unused_result));

void mem_free(void *ptr);

/* For tests: let the n-th request from now on fail (1 is the next one); 0 switches it off. */
void mem_fail_at(size_t n);

/* For tests: how many requests there have been since the last mem_fail_at(). */
size_t mem_requests(void);

#endif
