/*
 * Borrowed runs of bytes: comparison, cutting, numbers.
 */
#include "base/span.h"

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool span_equal_nocase(struct span a, struct span b)
{
    return a.len == b.len && span_begins_nocase(a, b);
}

bool span_begins_nocase(struct span s, struct span prefix)
{
    if (s.len < prefix.len) {
        return false;
    }
    for (size_t i = 0; i < prefix.len; i++) {
        if (ascii_lower(s.ptr[i]) != ascii_lower(prefix.ptr[i])) {
            return false;
        }
    }
    return true;
}

size_t span_find(struct span s, unsigned char c)
{
    const unsigned char *at = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;
    return at != NULL ? (size_t)(at - s.ptr) : s.len;
}

/* Eight octets at once may have one below 32, or one that is 127 (HTAB is told apart later). */
static bool word_may_control(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t del = x ^ ones * 0x7f;

    return (((x - ones * 0x20) & ~x) | ((del - ones) & ~del)) & highs;
}

bool span_has_control(struct span s)
{
    size_t i = 0;

    while (i < s.len) {
        uint64_t word;
        if (s.len - i >= sizeof(word)) {
            memcpy(&word, s.ptr + i, sizeof(word));
            if (!word_may_control(word)) {
                i += sizeof(word);
                continue;
            }
        }
        if ((s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 0x7f) {
            return true;
        }
        i++;
    }
    return false;
}

struct span span_trim_right(struct span s)
{
    while (s.len > 0 && ascii_is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && ascii_is_blank(s.ptr[0])) {
        s = span_from(s, 1);
    }
    return span_trim_right(s);
}

struct span span_word(struct span *rest)
{
    while (rest->len > 0 && ascii_is_blank(rest->ptr[0])) {
        *rest = span_from(*rest, 1);
    }
    size_t len = 0;
    while (len < rest->len && !ascii_is_blank(rest->ptr[len])) {
        len++;
    }
    struct span word = span_head(*rest, len);
    *rest = span_from(*rest, len);
    return word;
}

bool span_number(struct span s, uint64_t *value_r)
{
    uint64_t value = 0;

    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_digit(s.ptr[i]) || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value)) {
            return false;
        }
    }
    *value_r = value;
    return true;
}

size_t span_distance(struct span a, struct span b)
{
    enum { WORD_MAX = 32 };
    size_t row[WORD_MAX + 1];

    a.len = a.len < WORD_MAX ? a.len : WORD_MAX;
    b.len = b.len < WORD_MAX ? b.len : WORD_MAX;
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (ascii_lower(a.ptr[i - 1]) != ascii_lower(b.ptr[j - 1]));
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b.len];
}
