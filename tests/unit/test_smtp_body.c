/*
 * smtp: the body scanner.
 *
 * It is set against a reference that is as simple as the rules: the whole body at hand, an octet at
 * a time, each judged by what stands around it. Both see the same random bodies, the scanner in all
 * of its engines, cut in random places and at every alignment.
 */
#include "smtp/body.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

/* body_sse2.c and body_plain.c */
struct smtp_body_scan sse2_body_scan(struct smtp_body *body, struct span in);
struct smtp_body_scan plain_body_scan(struct smtp_body *body, struct span in);

static const struct {
    const char *name;
    struct smtp_body_scan (*scan)(struct smtp_body *body, struct span in);
} engines[] = {{"best", smtp_body_scan}, {"sse2", sse2_body_scan}, {"plain", plain_body_scan}};

enum { ENGINES = sizeof(engines) / sizeof(engines[0]), EVENTS_MAX = 4096, BODY_MAX = 4096 };

struct found {
    enum smtp_body_event event;
    size_t at; /* octets of the body up to the end of what it is about */
    bool end_dot;
};

struct trace {
    struct found found[EVENTS_MAX];
    size_t count;
    unsigned char forwarded[2 * BODY_MAX]; /* as `framing log` forwards it */
    size_t len;
};

static void trace_add(struct trace *t, enum smtp_body_event event, size_t at, bool end_dot)
{
    assert_true(t->count < EVENTS_MAX);
    t->found[t->count++] = (struct found){event, at, end_dot};
}

static void trace_forward(struct trace *t, struct span bytes)
{
    assert_true(t->len + bytes.len <= sizeof(t->forwarded));
    if (bytes.len > 0) {
        memcpy(t->forwarded + t->len, bytes.ptr, bytes.len);
    }
    t->len += bytes.len;
}

/* How the body is seen. */
struct view {
    bool chunk;
    uint32_t line_max;
};

/* The reference. `begin`: where the line of in[i] begins, `crlf`: behind CRLF or at the body's
 * beginning, else behind a bare LF. */
static void reference(struct span in, struct view view, struct trace *t)
{
    size_t begin = 0, octets = 0, end = in.len;
    bool crlf = true, reported = false;

    for (size_t i = 0; i < end; i++) {
        unsigned char c = in.ptr[i];
        bool behind_cr = i > 0 && in.ptr[i - 1] == '\r';
        if (c == '\n') {
            size_t line = i - begin - behind_cr;
            bool dot = !view.chunk && line == 1 && in.ptr[begin] == '.';
            if (!behind_cr) {
                trace_add(t, SMTP_BODY_BARE_LF, i + 1, dot);
            } else if (dot) {
                trace_add(t, crlf ? SMTP_BODY_END : SMTP_BODY_LONE_DOT, i + 1, false);
                end = crlf ? i + 1 : end;
            }
            crlf = behind_cr;
            begin = i + 1;
            octets = 0;
            reported = false;
        } else if (c == '\r') {
            bool bare = i + 1 < in.len && in.ptr[i + 1] != '\n';
            if (bare) {
                trace_add(t, SMTP_BODY_BARE_CR, i + 1, false);
            }
            octets += bare;
        } else if (c == '\0') {
            trace_add(t, SMTP_BODY_NUL, i + 1, false);
            octets++;
        } else if (++octets > view.line_max && view.line_max > 0 && !reported) {
            trace_add(t, SMTP_BODY_LONG_LINE, i + 1, false);
            reported = true;
        }
    }
    /* A CR at the end waits for what follows it. */
    bool held = end == in.len && end > 0 && in.ptr[end - 1] == '\r';
    trace_forward(t, span_head(in, end - held));
}

/* What `framing log` puts in an event's place. */
static struct span logged(const struct smtp_body_scan *scan)
{
    switch (scan->event) {
    case SMTP_BODY_BARE_CR:
        return scan->sent ? span_of(NULL, 0) : SPAN("\r");
    case SMTP_BODY_BARE_LF:
        return SPAN("\n");
    case SMTP_BODY_NUL:
        return span_of("", 1);
    case SMTP_BODY_LONE_DOT:
        return SPAN("\r\n");
    case SMTP_BODY_MORE:
    case SMTP_BODY_END:
    case SMTP_BODY_LONG_LINE:
        break;
    }
    return span_of(NULL, 0);
}

/* One run of input. Returns false at the end of the data. */
static bool scan_run(unsigned engine, struct smtp_body *body, struct span in, size_t offset,
                     struct trace *t)
{
    size_t used = 0;

    while (used < in.len) {
        struct span rest = span_from(in, used);
        struct smtp_body_scan scan = engines[engine].scan(body, rest);
        assert_true(scan.used <= rest.len);
        assert_true(scan.clean <= scan.used);
        if (scan.carry) {
            trace_forward(t, SPAN("\r"));
        }
        trace_forward(t, span_head(rest, scan.clean));
        trace_forward(t, logged(&scan));
        used += scan.used;
        if (scan.event == SMTP_BODY_MORE) {
            assert_int_equal(used, in.len);
        } else {
            trace_add(t, scan.event, offset + used, scan.end_dot);
        }
        if (scan.event == SMTP_BODY_END) {
            return false;
        }
    }
    return true;
}

static void trace_equal(const struct trace *a, const struct trace *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->found[i].event, b->found[i].event);
        assert_int_equal(a->found[i].at, b->found[i].at);
        assert_int_equal(a->found[i].end_dot, b->found[i].end_dot);
    }
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->forwarded, b->forwarded, a->len);
}

/* A generator of its own, so that a failure comes again. */
static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

/* Any of the five octets that matter. */
static void body_wild(unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        p[i] = (unsigned char)"\r\n.\0a"[random_below(5)];
    }
}

/* Lines of text, ended by CRLF; one octet in `rarity` is another than it should be. */
static void body_tame(unsigned char *p, size_t len, uint32_t rarity)
{
    size_t left = random_below(130);

    for (size_t i = 0; i < len; i++) {
        bool cr = i > 0 && p[i - 1] == '\r';
        p[i] = cr ? '\n' : left == 0 ? '\r' : 'a';
        left = cr ? random_below(130) : left > 0 ? left - 1 : 0;
        if (random_below(rarity) == 0) {
            p[i] = (unsigned char)"\r\n.\0a"[random_below(5)];
        }
    }
}

/* One body, seen by each engine in pieces of at most `step` octets, from `align` octets behind a
 * boundary of 64. Each piece has memory of its own size. */
static void body_check(struct span body_bytes, struct view view, uint32_t step, size_t align)
{
    static struct trace want, got;

    want.count = want.len = 0;
    reference(body_bytes, view, &want);
    for (unsigned engine = 0; engine < ENGINES; engine++) {
        struct smtp_body body;
        size_t at = 0;
        bool more = true;
        got.count = got.len = 0;
        smtp_body_begin(&body, view.chunk, view.line_max);
        while (more && at < body_bytes.len) {
            size_t len = 1 + random_below(step);
            len = len < body_bytes.len - at ? len : body_bytes.len - at;
            unsigned char *room = aligned_alloc(64, (align + len + 63) / 64 * 64);
            /* At the end of its memory, so that a read beyond it is noticed. */
            unsigned char *piece = room + (align + len + 63) / 64 * 64 - len;
            memcpy(piece, body_bytes.ptr + at, len);
            more = scan_run(engine, &body, span_of(piece, len), at, &got);
            free(room);
            at += len;
        }
        trace_equal(&got, &want);
    }
}

static const uint32_t line_maxima[] = {0, 63, 64, 65, 78, 100, 998};
enum { LINE_MAXIMA = sizeof(line_maxima) / sizeof(line_maxima[0]) };

static struct view random_view(void)
{
    return (struct view){random_below(4) == 0, line_maxima[random_below(LINE_MAXIMA)]};
}

static void random_bodies_of_every_length(void **state)
{
    unsigned char bytes[201];

    random_state = 1;
    for (size_t len = 0; len <= 200; len++) {
        for (unsigned turn = 0; turn < 24; turn++) {
            if (turn % 2 == 0) {
                body_wild(bytes, len);
            } else {
                body_tame(bytes, len, 10 + random_below(100));
            }
            uint32_t step = turn % 3 == 0 ? 201 : turn % 3 == 1 ? 1 : 1 + random_below(90);
            body_check(span_of(bytes, len), random_view(), step, random_below(64));
        }
    }
}

static void random_bodies_at_every_alignment(void **state)
{
    unsigned char bytes[700];

    random_state = 2;
    for (size_t align = 0; align < 64; align++) {
        for (unsigned turn = 0; turn < 12; turn++) {
            size_t len = 64 + random_below(636);
            body_tame(bytes, len, 20 + random_below(1000));
            body_check(span_of(bytes, len), random_view(), 1 + random_below(700), align);
        }
    }
}

static void long_bodies(void **state)
{
    static unsigned char bytes[BODY_MAX];

    random_state = 3;
    for (unsigned turn = 0; turn < 200; turn++) {
        body_tame(bytes, sizeof(bytes), 200 + random_below(4000));
        body_check(span_of(bytes, sizeof(bytes)), random_view(), 1 + random_below(BODY_MAX), 0);
    }
}

/* Each event at each place of two blocks, in otherwise ordinary text. */
static void every_event_at_every_place(void **state)
{
    static const struct span events[] = {
        {(const unsigned char *)"\r", 1},         {(const unsigned char *)"\n", 1},
        {(const unsigned char *)"\0", 1},         {(const unsigned char *)"\r\n.\r\n", 5},
        {(const unsigned char *)"\n.\r\n", 4},    {(const unsigned char *)"\r\n.\n", 4},
        {(const unsigned char *)"\r\n..\r\n", 6}, {(const unsigned char *)"\r\r\n", 3}};
    unsigned char bytes[160];

    random_state = 4;
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        for (size_t at = 0; at + events[i].len <= 140; at++) {
            memset(bytes, 'a', sizeof(bytes));
            memcpy(bytes + at, events[i].ptr, events[i].len);
            body_check(span_of(bytes, sizeof(bytes)), (struct view){false, 998}, 160, 0);
            body_check(span_of(bytes, sizeof(bytes)), (struct view){true, 998}, 160, 0);
            body_check(span_of(bytes, sizeof(bytes)), (struct view){false, 78}, 70, 0);
        }
    }
}

/* Lines at each limit and one octet beside it, from each place in a block. */
static void lines_at_the_limit(void **state)
{
    static unsigned char bytes[BODY_MAX];

    random_state = 5;
    for (size_t m = 1; m < LINE_MAXIMA; m++) {
        for (int more = -1; more <= 1; more++) {
            for (size_t lead = 0; lead < 64; lead++) {
                size_t line = line_maxima[m] + (size_t)(more + 1) - 1, len = 0;
                memset(bytes, 'a', sizeof(bytes));
                len += lead;
                memcpy(bytes + len, "\r\n", 2);
                len += 2 + line;
                memcpy(bytes + len, "\r\n", 2);
                len += 2 + line;
                memcpy(bytes + len, "\r\nb", 3);
                len += 3;
                struct view view = {false, line_maxima[m]};
                body_check(span_of(bytes, len), view, BODY_MAX, 0);
                body_check(span_of(bytes, len), view, 1 + random_below(200), lead);
                static struct trace t;
                t.count = t.len = 0;
                reference(span_of(bytes, len), view, &t);
                assert_int_equal(t.count, more > 0 ? 2 : 0);
            }
        }
    }
}

/* Chunks: what comes of the CR at their ends. */
static void chunks_keep_their_size(void **state)
{
    struct smtp_body body;

    smtp_body_begin(&body, true, 998);
    struct smtp_body_scan scan = smtp_body_scan(&body, SPAN("a\r"));
    assert_int_equal(scan.event, SMTP_BODY_MORE);
    assert_int_equal(scan.clean, 1);
    assert_int_equal(scan.used, 2);
    scan = smtp_body_chunk_end(&body, false);
    assert_int_equal(scan.event, SMTP_BODY_MORE);
    assert_true(scan.carry);
    scan = smtp_body_chunk_end(&body, false); /* an empty chunk: it has gone out already */
    assert_false(scan.carry);
    scan = smtp_body_scan(&body, SPAN("\nb"));
    assert_int_equal(scan.event, SMTP_BODY_MORE);
    assert_false(scan.carry);
    assert_int_equal(scan.clean, 2);
    scan = smtp_body_chunk_end(&body, false); /* nothing is kept back */
    assert_false(scan.carry);
    scan = smtp_body_scan(&body, SPAN("\r"));
    assert_int_equal(scan.clean, 0);
    assert_true(smtp_body_chunk_end(&body, false).carry);
    scan = smtp_body_scan(&body, SPAN("x"));
    assert_int_equal(scan.event, SMTP_BODY_BARE_CR);
    assert_true(scan.sent);
    assert_int_equal(scan.used, 0);
    scan = smtp_body_scan(&body, SPAN("x\ry"));
    assert_int_equal(scan.event, SMTP_BODY_BARE_CR);
    assert_false(scan.sent);
    assert_int_equal(scan.clean, 1);
    assert_int_equal(scan.used, 2);
}

static void a_last_chunk_may_end_in_a_bare_cr(void **state)
{
    struct smtp_body body;

    smtp_body_begin(&body, true, 0);
    assert_int_equal(smtp_body_chunk_end(&body, true).event, SMTP_BODY_MORE);
    assert_int_equal(smtp_body_scan(&body, SPAN("a\r\n\r")).used, 4);
    struct smtp_body_scan scan = smtp_body_chunk_end(&body, true);
    assert_int_equal(scan.event, SMTP_BODY_BARE_CR);
    assert_false(scan.sent);
    assert_false(scan.carry);
    assert_true(smtp_body_chunk_end(&body, false).carry);
    scan = smtp_body_chunk_end(&body, true);
    assert_int_equal(scan.event, SMTP_BODY_BARE_CR);
    assert_true(scan.sent);
}

static void nothing_in_nothing_out(void **state)
{
    struct smtp_body body;

    smtp_body_begin(&body, false, 998);
    struct smtp_body_scan scan = smtp_body_scan(&body, span_of(NULL, 0));
    assert_int_equal(scan.event, SMTP_BODY_MORE);
    assert_int_equal(scan.used, 0);
    assert_int_equal(smtp_body_scan(&body, SPAN("\r")).used, 1);
    scan = smtp_body_scan(&body, span_of(NULL, 0));
    assert_false(scan.carry);
    scan = smtp_body_scan(&body, SPAN("\n"));
    assert_true(scan.carry);
    assert_int_equal(scan.clean, 1);
}

static void events_have_names(void **state)
{
    static const char *const names[] = {"none", "end-of-data", "bare-cr",  "bare-lf",
                                        "nul",  "lone-dot",    "long-line"};

    for (unsigned i = 0; i < SMTP_BODY_EVENTS; i++) {
        assert_string_equal(smtp_body_event_name((enum smtp_body_event)i), names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bodies_of_every_length),
        cmocka_unit_test(random_bodies_at_every_alignment),
        cmocka_unit_test(long_bodies),
        cmocka_unit_test(every_event_at_every_place),
        cmocka_unit_test(lines_at_the_limit),
        cmocka_unit_test(chunks_keep_their_size),
        cmocka_unit_test(a_last_chunk_may_end_in_a_bare_cr),
        cmocka_unit_test(nothing_in_nothing_out),
        cmocka_unit_test(events_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
