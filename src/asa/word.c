/*
 * Errors, words and names: what reading every line needs.
 *
 * A word goes to the next blank, or to the quote that closes a string. Nothing foreign reaches the
 * errors or a comment but printable ASCII.
 */
#include "asa/private.h"

#include <stdarg.h>

enum { TEXT_MAX = 1024 };

/* Format, with a "?" for what is not printable ASCII. */
__attribute__((format(printf, 2, 0))) static void format_text(char *text_r, const char *format,
                                                              va_list args)
{
    vsnprintf(text_r, TEXT_MAX, format, args);
    for (char *c = text_r; *c != '\0'; c++) {
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    }
}

static void write_error(struct asa *asa, struct asa_place place, const char *what, const char *text)
{
    if (++asa->error_count <= ASA_ERRORS_MAX) {
        fprintf(asa->errors, "%s:%u:%u: %s%s\n", asa->file, place.line, place.column, what, text);
    }
    if (asa->error_count == ASA_ERRORS_MAX + 1) {
        fprintf(asa->errors, "%s: too many errors; more are not shown\n", asa->file);
    }
}

void asa_error(struct asa *asa, struct asa_place place, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    format_text(text, format, args);
    va_end(args);
    write_error(asa, place, "", text);
}

void asa_left(struct asa *asa, struct asa_place place, FILE *out, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    format_text(text, format, args);
    va_end(args);
    asa->left++;
    write_error(asa, place, "not carried over: ", text);
    fprintf(out, ASA_INDENT "#   NOT CARRIED OVER: %s\n", text);
}

void *asa_alloc(struct asa *asa, size_t size)
{
    void *ptr = arena_alloc(&asa->arena, size);

    asa->out_of_memory = asa->out_of_memory || ptr == NULL;
    return ptr;
}

/* ---- words ---- */

/* Octets of the word at the beginning of `rest`. */
static size_t word_length(struct span rest)
{
    size_t len = 0;

    if (rest.len > 0 && rest.ptr[0] == '"') {
        for (len = 1; len < rest.len && rest.ptr[len] != '"'; len++) {
            len += rest.ptr[len] == '\\' && len + 1 < rest.len;
        }
        return len < rest.len ? len + 1 : len;
    }
    while (len < rest.len && !ascii_is_blank(rest.ptr[len])) {
        len++;
    }
    return len;
}

bool asa_next(struct asa_line *line, struct asa_word *word_r)
{
    while (line->at < line->text.len && ascii_is_blank(line->text.ptr[line->at])) {
        line->at++;
    }
    struct span rest = span_from(line->text, line->at);
    size_t len = word_length(rest);
    *word_r = (struct asa_word){.text = span_head(rest, len),
                                .place = {line->line, (unsigned)line->at + 1}};
    line->at += len;
    return len > 0;
}

bool asa_end(struct asa *asa, struct asa_line *line)
{
    struct asa_word word;

    if (!asa_next(line, &word)) {
        return true;
    }
    asa_error(asa, word.place, "expected the end of the line, got \"%.*s\"", SPAN_ARG(word.text));
    return false;
}

bool asa_name_check(struct asa *asa, const struct asa_word *word)
{
    if (word->text.len == 0 || word->text.len > ASA_NAME_MAX) {
        asa_error(asa, word->place, "expected a name of 1 to %d octets", ASA_NAME_MAX);
        return false;
    }
    for (size_t i = 0; i < word->text.len; i++) {
        if (word->text.ptr[i] < ' ' || word->text.ptr[i] > '~') {
            asa_error(asa, word->place, "this name is not printable ASCII");
            return false;
        }
    }
    return true;
}

bool asa_name(struct asa *asa, struct asa_line *line, struct asa_word *name_r)
{
    asa_next(line, name_r);
    return asa_name_check(asa, name_r);
}

bool asa_is(const struct asa_word *word, const char *known)
{
    return span_equal_nocase(word->text, span_str(known));
}

/* ---- what was expected ---- */

void asa_nearest_offer(struct asa_nearest *nearest, struct span word, struct span known)
{
    size_t distance = span_distance(word, known);

    /* A word of which most letters would have to change is no hint. */
    if (distance < nearest->distance && 2 * distance <= known.len) {
        *nearest = (struct asa_nearest){known, distance};
    }
}

void asa_expected_begin(struct asa_expected *expected_r, const struct asa_word *word)
{
    expected_r->word = *word;
    expected_r->known[0] = '\0';
    expected_r->used = 0;
    expected_r->near = (struct asa_nearest){.distance = SIZE_MAX};
}

void asa_expected_offer(struct asa_expected *expected, struct span known)
{
    size_t room = sizeof(expected->known) - expected->used;
    int n = snprintf(expected->known + expected->used, room, "%s%.*s",
                     expected->used > 0 ? ", " : "", SPAN_ARG(known));

    if (n < 0 || (size_t)n >= room) {
        return;
    }
    expected->used += (size_t)n;
    asa_nearest_offer(&expected->near, expected->word.text, known);
}

void asa_expected_error(struct asa *asa, const struct asa_expected *expected, const char *what)
{
    const struct asa_word *word = &expected->word;
    const char *one_of = strchr(expected->known, ',') != NULL ? "one of " : "";
    bool hint = expected->near.name.len > 0;

    if (word->text.len == 0) {
        asa_error(asa, word->place, "%s: expected %s%s", what, one_of, expected->known);
        return;
    }
    asa_error(asa, word->place, "%s: unknown word \"%.*s\"; expected %s%s%s%.*s%s", what,
              SPAN_ARG(word->text), one_of, expected->known, hint ? "; did you mean \"" : "",
              SPAN_ARG(expected->near.name), hint ? "\"?" : "");
}

void asa_unknown(struct asa *asa, const struct asa_word *word, const char *what,
                 const char *const *known)
{
    struct asa_expected expected;

    asa_expected_begin(&expected, word);
    for (; *known != NULL; known++) {
        asa_expected_offer(&expected, span_str(*known));
    }
    asa_expected_error(asa, &expected, what);
}
