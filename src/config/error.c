/*
 * Errors of the configuration: "file:line:column: what, and what was expected", and the nearest
 * known word where one is unknown.
 */
#include "config/parse.h"

#include "smtp/verb.h"

#include <stdarg.h>

/* Strings may have a tab in them, and a message is a line of text. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = '?';
        }
    }
}

void config_error(struct config_parser *parser, struct config_place place, const char *format, ...)
{
    char text[CONFIG_STRING_MAX + 1024];
    va_list args;

    /* Once memory is out, what is missing is missing for that reason. */
    if (parser->out_of_memory) {
        return;
    }
    parser->error_count++;
    if (parser->error_count > CONFIG_ERRORS_MAX) {
        return;
    }
    if (place.line > 0) {
        fprintf(parser->errors, "%s:%u:%u: ", place.file, place.line, place.column);
    } else {
        fprintf(parser->errors, "%s: ", place.file);
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    make_plain(text);
    fprintf(parser->errors, "%s\n", text);
    if (parser->error_count == CONFIG_ERRORS_MAX) {
        fprintf(parser->errors, "%s: too many errors; more are not shown\n", place.file);
    }
}

void config_error_memory(struct config_parser *parser)
{
    parser->out_of_memory = true;
}

struct config_near config_near_begin(struct span word)
{
    return (struct config_near){.word = word, .distance = SIZE_MAX};
}

void config_near_offer(struct config_near *near, struct span known)
{
    size_t distance = span_distance(near->word, known);

    if (distance < near->distance) {
        near->distance = distance;
        near->best = known;
    }
}

void config_near_offer_all(struct config_near *near, const char *const *known)
{
    for (; *known != NULL; known++) {
        config_near_offer(near, span_str(*known));
    }
}

const char *config_near_hint(const struct config_near *near, char *text_r)
{
    /* A word of which every letter would have to change is no hint. */
    bool useful = near->best.len > 0 && near->distance < near->best.len;

    text_r[0] = '\0';
    if (useful) {
        int shown =
            (int)(near->best.len < CONFIG_HINT_MAX - 32 ? near->best.len : CONFIG_HINT_MAX - 32);
        snprintf(text_r, CONFIG_HINT_MAX, "; did you mean \"%.*s\"?", shown,
                 (const char *)near->best.ptr);
    }
    return text_r;
}

void config_list_words(const char *const *known, char *text_r, size_t size)
{
    size_t used = 0;

    text_r[0] = '\0';
    for (size_t i = 0; known[i] != NULL && used < size; i++) {
        const char *between = i == 0 ? "" : known[i + 1] == NULL ? " or " : ", ";
        int n = snprintf(text_r + used, size - used, "%s%s", between, known[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}

int config_find_word(struct config_parser *parser, const struct config_word *word,
                     const char *const *known, const char *what)
{
    char expected[256], hint[CONFIG_HINT_MAX];

    for (int i = 0; known[i] != NULL; i++) {
        if (span_equal_nocase(word->text, span_str(known[i]))) {
            return i;
        }
    }
    struct config_near near = config_near_begin(word->text);
    config_near_offer_all(&near, known);
    config_list_words(known, expected, sizeof(expected));
    config_error(parser, word->place, "%s: unknown word \"%.*s\"; expected %s%s", what,
                 SPAN_ARG(word->text), expected, config_near_hint(&near, hint));
    return -1;
}
