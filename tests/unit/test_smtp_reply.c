/*
 * smtp: replies. Each vector is parsed whole and as it comes in, an octet at a time.
 */
#include "smtp/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

enum { LINE_MAX_TESTED = 32, LINES_MAX_TESTED = 4 };

/* A copy in memory of its exact size. */
static struct span exact(struct span s)
{
    unsigned char *copy = malloc(s.len > 0 ? s.len : 1);

    assert_non_null(copy);
    memcpy(copy, s.ptr, s.len);
    return span_of(copy, s.len);
}

#define IN(literal)                                                                                \
    {                                                                                              \
        (const unsigned char *)(literal), sizeof(literal) - 1                                      \
    }

struct line_vector {
    struct span in;
    int got;
    enum smtp_reply_error error;
    unsigned code;
    const char *text;
    const char *flags; /* l: last, f: bare LF, d: dirty */
    size_t size;
};

static const struct line_vector lines[] = {
    {IN("250 ok\r\n"), 1, SMTP_REPLY_OK, 250, "ok", "l", 8},
    {IN("250-ok\r\n"), 1, SMTP_REPLY_OK, 250, "ok", "", 8},
    {IN("250 ok\r\nmore"), 1, SMTP_REPLY_OK, 250, "ok", "l", 8},
    {IN("250\r\n"), 1, SMTP_REPLY_OK, 250, "", "l", 5},
    {IN("250 \r\n"), 1, SMTP_REPLY_OK, 250, "", "l", 6},
    {IN("250-\r\n"), 1, SMTP_REPLY_OK, 250, "", "", 6},
    {IN("250  a \r\n"), 1, SMTP_REPLY_OK, 250, " a ", "l", 9},
    {IN("250 ok\n"), 1, SMTP_REPLY_OK, 250, "ok", "lf", 7},
    {IN("250\n"), 1, SMTP_REPLY_OK, 250, "", "lf", 4},
    {IN("250 a\tb\r\n"), 1, SMTP_REPLY_OK, 250, "a\tb", "l", 9},
    {IN("250 a\rb\r\n"), 1, SMTP_REPLY_OK, 250, "a\rb", "ld", 9},
    {IN("250 a\r\r\n"), 1, SMTP_REPLY_OK, 250, "a\r", "ld", 8},
    {IN("250 a\x1b\x7f\r\n"), 1, SMTP_REPLY_OK, 250, "a\x1b\x7f", "ld", 9},
    {IN("250 \xc3\xbc\xff\r\n"), 1, SMTP_REPLY_OK, 250, "\xc3\xbc\xff", "l", 9},
    {IN("599 x\r\n"), 1, SMTP_REPLY_OK, 599, "x", "l", 7},
    {IN("200 x\r\n"), 1, SMTP_REPLY_OK, 200, "x", "l", 7},
    {IN("250 aaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"), 1, SMTP_REPLY_OK, 250, "aaaaaaaaaaaaaaaaaaaaaaaaaa",
     "l", 32},
    {IN(""), 0, SMTP_REPLY_OK, 0, "", "", 0},
    {IN("2"), 0, SMTP_REPLY_OK, 0, "", "", 0},
    {IN("250 ok\r"), 0, SMTP_REPLY_OK, 0, "", "", 0},
    {IN("250 aaaaaaaaaaaaaaaaaaaaaaaaaaa"), 0, SMTP_REPLY_OK, 0, "", "", 0},
    {IN("250 aaaaaaaaaaaaaaaaaaaaaaaaaaaa"), -1, SMTP_REPLY_LINE_LONG, 0, "", "", 0},
    {IN("250 aaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"), -1, SMTP_REPLY_LINE_LONG, 0, "", "", 0},
    {IN("\r\n"), -1, SMTP_REPLY_NO_CODE, 0, "", "", 0},
    {IN("\n"), -1, SMTP_REPLY_NO_CODE, 0, "", "", 0},
    {IN("25\r\n"), -1, SMTP_REPLY_NO_CODE, 0, "", "", 0},
    {IN("25\n0 x\r\n"), -1, SMTP_REPLY_NO_CODE, 0, "", "", 0},
    {IN("150 x\r\n"), -1, SMTP_REPLY_NO_CODE, 0, "", "", 0},
    {IN("650 x\r\n"), -1, SMTP_REPLY_NO_CODE, 0, "", "", 0},
    {IN("2x0 x\r\n"), -1, SMTP_REPLY_NO_CODE, 0, "", "", 0},
    {IN("25x x\r\n"), -1, SMTP_REPLY_NO_CODE, 0, "", "", 0},
    {IN(" 250 x\r\n"), -1, SMTP_REPLY_NO_CODE, 0, "", "", 0},
    {IN("2500\r\n"), -1, SMTP_REPLY_SEPARATOR, 0, "", "", 0},
    {IN("250x\r\n"), -1, SMTP_REPLY_SEPARATOR, 0, "", "", 0},
    {IN("250\tx\r\n"), -1, SMTP_REPLY_SEPARATOR, 0, "", "", 0},
    {IN("250_x\r\n"), -1, SMTP_REPLY_SEPARATOR, 0, "", "", 0},
};

static void one_line(void **state)
{
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const struct line_vector *v = &lines[i];
        struct span in = exact(v->in);
        struct smtp_reply_line line;
        enum smtp_reply_error error = SMTP_REPLY_OK;
        assert_int_equal(smtp_reply_line_parse(in, LINE_MAX_TESTED, &line, &error), v->got);
        bool good = v->got > 0;
        assert_int_equal(v->got == 0 ? SMTP_REPLY_OK : error, v->error);
        assert_int_equal(good ? line.code : 0, v->code);
        assert_int_equal(good ? line.size : 0, v->size);
        assert_int_equal(good && line.last, strchr(v->flags, 'l') != NULL);
        assert_int_equal(good && line.bare_lf, strchr(v->flags, 'f') != NULL);
        assert_int_equal(good && line.dirty, strchr(v->flags, 'd') != NULL);
        struct span text = good ? line.text : span_of(NULL, 0);
        assert_true(span_equal(text, span_str(v->text)));
        free((void *)in.ptr);
    }
}

struct reply_vector {
    struct span in;
    int got;
    enum smtp_reply_error error;
    unsigned code, lines, size, longest;
    const char *flags; /* f: bare LF, d: dirty */
};

static const struct reply_vector replies[] = {
    {IN("250 ok\r\n"), 1, SMTP_REPLY_OK, 250, 1, 8, 8, ""},
    {IN("250-a\r\n250 bcd\r\n"), 1, SMTP_REPLY_OK, 250, 2, 16, 9, ""},
    {IN("250-abcde\r\n250-\r\n250\r\n354 next\r\n"), 1, SMTP_REPLY_OK, 250, 3, 22, 11, ""},
    {IN("250-a\n250 b\r\n"), 1, SMTP_REPLY_OK, 250, 2, 13, 7, "f"},
    {IN("250-a\r\n250 \0\r\n"), 1, SMTP_REPLY_OK, 250, 2, 14, 7, "d"},
    {IN("250-1\r\n250-2\r\n250-3\r\n250 4\r\n"), 1, SMTP_REPLY_OK, 250, 4, 28, 7, ""},
    {IN("250-1\r\n250-2\r\n250-3\r\n250-4\r\n250 5\r\n"), -1, SMTP_REPLY_LINES, 0, 0, 0, 0, ""},
    {IN("250-a\r\n251 b\r\n"), -1, SMTP_REPLY_MIXED, 0, 0, 0, 0, ""},
    {IN("250-a\r\n550 b\r\n"), -1, SMTP_REPLY_MIXED, 0, 0, 0, 0, ""},
    {IN("250-a\r\nhello\r\n"), -1, SMTP_REPLY_NO_CODE, 0, 0, 0, 0, ""},
    {IN("250-a\r\n\r\n"), -1, SMTP_REPLY_NO_CODE, 0, 0, 0, 0, ""},
    {IN("250-a\r\n250aaaaa\r\n"), -1, SMTP_REPLY_SEPARATOR, 0, 0, 0, 0, ""},
    {IN("250-a\r\n250 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"), -1, SMTP_REPLY_LINE_LONG, 0, 0, 0, 0,
     ""},
    {IN("250-a\r\n250-b\r\n"), 0, SMTP_REPLY_OK, 0, 0, 0, 0, ""},
    {IN("250-a\r\n250 b\r"), 0, SMTP_REPLY_OK, 0, 0, 0, 0, ""},
};

static void assert_reply(const struct reply_vector *v, int got, const struct smtp_reply *reply)
{
    bool good = v->got > 0;

    assert_int_equal(got, v->got);
    assert_int_equal(reply->error, v->error);
    assert_int_equal(good ? reply->code : 0, v->code);
    assert_int_equal(good ? reply->lines : 0, v->lines);
    assert_int_equal(good ? reply->size : 0, v->size);
    assert_int_equal(good ? reply->longest : 0, v->longest);
    assert_int_equal(good && reply->bare_lf, strchr(v->flags, 'f') != NULL);
    assert_int_equal(good && reply->dirty, strchr(v->flags, 'd') != NULL);
}

static void whole_replies(void **state)
{
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct span in = exact(replies[i].in);
        struct smtp_reply reply = {0};
        int got = smtp_reply_parse(&reply, in, LINE_MAX_TESTED, LINES_MAX_TESTED);
        assert_reply(&replies[i], got, &reply);
        free((void *)in.ptr);
    }
}

static void replies_that_come_in(void **state)
{
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        for (size_t step = 1; step < 12; step++) {
            struct smtp_reply reply = {0};
            int got = 0;
            for (size_t len = step; got == 0; len += step) {
                bool all = len >= replies[i].in.len;
                struct span in = exact(span_head(replies[i].in, all ? replies[i].in.len : len));
                got = smtp_reply_parse(&reply, in, LINE_MAX_TESTED, LINES_MAX_TESTED);
                free((void *)in.ptr);
                if (all) {
                    break;
                }
            }
            assert_reply(&replies[i], got, &reply);
        }
    }
}

static void enhanced_codes(void **state)
{
    static const struct {
        unsigned code;
        const char *text, *want;
    } codes[] = {{250, "2.1.0 Ok", "2.1.0"},
                 {250, "2.1.0", "2.1.0"},
                 {550, "5.7.26 no", "5.7.26"},
                 {451, "4.123.456 x", "4.123.456"},
                 {550, "4.7.1 class differs", ""},
                 {550, "5.7 too short", ""},
                 {550, "5.7. x", ""},
                 {550, "5..1 x", ""},
                 {550, "5.1234.1 x", ""},
                 {550, "5.1.1234 x", ""},
                 {550, "5.1.1.1 x", ""},
                 {550, "5.1.x y", ""},
                 {550, "5.x.1 y", ""},
                 {550, "55.1.1 y", ""},
                 {550, " 5.1.1 y", ""},
                 {550, "#5.1.1 y", ""},
                 {550, "text 5.1.1", ""},
                 {550, "", ""}};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct span got = smtp_reply_enhanced(codes[i].code, span_str(codes[i].text));
        assert_true(span_equal(got, span_str(codes[i].want)));
    }
}

static void errors_have_words(void **state)
{
    assert_string_equal(smtp_reply_error_text(SMTP_REPLY_OK), "no error");
    assert_string_equal(smtp_reply_error_text(SMTP_REPLY_NO_CODE), "reply without a code");
    assert_string_equal(smtp_reply_error_text(SMTP_REPLY_SEPARATOR),
                        "reply code followed by neither space nor hyphen");
    assert_string_equal(smtp_reply_error_text(SMTP_REPLY_MIXED), "different codes in one reply");
    assert_string_equal(smtp_reply_error_text(SMTP_REPLY_LINE_LONG), "reply line too long");
    assert_string_equal(smtp_reply_error_text(SMTP_REPLY_LINES), "too many lines in one reply");
}

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

/* Random replies come to the same end whole and in pieces. */
static void random_replies(void **state)
{
    unsigned ends[3] = {0};

    for (unsigned turn = 0; turn < 100000; turn++) {
        unsigned char bytes[64];
        size_t len = random_below(sizeof(bytes));
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (unsigned char)"2502505\r\n\r\n- a\0"[random_below(15)];
        }
        struct smtp_reply whole = {0}, cut = {0};
        struct span in = exact(span_of(bytes, len));
        int got = smtp_reply_parse(&whole, in, LINE_MAX_TESTED, LINES_MAX_TESTED);
        int piece = 0;
        for (size_t shown = 0; shown < len && piece == 0;) {
            shown += 1 + random_below((uint32_t)(len - shown));
            piece = smtp_reply_parse(&cut, span_head(in, shown), LINE_MAX_TESTED, LINES_MAX_TESTED);
        }
        assert_int_equal(piece, got);
        assert_memory_equal(&cut, &whole, sizeof(cut));
        assert_true(got <= 0 || whole.size <= len);
        ends[got + 1]++;
        free((void *)in.ptr);
    }
    assert_true(ends[0] > 100 && ends[1] > 100 && ends[2] > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line),
        cmocka_unit_test(whole_replies),
        cmocka_unit_test(replies_that_come_in),
        cmocka_unit_test(enhanced_codes),
        cmocka_unit_test(errors_have_words),
        cmocka_unit_test(random_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
