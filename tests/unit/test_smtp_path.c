/*
 * smtp: addresses. Each vector is parsed in memory of its exact size, alone and with something
 * behind it.
 */
#include "smtp/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#define A16  "aaaaaaaaaaaaaaaa"
#define A64  A16 A16 A16 A16
#define A255 A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaaaa"
#define L63  A16 A16 A16 "aaaaaaaaaaaaaaa"

struct good {
    const char *in;
    const char *text, *route, *local, *domain;
    const char *flags; /* b: bracketed, q: quoted, l: literal, u: utf8 */
};

static const struct good good[] = {
    {"<>", "", "", "", "", "b"},
    {"<a@b>", "a@b", "", "a", "b", "b"},
    {"a@b", "a@b", "", "a", "b", ""},
    {"<Postmaster>", "Postmaster", "", "Postmaster", "", "b"},
    {"<root>", "root", "", "root", "", "b"},
    {"root", "root", "", "root", "", ""},
    {"<a.b-c_d+e@x.y-z.example>", "a.b-c_d+e@x.y-z.example", "", "a.b-c_d+e", "x.y-z.example", "b"},
    {"<!#$%&'*+-/=?^_`{|}~@b>", "!#$%&'*+-/=?^_`{|}~@b", "", "!#$%&'*+-/=?^_`{|}~", "b", "b"},
    {"<.a..b.@c>", ".a..b.@c", "", ".a..b.", "c", "b"},
    {"<\"a b\"@c>", "\"a b\"@c", "", "\"a b\"", "c", "bq"},
    {"<\"\"@c>", "\"\"@c", "", "\"\"", "c", "bq"},
    {"<\"a@b<>\"@c>", "\"a@b<>\"@c", "", "\"a@b<>\"", "c", "bq"},
    {"<\"a\\\"b\\\\\"@c>", "\"a\\\"b\\\\\"@c", "", "\"a\\\"b\\\\\"", "c", "bq"},
    {"\"a b\"@c", "\"a b\"@c", "", "\"a b\"", "c", "q"},
    {"<@x:a@b>", "a@b", "@x", "a", "b", "b"},
    {"<@x,@y.z,@[192.0.2.1]:a@b>", "a@b", "@x,@y.z,@[192.0.2.1]", "a", "b", "b"},
    {"@x:a@b", "a@b", "@x", "a", "b", ""},
    {"<a@[192.0.2.1]>", "a@[192.0.2.1]", "", "a", "[192.0.2.1]", "bl"},
    {"<a@[IPv6:::1]>", "a@[IPv6:::1]", "", "a", "[IPv6:::1]", "bl"},
    {"<a@[x:y]>", "a@[x:y]", "", "a", "[x:y]", "bl"},
    {"<\xc3\xbc@\xc3\xa4.example>", "\xc3\xbc@\xc3\xa4.example", "", "\xc3\xbc", "\xc3\xa4.example",
     "bu"},
    {"<\"\xe2\x98\x83 \"@b>", "\"\xe2\x98\x83 \"@b", "", "\"\xe2\x98\x83 \"", "b", "bqu"},
    {"<" A255 "@b>", A255 "@b", "", A255, "b", "b"},
    {"<a@" L63 "." L63 "." L63 "." L63 ">", "a@" L63 "." L63 "." L63 "." L63, "", "a",
     L63 "." L63 "." L63 "." L63, "b"},
    {"<a@my_host>", "a@my_host", "", "a", "my_host", "b"},
    {"<a@1.2.3.4>", "a@1.2.3.4", "", "a", "1.2.3.4", "b"},
};

static const struct {
    const char *in;
    enum smtp_path_error error;
} bad[] = {
    {"", SMTP_PATH_EMPTY},
    {" <a@b>", SMTP_PATH_EMPTY},
    {"<", SMTP_PATH_LOCAL},
    {">", SMTP_PATH_LOCAL},
    {"<a@b", SMTP_PATH_BRACKET},
    {"a@b>", SMTP_PATH_BRACKET},
    {"<a@b c>", SMTP_PATH_BRACKET},
    {"<a b@c>", SMTP_PATH_BRACKET},
    {"<a@b>c", SMTP_PATH_DOMAIN},
    {"<a@b>>", SMTP_PATH_DOMAIN},
    {"<<a@b>>", SMTP_PATH_LOCAL},
    {"<@b>", SMTP_PATH_ROUTE},
    {"<a@>", SMTP_PATH_DOMAIN},
    {"<a@b@c>", SMTP_PATH_DOMAIN},
    {"<a@-b>", SMTP_PATH_DOMAIN},
    {"<a@b->", SMTP_PATH_DOMAIN},
    {"<a@b..c>", SMTP_PATH_DOMAIN},
    {"<a@.b>", SMTP_PATH_DOMAIN},
    {"<a@b.>", SMTP_PATH_DOMAIN},
    {"<a@b!c>", SMTP_PATH_DOMAIN},
    {"<a,b@c>", SMTP_PATH_LOCAL},
    {"<a;b@c>", SMTP_PATH_LOCAL},
    {"<(a)b@c>", SMTP_PATH_LOCAL},
    {"<a\"b\"@c>", SMTP_PATH_LOCAL},
    {"<\"a\"b@c>", SMTP_PATH_LOCAL},
    {"<\"a@c>", SMTP_PATH_LOCAL},
    {"<\"a\\", SMTP_PATH_LOCAL},
    {"<\"a\\\"", SMTP_PATH_LOCAL},
    {"<@x>", SMTP_PATH_ROUTE},
    {"<@x,>", SMTP_PATH_ROUTE},
    {"<@x,y:a@b>", SMTP_PATH_ROUTE},
    {"<@x;@y:a@b>", SMTP_PATH_ROUTE},
    {"<@:a@b>", SMTP_PATH_ROUTE},
    {"<@x:>", SMTP_PATH_LOCAL},
    {"<@x,@y:@z>", SMTP_PATH_LOCAL},
    {"<a@[192.0.2.1>", SMTP_PATH_DOMAIN},
    {"<a@[192.0.2]>", SMTP_PATH_DOMAIN},
    {"<a@" L63 "a>", SMTP_PATH_DOMAIN},
    {"<a@" L63 "." L63 "." L63 "." L63 ".a>", SMTP_PATH_LENGTH},
    {"<a" A255 "@b>", SMTP_PATH_LENGTH},
    {"<\xff@b>", SMTP_PATH_UTF8},
    {"<\xc3@b>", SMTP_PATH_UTF8},
    {"<a@\xed\xa0\x80>", SMTP_PATH_UTF8},
    {"<a\x01@b>", SMTP_PATH_CHARACTER},
    {"<a@b>\x7f", SMTP_PATH_CHARACTER},
    {"<a\r@b>", SMTP_PATH_CHARACTER},
    {"<\"a\tb\"@c>", SMTP_PATH_CHARACTER},
    {"\"\\\t\"", SMTP_PATH_CHARACTER},
};

/* A copy in memory of its exact size. */
static struct span exact(const char *text)
{
    size_t len = strlen(text);
    unsigned char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    return span_of(copy, len);
}

static void assert_text(struct span got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void assert_good(const struct good *v, const char *behind)
{
    char text[1024];
    struct smtp_path path;

    snprintf(text, sizeof(text), "%s%s", v->in, behind);
    struct span in = exact(text);
    struct span rest = in;
    assert_int_equal(smtp_path_parse(&rest, true, true, &path), SMTP_PATH_OK);
    assert_text(rest, behind);
    assert_text(path.text, v->text);
    assert_text(path.route, v->route);
    assert_text(path.local, v->local);
    assert_text(path.domain, v->domain);
    assert_int_equal(path.bracketed, strchr(v->flags, 'b') != NULL);
    assert_int_equal(path.quoted, strchr(v->flags, 'q') != NULL);
    assert_int_equal(path.literal, strchr(v->flags, 'l') != NULL);
    assert_int_equal(path.utf8, strchr(v->flags, 'u') != NULL);
    free((void *)in.ptr);
}

static void good_paths(void **state)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_good(&good[i], "");
        assert_good(&good[i], " SIZE=1");
        assert_good(&good[i], "\t");
    }
}

static void bad_paths(void **state)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct span in = exact(bad[i].in);
        struct span rest = in;
        struct smtp_path path;
        assert_int_equal(smtp_path_parse(&rest, true, true, &path), bad[i].error);
        free((void *)in.ptr);
    }
}

static void what_may_be_missing(void **state)
{
    struct span rest = SPAN("<>");
    struct smtp_path path;

    assert_int_equal(smtp_path_parse(&rest, false, true, &path), SMTP_PATH_EMPTY);
    rest = SPAN("<root>");
    assert_int_equal(smtp_path_parse(&rest, true, false, &path), SMTP_PATH_DOMAIN);
    rest = SPAN("<postMASTER>");
    assert_int_equal(smtp_path_parse(&rest, false, false, &path), SMTP_PATH_OK);
    rest = SPAN("<\"Postmaster\">");
    assert_int_equal(smtp_path_parse(&rest, false, false, &path), SMTP_PATH_DOMAIN);
}

/* Every beginning of a good path is judged without looking beyond it. */
static void paths_that_are_cut_off(void **state)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        size_t len = strlen(good[i].in);
        for (size_t cut = 0; cut < len; cut++) {
            unsigned char *copy = malloc(cut > 0 ? cut : 1);
            assert_non_null(copy);
            memcpy(copy, good[i].in, cut);
            struct span rest = span_of(copy, cut);
            struct smtp_path path;
            enum smtp_path_error error = smtp_path_parse(&rest, true, true, &path);
            assert_true(error != SMTP_PATH_OK || good[i].in[0] != '<');
            free(copy);
        }
    }
}

static void domains(void **state)
{
    static const char *const valid[] = {"a",     "a.b", "0", "xn--bcher-kva.example",
                                        "a-b.c", "a_b", L63, L63 "." L63 "." L63 "." L63};
    static const char *const invalid[] = {
        "",     ".",   "a.",        ".a",        "a..b",  "-a",  "a-",
        "a.-b", "a b", "a\xc3\xbc", "[1.2.3.4]", L63 "a", "a\n", L63 "." L63 "." L63 "." L63 ".a"};

    for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        assert_true(smtp_domain_valid(span_str(valid[i]), false));
    }
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        assert_false(smtp_domain_valid(span_str(invalid[i]), false));
    }
    assert_true(smtp_domain_valid(SPAN("a\xc3\xbc.example"), true));
}

static void literals(void **state)
{
    static const char *const valid[] = {"[0.0.0.0]",
                                        "[255.255.255.255]",
                                        "[192.0.2.1]",
                                        "[IPv6:::]",
                                        "[IPv6:::1]",
                                        "[ipv6:1::]",
                                        "[IPv6:1:2:3:4:5:6:7:8]",
                                        "[IPv6:1::8]",
                                        "[IPv6:1:2:3:4:5:6:192.0.2.1]",
                                        "[IPv6:::ffff:192.0.2.1]",
                                        "[IPv6:2001:DB8::a:1]",
                                        "[IPv6:1:2:3:4:5:6:7::]",
                                        "[tag:x]",
                                        "[x-1:!#$%&'()*+,-./:;<=>?@^_`{|}~]",
                                        "[IPv6:::8:7:6:5:4:3:2]"};
    static const char *const invalid[] = {"",
                                          "[",
                                          "[]",
                                          "[x]",
                                          "192.0.2.1",
                                          "[192.0.2.1",
                                          "192.0.2.1]",
                                          "[256.0.0.1]",
                                          "[1.2.3]",
                                          "[1.2.3.4.5]",
                                          "[1.2.3.]",
                                          "[.1.2.3]",
                                          "[1..2.3]",
                                          "[1.2.3.4 ]",
                                          "[0001.2.3.4]",
                                          "[IPv6:]",
                                          "[IPv6::]",
                                          "[IPv6:1]",
                                          "[IPv6:1:2:3:4:5:6:7]",
                                          "[IPv6:1:2:3:4:5:6:7:8:9]",
                                          "[IPv6:1::2::3]",
                                          "[IPv6:12345::]",
                                          "[IPv6:g::]",
                                          "[IPv6:1:2:3:4:5:6:7:8::]",
                                          "[IPv6:1:2:3:4:5:6:7:]",
                                          "[IPv6::1]",
                                          "[IPv6:1:2:3:4:5:6:7:192.0.2.1]",
                                          "[IPv6:192.0.2.1::]",
                                          "[IPv6:::1:]",
                                          "[IPv6:::192.0.2]",
                                          "[:x]",
                                          "[x:]",
                                          "[x y:z]",
                                          "[x:a b]",
                                          "[x:[]",
                                          "[x:\\]",
                                          "[x:]]",
                                          "[x:\x80]",
                                          "[IPv6:1:::2]"};

    for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        assert_true(smtp_literal_valid(span_str(valid[i])));
    }
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        assert_false(smtp_literal_valid(span_str(invalid[i])));
    }
}

static void utf8(void **state)
{
    static const char *const valid[] = {"",
                                        "a",
                                        "\xc2\x80",
                                        "\xdf\xbf",
                                        "\xe0\xa0\x80",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xef\xbf\xbf",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf",
                                        "a\xc3\xbc"
                                        "b"};
    static const char *const invalid[] = {"\x80",
                                          "\xbf",
                                          "\xc0\x80",
                                          "\xc1\xbf",
                                          "\xc2",
                                          "\xc2"
                                          "a",
                                          "\xc2\xc2",
                                          "\xe0\x9f\xbf",
                                          "\xe0\xa0",
                                          "\xed\xa0\x80",
                                          "\xed\xbf\xbf",
                                          "\xf0\x8f\xbf\xbf",
                                          "\xf0\x90\x80",
                                          "\xf4\x90\x80\x80",
                                          "\xf5\x80\x80\x80",
                                          "\xff",
                                          "\xe1\x80"
                                          "a",
                                          "a\x80"};

    for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        assert_true(smtp_utf8_valid(span_str(valid[i])));
    }
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        assert_false(smtp_utf8_valid(span_str(invalid[i])));
    }
}

static void errors_have_words(void **state)
{
    for (unsigned e = SMTP_PATH_OK; e <= SMTP_PATH_CHARACTER; e++) {
        assert_true(strlen(smtp_path_error_text((enum smtp_path_error)e)) > 0);
    }
    assert_string_equal(smtp_path_error_text(SMTP_PATH_LOCAL), "malformed local part");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_paths),
        cmocka_unit_test(bad_paths),
        cmocka_unit_test(what_may_be_missing),
        cmocka_unit_test(paths_that_are_cut_off),
        cmocka_unit_test(domains),
        cmocka_unit_test(literals),
        cmocka_unit_test(utf8),
        cmocka_unit_test(errors_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
