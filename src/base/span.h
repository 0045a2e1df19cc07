/*
 * A span is a borrowed run of bytes: a pointer and a length, never NUL-terminated, never owned.
 * All parsing works on spans; strings with a terminating NUL exist only at the edge to the
 * operating system. Letters are folded in ASCII only: SMTP's words know no locale.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const unsigned char *ptr; /* borrowed */
    size_t len;
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){(const unsigned char *)("" literal ""), sizeof(literal) - 1})

/* printf arguments for "%.*s". */
#define SPAN_ARG(s) (int)(s).len, (const char *)(s).ptr

static inline struct span span_of(const void *ptr, size_t len)
{
    return (struct span){(const unsigned char *)ptr, len};
}

static inline struct span span_str(const char *string)
{
    return span_of(string, strlen(string));
}

/* The part of `s` from offset `from` on; `from` must not exceed its length. (Nothing may be added
 * to the NULL that an empty span may have, not even 0.) */
static inline struct span span_from(struct span s, size_t from)
{
    return span_of(from > 0 ? s.ptr + from : s.ptr, s.len - from);
}

/* The first `len` bytes of `s`; `len` must not exceed its length. */
static inline struct span span_head(struct span s, size_t len)
{
    return span_of(s.ptr, len);
}

static inline unsigned char ascii_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

static inline unsigned char ascii_upper(unsigned char c)
{
    return c >= 'a' && c <= 'z' ? (unsigned char)(c - 32) : c;
}

static inline bool ascii_is_alpha(unsigned char c)
{
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static inline bool ascii_is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alnum(unsigned char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}

/* SP or HTAB. */
static inline bool ascii_is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

bool span_equal(struct span a, struct span b);
bool span_equal_nocase(struct span a, struct span b);

/* Does `s` begin with `prefix`, letters compared without case? */
bool span_begins_nocase(struct span s, struct span prefix);

/* Offset of the first `c` in `s`, or its length where there is none. */
size_t span_find(struct span s, unsigned char c);

/* Has `s` a control character (0 to 31 and 127) other than HTAB? */
bool span_has_control(struct span s);

/* `s` without the blanks (SP, HTAB) at its end, or at both ends. */
struct span span_trim_right(struct span s);
struct span span_trim(struct span s);

/* Cut off and return the next word of `*rest` up to a blank; leading blanks are passed over.
 * An empty span where no word is left. */
struct span span_word(struct span *rest);

/* Read all of `s` as a decimal number without sign. False where it is empty, has another
 * character, or exceeds 64 bits. */
bool span_number(struct span s, uint64_t *value_r);

/* How many single-character edits apart two words are, letters folded (Levenshtein), for "did you
 * mean". At most 32 characters of each are looked at. */
size_t span_distance(struct span a, struct span b);

#endif
