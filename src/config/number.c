/*
 * Counts, sizes (10M) and times (30s).
 */
#include "config/parse.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Powers of 1024: who limits a message to 10M does not mean to cut off the last 5 percent. */
static const struct unit size_units[] = {
    {"K", (uint64_t)1 << 10}, {"M", (uint64_t)1 << 20}, {"G", (uint64_t)1 << 30}, {NULL, 0}};
static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
static const struct unit no_units[] = {{NULL, 0}};

enum kind { KIND_COUNT, KIND_SIZE, KIND_TIME };

static const struct {
    const struct unit *units;
    const char *example;
} kinds[] = {
    [KIND_COUNT] = {no_units, "a number, as in 100"},
    [KIND_SIZE] = {size_units, "a size, as in 512, 64K, 10M or 1G"},
    [KIND_TIME] = {time_units, "a time, as in 500ms, 30s, 5m or 1h"},
};

/* "sec" is likely to mean s, "MB" M, and "msec" ms: the longest unit that the word begins with. */
static struct span unit_meant(const struct unit *known, struct span unit)
{
    struct span meant = span_of(NULL, 0);

    for (; known->name != NULL; known++) {
        struct span name = span_str(known->name);
        if (span_begins_nocase(unit, name) && name.len > meant.len) {
            meant = name;
        }
    }
    return meant;
}

static void error_unit(struct config_parser *parser, const struct config_word *word,
                       const char *what, enum kind kind, struct span unit)
{
    struct span meant = unit_meant(kinds[kind].units, unit);

    if (unit.len == 0) {
        config_error(parser, word->place, "%s: \"%.*s\" has no unit; expected %s", what,
                     SPAN_ARG(word->text), kinds[kind].example);
    } else if (kind == KIND_COUNT || !ascii_is_alpha(unit.ptr[0])) {
        config_error(parser, word->place, "%s: \"%.*s\" is not a whole number; expected %s", what,
                     SPAN_ARG(word->text), kinds[kind].example);
    } else if (meant.len > 0) {
        config_error(parser, word->place,
                     "%s: unknown unit \"%.*s\"; expected %s; did you mean \"%.*s\"?", what,
                     SPAN_ARG(unit), kinds[kind].example, SPAN_ARG(meant));
    } else {
        config_error(parser, word->place, "%s: unknown unit \"%.*s\"; expected %s", what,
                     SPAN_ARG(unit), kinds[kind].example);
    }
}

/* The factor of a unit; 0 and an error where there is none. */
static uint64_t unit_factor(struct config_parser *parser, const struct config_word *word,
                            const char *what, enum kind kind, struct span unit)
{
    if (unit.len == 0 && kind != KIND_TIME) {
        return 1;
    }
    for (const struct unit *known = kinds[kind].units; known->name != NULL; known++) {
        if (span_equal_nocase(unit, span_str(known->name))) {
            return known->factor;
        }
    }
    error_unit(parser, word, what, kind, unit);
    return 0;
}

/* The value in the largest unit that gives it exactly, for the error. */
static const char *number_text(uint64_t value, enum kind kind, char *text_r, size_t size)
{
    const char *name = kind != KIND_TIME ? "" : value == 0 ? "s" : "ms";
    uint64_t factor = 1;

    for (const struct unit *unit = kinds[kind].units; unit->factor != 0; unit++) {
        if (value >= unit->factor && value % unit->factor == 0) {
            name = unit->name;
            factor = unit->factor;
        }
    }
    snprintf(text_r, size, "%llu%s", (unsigned long long)(value / factor), name);
    return text_r;
}

static bool in_range(const struct config_range *range, uint64_t value)
{
    return (value == 0 && range->none) || (value >= range->min && value <= range->max);
}

static bool read_number(struct config_parser *parser, const struct config_word *word,
                        const struct config_range *range, enum kind kind, uint64_t *value_r)
{
    size_t digits = 0;
    uint64_t number = 0;
    char min[32], max[32];

    while (digits < word->text.len && ascii_is_digit(word->text.ptr[digits])) {
        digits++;
    }
    if (digits == 0) {
        config_error(parser, word->place, "%s: \"%.*s\" is not a number; expected %s", range->what,
                     SPAN_ARG(word->text), kinds[kind].example);
        return false;
    }
    uint64_t factor = unit_factor(parser, word, range->what, kind, span_from(word->text, digits));
    if (factor == 0) {
        return false;
    }
    bool fits = span_number(span_head(word->text, digits), &number) &&
                !__builtin_mul_overflow(number, factor, &number);
    if (!fits || !in_range(range, number)) {
        config_error(parser, word->place, "%s: %.*s is out of range; expected %s to %s%s",
                     range->what, SPAN_ARG(word->text), number_text(range->min, kind, min, 32),
                     number_text(range->max, kind, max, 32),
                     range->none ? ", or 0 for no limit" : "");
        return false;
    }
    *value_r = number;
    return true;
}

bool config_read_count(struct config_parser *parser, const struct config_word *word,
                       const struct config_range *range, uint64_t *value_r)
{
    return read_number(parser, word, range, KIND_COUNT, value_r);
}

bool config_read_size(struct config_parser *parser, const struct config_word *word,
                      const struct config_range *range, uint64_t *value_r)
{
    return read_number(parser, word, range, KIND_SIZE, value_r);
}

bool config_read_time(struct config_parser *parser, const struct config_word *word,
                      const struct config_range *range, uint64_t *milliseconds_r)
{
    return read_number(parser, word, range, KIND_TIME, milliseconds_r);
}
