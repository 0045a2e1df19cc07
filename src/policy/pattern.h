/*
 * Patterns: regular expressions (PCRE2) that are compiled once and matched within fixed limits of
 * time and memory.
 *
 * They see octets, not characters: a sequence that is no UTF-8 would otherwise match nothing, not
 * even ".", and whoever wants to pass a rule would put one in. So letters are folded in ASCII only.
 * "." matches any octet, and "$" the end alone: a line end in a text is one more octet.
 */
#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include "base/span.h"

struct policy_pattern; /* opaque */

/* Compile. NULL and the reason in `error_r`, of `size` octets; an empty reason when memory is out.
 */
struct policy_pattern *policy_pattern_new(struct span text, bool nocase, char *error_r, size_t size)
    __attribute__((warn_unused_result));
void policy_pattern_free(struct policy_pattern **pattern);

/* Does it match anywhere in the text? False and *exceeded_r true where it gave up at a limit;
 * *exceeded_r is left alone otherwise. */
bool policy_pattern_match(const struct policy_pattern *pattern, struct span text, bool *exceeded_r);

#endif
