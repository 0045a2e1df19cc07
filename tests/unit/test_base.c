/*
 * base: spans, buffers, arenas and the allocator with its failing request.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"

#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#define assert_span(value, literal)                                                                \
    do {                                                                                           \
        struct span got = (value);                                                                 \
        assert_int_equal(got.len, sizeof(literal) - 1);                                            \
        assert_memory_equal(got.ptr, literal, sizeof(literal) - 1);                                \
    } while (0)

static void span_compares(void **state)
{
    assert_true(span_equal(SPAN("mail"), SPAN("mail")));
    assert_false(span_equal(SPAN("mail"), SPAN("Mail")));
    assert_false(span_equal(SPAN("mail"), SPAN("mai")));
    assert_true(span_equal(SPAN(""), span_of(NULL, 0)));
    assert_true(span_equal_nocase(SPAN("mAIL"), SPAN("Mail")));
    assert_false(span_equal_nocase(SPAN("mail"), SPAN("mails")));
    assert_false(span_equal_nocase(SPAN("mails"), SPAN("mail")));
    assert_true(span_begins_nocase(SPAN("FROM:<a>"), SPAN("from:")));
    assert_true(span_begins_nocase(SPAN("FROM:"), SPAN("")));
    assert_false(span_begins_nocase(SPAN("FRO"), SPAN("from:")));
}

static void span_folds_ascii_only(void **state)
{
    /* 0xC4 and 0xE4 are one letter in Latin-1; "[" and "{" differ by the case bit. */
    assert_false(span_equal_nocase(SPAN("\xc4"), SPAN("\xe4")));
    assert_false(span_equal_nocase(SPAN("["), SPAN("{")));
    assert_int_equal(ascii_upper('z'), 'Z');
    assert_int_equal(ascii_upper('{'), '{');
    assert_int_equal(ascii_lower('@'), '@');
    assert_true(ascii_is_alnum('0'));
    assert_false(ascii_is_alnum(':'));
    assert_false(ascii_is_alpha('['));
}

static void span_is_cut(void **state)
{
    struct span rest = SPAN("  MAIL\tFROM:<a@b>  SIZE=1 ");

    assert_span(span_word(&rest), "MAIL");
    assert_span(span_word(&rest), "FROM:<a@b>");
    assert_span(span_word(&rest), "SIZE=1");
    assert_span(rest, " ");
    assert_int_equal(span_word(&rest).len, 0);
    assert_int_equal(rest.len, 0);
    assert_int_equal(span_word(&rest).len, 0);
    assert_span(span_from(SPAN("abcd"), 2), "cd");
    assert_span(span_head(SPAN("abcd"), 2), "ab");
}

static void span_is_trimmed(void **state)
{
    assert_span(span_trim(SPAN("\t a b \t")), "a b");
    assert_span(span_trim_right(SPAN("\t a b \t")), "\t a b");
    assert_span(span_trim(SPAN(" \t ")), "");
    assert_span(span_trim(SPAN("\ra\n")), "\ra\n");
}

static void span_finds(void **state)
{
    assert_int_equal(span_find(SPAN("abcb"), 'b'), 1);
    assert_int_equal(span_find(SPAN("abcb"), 'x'), 4);
    assert_int_equal(span_find(span_of(NULL, 0), 'x'), 0);
    assert_int_equal(span_find(SPAN("a\0b"), '\0'), 1);
}

static void span_reads_numbers(void **state)
{
    uint64_t value = 7;

    assert_true(span_number(SPAN("0"), &value));
    assert_int_equal(value, 0);
    assert_true(span_number(SPAN("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_false(span_number(SPAN("18446744073709551616"), &value));
    assert_false(span_number(SPAN("99999999999999999999"), &value));
    assert_false(span_number(SPAN(""), &value));
    assert_false(span_number(SPAN("-1"), &value));
    assert_false(span_number(SPAN("+1"), &value));
    assert_false(span_number(SPAN("1 "), &value));
    assert_false(span_number(SPAN("0x1"), &value));
    assert_true(value == UINT64_MAX); /* a failure leaves it alone */
}

/* Every octet at every place of every length up to three words: eight octets are judged at once. */
static void span_finds_control_characters(void **state)
{
    unsigned char text[24];

    (void)state;
    for (size_t len = 0; len <= sizeof(text); len++) {
        memset(text, 'a', sizeof(text));
        assert_false(span_has_control(span_of(text, len)));
        for (size_t at = 0; at < len; at++) {
            for (unsigned octet = 0; octet < 256; octet++) {
                bool control = (octet < 32 && octet != '\t') || octet == 127;
                text[at] = (unsigned char)octet;
                assert_int_equal(span_has_control(span_of(text, len)), control);
            }
            text[at] = (unsigned char)(at % 2 == 0 ? '\t' : 0xff); /* neither hides what follows */
        }
    }
}

static void span_distance_counts_edits(void **state)
{
    assert_int_equal(span_distance(SPAN("listen"), SPAN("LISTEN")), 0);
    assert_int_equal(span_distance(SPAN("lisen"), SPAN("listen")), 1);
    assert_int_equal(span_distance(SPAN("listenn"), SPAN("listen")), 1);
    assert_int_equal(span_distance(SPAN("lisdem"), SPAN("listen")), 2);
    assert_int_equal(span_distance(SPAN(""), SPAN("abc")), 3);
    assert_int_equal(span_distance(SPAN("abc"), SPAN("")), 3);
    assert_int_equal(span_distance(SPAN("kitten"), SPAN("sitting")), 3);
    /* Only 32 characters count. */
    assert_int_equal(span_distance(SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaXYZ"),
                                   SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
                     0);
}

static void buf_is_a_queue(void **state)
{
    struct buf b = {0};

    assert_int_equal(buf_len(&b), 0);
    assert_true(buf_append(&b, SPAN("one")));
    assert_true(buf_append(&b, SPAN("")));
    assert_true(buf_append(&b, SPAN(" two")));
    assert_span(buf_span(&b), "one two");
    buf_consume(&b, 4);
    assert_span(buf_span(&b), "two");
    assert_true(buf_printf(&b, " %d%c", 3, '!'));
    assert_span(buf_span(&b), "two 3!");
    buf_consume(&b, 6);
    assert_null(b.ptr); /* an empty buf holds no memory */
    assert_int_equal(b.size, 0);
    buf_free(&b);
}

static void buf_reuses_its_front(void **state)
{
    struct buf b = {0};
    unsigned char piece[100];

    /* It never holds more than 128 bytes here, so that it may not grow past two of its steps
     * however much passes through it. */
    for (unsigned i = 0; i < 1000; i++) {
        memset(piece, (int)(i & 0xff), sizeof(piece));
        assert_true(buf_append(&b, span_of(piece, sizeof(piece))));
        if (i > 0) {
            buf_consume(&b, i == 1 ? 80 : sizeof(piece));
        }
        assert_true(b.size <= 256);
    }
    struct span held = buf_span(&b);
    assert_int_equal(held.len, 120);
    assert_int_equal(held.ptr[0], 998 & 0xff);
    assert_int_equal(held.ptr[119], 999 & 0xff);
    buf_free(&b);
    assert_null(b.ptr);
}

static void buf_refuses_more_than_a_gibibyte(void **state)
{
    struct buf b = {0};

    assert_true(buf_append(&b, SPAN("x")));
    /* The length alone must be looked at, never the bytes: there are none. */
    assert_false(buf_append(&b, span_of(b.ptr, (size_t)1 << 30)));
    assert_false(buf_append(&b, span_of(b.ptr, SIZE_MAX)));
    assert_span(buf_span(&b), "x");
    buf_free(&b);
}

static void buf_survives_the_lack_of_memory(void **state)
{
    struct buf b = {0};
    unsigned char piece[200] = {0};

    mem_fail_at(1);
    assert_false(buf_append(&b, SPAN("x")));
    assert_null(b.ptr);
    mem_fail_at(1);
    assert_false(buf_printf(&b, "%s", "x"));
    mem_fail_at(0);
    assert_true(buf_append(&b, SPAN("kept")));
    mem_fail_at(1);
    assert_false(buf_append(&b, span_of(piece, sizeof(piece))));
    mem_fail_at(0);
    assert_span(buf_span(&b), "kept");
    buf_free(&b);
}

static void arena_aligns_and_zeroes(void **state)
{
    struct arena a = {0};

    for (size_t size = 1; size <= 10000; size += 37) {
        unsigned char *ptr = arena_alloc(&a, size);
        assert_non_null(ptr);
        assert_int_equal((uintptr_t)ptr % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(ptr[i], 0);
        }
        memset(ptr, 0xff, size); /* a neighbour that overlaps would not be zeroed */
    }
    char *copy = arena_string(&a, SPAN("text"));
    assert_string_equal(copy, "text");
    assert_string_equal(arena_string(&a, span_of(NULL, 0)), "");
    arena_free(&a);
    assert_null(a.blocks);
}

static void arena_survives_the_lack_of_memory(void **state)
{
    struct arena a = {0};

    mem_fail_at(1);
    assert_null(arena_alloc(&a, 1));
    mem_fail_at(1);
    assert_null(arena_string(&a, SPAN("text")));
    mem_fail_at(0);
    assert_non_null(arena_alloc(&a, 1));
    arena_free(&a);
}

static void mem_fails_once_where_told(void **state)
{
    mem_fail_at(3);
    void *one = mem_alloc(1);
    unsigned char *two = mem_zalloc(2);
    void *three = mem_alloc(3);
    char *four = mem_string(SPAN("four"));
    assert_int_equal(mem_requests(), 4);
    mem_fail_at(0);
    assert_int_equal(mem_requests(), 0);

    assert_non_null(one);
    assert_non_null(two);
    assert_int_equal(two[0] | two[1], 0);
    assert_null(three);
    assert_string_equal(four, "four");

    mem_fail_at(1);
    assert_null(mem_realloc(one, 100)); /* which is still ours */
    mem_fail_at(1);
    assert_null(mem_string(SPAN("five")));
    mem_fail_at(0);
    mem_free(one);
    mem_free(two);
    mem_free(four);
    mem_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(span_compares),
        cmocka_unit_test(span_folds_ascii_only),
        cmocka_unit_test(span_is_cut),
        cmocka_unit_test(span_is_trimmed),
        cmocka_unit_test(span_finds),
        cmocka_unit_test(span_reads_numbers),
        cmocka_unit_test(span_finds_control_characters),
        cmocka_unit_test(span_distance_counts_edits),
        cmocka_unit_test(buf_is_a_queue),
        cmocka_unit_test(buf_reuses_its_front),
        cmocka_unit_test(buf_refuses_more_than_a_gibibyte),
        cmocka_unit_test(buf_survives_the_lack_of_memory),
        cmocka_unit_test(arena_aligns_and_zeroes),
        cmocka_unit_test(arena_survives_the_lack_of_memory),
        cmocka_unit_test(mem_fails_once_where_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
