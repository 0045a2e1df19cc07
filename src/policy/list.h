/*
 * Lists: what `in LIST` asks. A list has entries of any of four kinds, and is asked about an
 * address or a text; all letters are folded in ASCII.
 *
 *     192.0.2.1  192.0.2.0/24  2001:db8::/32   addresses and networks
 *     .example.com                             example.com and every domain below it
 *     user@example.com  @example.com           a mail address; every address of that very domain
 *     word                                     a word or a domain, exactly
 *
 * A mail address that is asked about is looked for as it is, by its domain behind "@", and by the
 * domains that its own is in or below. A dot at the end is ignored on both sides: example.com. is
 * example.com.
 *
 * A million entries load in seconds and answer in well under a microsecond.
 */
#ifndef POLICY_LIST_H
#define POLICY_LIST_H

#include "policy/field.h"

struct policy_list; /* immutable once finished */

enum { POLICY_LIST_ENTRY_MAX = 511 }; /* octets of an entry */

struct policy_list_error {
    unsigned line;     /* of the file's text, from 1 */
    const char *what;  /* static text */
    struct span entry; /* the offending entry, borrowed from the text */
};

struct policy_list *policy_list_new(void) __attribute__((warn_unused_result));
void policy_list_free(struct policy_list **list);

/* Add one entry: 1; 0 when memory is out; -1 malformed, *what_r says why. */
int policy_list_add(struct policy_list *list, struct span entry, const char **what_r)
    __attribute__((warn_unused_result));

/* Add every entry of a list file's text: one a line, `#` comments (at a line's begin or behind a
 * blank), empty lines. 1, 0 and -1 as above; -1 with the first bad line in *error_r. */
int policy_list_parse(struct policy_list *list, struct span text, struct policy_list_error *error_r)
    __attribute__((warn_unused_result));

/* Make it ready to be asked; nothing can be added afterwards. False when memory is out. */
bool policy_list_finish(struct policy_list *list) __attribute__((warn_unused_result));

bool policy_list_has_address(const struct policy_list *list, const struct policy_address *address);
bool policy_list_has_text(const struct policy_list *list, struct span text);

/* Entries, each counted once. */
size_t policy_list_size(const struct policy_list *list);

#endif
