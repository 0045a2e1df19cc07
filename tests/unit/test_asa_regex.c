/*
 * asa: the device's regular expressions, written for PCRE2: what they become, what cannot, and that
 * the translation matches what the original does.
 */
#include "asa/private.h"
#include "policy/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_translated(void **state)
{
    static const struct {
        const char *asa, *pcre;
        unsigned notes;
    } samples[] = {
        {"abc", "abc", 0},
        {"a.c|d", "a.c|d", 0},
        {"^a(b|c)d", "^a(b|c)d", 0},
        {"a?b*c+", "a?b*c+", 0},
        {"a{2}b{2,}c{2,3}", "a{2}b{2,}c{2,3}", 0},
        {"\\.\\[\\(\\*\\\\", "\\.\\[\\(\\*\\\\", 0},
        {"\\r\\n\\t\\f", "\\x0d\\x0a\\x09\\x0c", 0},
        {"\\x41\\x2e\\056\\101", "A\\.\\.A", 0},
        {"\\x00\\xff\\377", "\\x00\\xff\\xff", 0},
        {"[abc][^abc][a-cx-z]", "[abc][^abc][a-cx-z]", 0},
        {"[-a][a-][]a][^]a]", "[\\-a][a\\-][\\]a][^\\]a]", 0},
        {"[\\n\\f\\r\\t\\x41]", "[\\x0a\\x0c\\x0d\\x09A]", 0},
        {"[a^.$*]", "[a\\^.$*]", 0},
        {"a{b}{", "a\\{b\\}\\{", 0},
        {"a{,3}", "a\\{,3\\}", 0},
        {"a/b#c d-e", "a/b#c d-e", 0},
        /* A repeat of a repeat is neither lazy nor possessive. */
        {"a+?", "a*", 0},
        {"a*?", "a*", 0},
        {"a??", "a?", 0},
        {"a++", "a+", 0},
        {"ba{2}?", "b(?:a{2})?", 0},
        {"b(a){2}{3,}c", "b(?:(a){2}){3,}c", 0},
        /* What means something to PCRE2 alone. */
        {"\\d\\bx\\1\\Q", "dbx1Q", ASA_REGEX_LETTER},
        {"\\x4", "x4", ASA_REGEX_LETTER},
        {"\\12", "12", ASA_REGEX_LETTER},
        {"[[:alpha:]]", "[\\[:alpha:]\\]", ASA_REGEX_CLASS},
        {"\\.exe$", "\\.exe(?:\\$|$)", ASA_REGEX_DOLLAR},
        {"(a$|b$)", "(a(?:\\$|$)|b(?:\\$|$))", ASA_REGEX_DOLLAR},
        {"$a$*", "\\$a\\$*", 0},
        {"\\$", "\\$", 0},
    };
    struct asa_pattern pattern;

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        asa_regex_translate(span_str(samples[i].asa), &pattern);
        assert_null(pattern.fault);
        pattern.text[pattern.len] = '\0';
        assert_string_equal((const char *)pattern.text, samples[i].pcre);
        assert_int_equal(pattern.notes, samples[i].notes);
    }
}

static void test_faults(void **state)
{
    static const struct {
        const char *asa, *fault;
        size_t at;
    } samples[] = {
        {"", "it is empty", 0},
        {"*a", "there is nothing to repeat", 0},
        {"a|+", "there is nothing to repeat", 2},
        {"(?i)a", "there is nothing to repeat", 1},
        {"^*", "there is nothing to repeat", 1},
        {"a(b", "a \"(\" is not closed", 1},
        {"a)b", "a \")\" closes nothing", 1},
        {"a[b", "a \"[\" is not closed", 1},
        {"a[]", "a \"[\" is not closed", 1},
        {"[z-a]", "a range ends before it begins", 1},
        {"a\\", "it ends with a backslash", 1},
        {"a\\400", "an octal number is at most \\377", 1},
        {"a{99999}", "these numbers are out of order or above 65535", 1},
        {"a{3,2}", "these numbers are out of order or above 65535", 1},
    };
    struct asa_pattern pattern;

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        asa_regex_translate(span_str(samples[i].asa), &pattern);
        assert_non_null(pattern.fault);
        assert_string_equal(pattern.fault, samples[i].fault);
        assert_int_equal(pattern.fault_at, samples[i].at);
    }
}

static void test_too_long(void **state)
{
    static unsigned char text[ASA_PATTERN_MAX + 1];
    struct asa_pattern pattern;

    (void)state;
    memset(text, 'a', sizeof(text));
    asa_regex_translate(span_of(text, ASA_PATTERN_MAX), &pattern);
    assert_null(pattern.fault);
    assert_int_equal(pattern.len, ASA_PATTERN_MAX);
    asa_regex_translate(span_of(text, ASA_PATTERN_MAX + 1), &pattern);
    assert_non_null(pattern.fault);
    assert_string_equal(pattern.fault, "it is too long");
}

/* The translation matches what the device's manuals say that the original does. */
static void test_matches(void **state)
{
    static const struct {
        const char *asa, *text;
        bool matches;
    } samples[] = {
        {"d.g", "a doggonnit", true},
        {"d(o|a)g", "dag", true},
        {"d(o|a)g", "dig", false},
        {"lo?se", "lse", true},
        {"lo?se", "loose", false},
        {"lo+se", "loose", true},
        {"lo+se", "lse", false},
        {"ab(xy){2,}z", "abxyxyxyz", true},
        {"ab(xy){2,}z", "abxyz", false},
        {"[^A-Z]", "ABC", false},
        {"^a", "ba", false},
        {"Spam", "spam", false},
        {"\\.exe$", "a.exe", true},
        {"\\.exe$", "a.exe$", true},
        {"\\.exe$", "a.exe.txt", false},
    };
    struct asa_pattern translated;
    char error[256];

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        bool exceeded = false;
        asa_regex_translate(span_str(samples[i].asa), &translated);
        assert_null(translated.fault);
        struct policy_pattern *pattern = policy_pattern_new(
            span_of(translated.text, translated.len), false, error, sizeof(error));
        assert_non_null(pattern);
        assert_int_equal(policy_pattern_match(pattern, span_str(samples[i].text), &exceeded),
                         samples[i].matches);
        assert_false(exceeded);
        policy_pattern_free(&pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translated),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
