/*
 * Growable runs of bytes for tests. Out of memory ends the test: it is never what is tested here.
 */
#include "text.h"

#include "smtp/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void text_reserve(struct text *t, size_t more)
{
    size_t size = t->size > 0 ? t->size : 256;

    while (size - t->len < more) {
        size *= 2;
    }
    if (size != t->size) {
        t->ptr = realloc(t->ptr, size);
        t->size = size;
        if (t->ptr == NULL) {
            abort();
        }
    }
}

void text_add(struct text *t, struct span bytes)
{
    if (bytes.len > 0) {
        text_reserve(t, bytes.len);
        memcpy(t->ptr + t->len, bytes.ptr, bytes.len);
        t->len += bytes.len;
    }
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        abort();
    }
    text_reserve(t, (size_t)len + 1);
    va_start(args, format);
    vsnprintf((char *)t->ptr + t->len, (size_t)len + 1, format, args);
    va_end(args);
    t->len += (size_t)len;
}

/* Octets of the UTF-8 character at the beginning of `s`, 0 where there is none. */
static size_t utf8_length(struct span s)
{
    for (size_t len = 2; len <= 4 && len <= s.len; len++) {
        if (smtp_utf8_valid(span_head(s, len))) {
            return len;
        }
    }
    return 0;
}

void text_escape(struct text *t, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = bytes.ptr[i];
        size_t utf8 = c >= 0x80 ? utf8_length(span_from(bytes, i)) : 0;
        if (utf8 > 0) {
            text_add(t, span_of(bytes.ptr + i, utf8));
            i += utf8 - 1;
            continue;
        }
        switch (c) {
        case '\r':
            text_add(t, SPAN("\\r"));
            break;
        case '\n':
            text_add(t, SPAN("\\n"));
            break;
        case '\0':
            text_add(t, SPAN("\\0"));
            break;
        case '\\':
            text_add(t, SPAN("\\\\"));
            break;
        default:
            if (c < ' ' || c >= 0x7f) {
                text_printf(t, "\\x%02x", c);
            } else {
                text_add(t, span_of(&c, 1));
            }
        }
    }
}

void text_drop(struct text *t, size_t n)
{
    t->len -= n;
    if (t->len > 0) {
        memmove(t->ptr, t->ptr + n, t->len);
    }
}

void text_free(struct text *t)
{
    free(t->ptr);
    *t = (struct text){0};
}
