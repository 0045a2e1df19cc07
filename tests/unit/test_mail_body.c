/*
 * mail: lines that nobody looks at, passed 64 octets at a time: they count as if each octet had
 * been looked at. And the scanner when memory is out.
 */
#include "mail_trace.h"

/* A small generator of our own: the same numbers everywhere. */
static uint32_t dice(uint32_t *seed, uint32_t sides)
{
    *seed = *seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)*seed * sides >> 32);
}

/* What is counted of a body, an octet at a time. */
struct plain {
    uint64_t size, longest;
    uint32_t parts;
    bool eight_bit;
};

/* A line that begins with the boundary does: "--abcd". */
static bool is_delimiter(const unsigned char *line, size_t len)
{
    return len >= 5 && memcmp(line, "--abc", 5) == 0;
}

static struct plain count_plainly(struct span body, bool chunked)
{
    struct plain p = {0};

    for (size_t at = 0; at < body.len;) {
        size_t len = span_find(span_from(body, at), '\n');
        bool ended = at + len < body.len;
        struct span line = span_head(span_from(body, at), len);
        at += len + ended;
        if (line.len > 0 && line.ptr[0] == '.' && !chunked) {
            line = span_from(line, 1);
        }
        p.size += line.len + ended;
        for (size_t i = 0; i < line.len; i++) {
            p.eight_bit = p.eight_bit || line.ptr[i] > 127;
        }
        line.len -= line.len > 0 && line.ptr[line.len - 1] == '\r';
        p.parts += is_delimiter(line.ptr, line.len);
        p.longest = line.len > p.longest ? line.len : p.longest;
    }
    return p;
}

/* Lines of a body: what they are made of is drawn for each body anew. */
static size_t make_body(unsigned char *body, size_t size, uint32_t *seed)
{
    static const char *const starts[] = {"",  "",   "",     ".",     "..",
                                         "-", "--", "--ab", "--abc", "--abcd"};
    uint32_t longest = 1 + dice(seed, 3) * dice(seed, 100);
    uint32_t odd = dice(seed, 20);
    size_t len = 0;

    while (len + longest + 16 < size && dice(seed, 60) > 0) {
        const char *start = starts[dice(seed, odd < 10 ? 3 : 10)];
        memcpy(body + len, start, strlen(start));
        len += strlen(start);
        /* Behind "--abc" a header would begin: it ends at once. */
        bool delimiter = strcmp(start, "--abc") == 0;
        for (uint32_t n = delimiter ? 0 : dice(seed, longest + 1); n > 0; n--) {
            body[len++] =
                odd == 19 && dice(seed, 500) == 0 ? 0xe4 : (unsigned char)('a' + dice(seed, 26));
        }
        memcpy(body + len, "\r\n", 2);
        len += 2;
        if (odd % 4 == 1 && dice(seed, 3) == 0) {
            body[len - 2] = '\n';
            len--;
        } else if (odd % 4 == 2 && dice(seed, 3) == 0) {
            body[len - 1] = '\r';
        }
        if (delimiter) {
            memcpy(body + len, "\r\n", 2);
            len += 2;
        }
    }
    return len;
}

static void bodies_are_counted(void **state)
{
    static const char header[] = "Content-Type: multipart/mixed; boundary=abc\r\n\r\n";
    static unsigned char wire[20000];
    uint32_t seed = 1;
    uint64_t longest = 0, parts = 0, eight_bit = 0;
    size_t head = sizeof(header) - 1;

    memcpy(wire, header, head);
    for (unsigned round = 0; round < 4000; round++) {
        size_t len = make_body(wire + head, sizeof(wire) - head, &seed);
        struct trace t = {.chunked = round % 3 == 0};
        struct plain p = count_plainly(span_of(wire + head, len), t.chunked);
        size_t piece = round % 2 == 0 ? head + len : 1 + dice(&seed, 300);
        trace_scan(&t, span_of(wire, head + len), 1 + dice(&seed, 200), piece);
        assert_int_equal(t.counts.size, head + p.size);
        assert_int_equal(t.counts.body_line_max, p.longest);
        assert_int_equal(t.counts.eight_bit, p.eight_bit);
        assert_int_equal(t.counts.parts, p.parts);
        longest += p.longest;
        parts += p.parts;
        eight_bit += p.eight_bit;
        buf_free(&t.text);
    }
    /* The bodies had something in them. */
    assert_in_range(longest, 100000, 10000000);
    assert_in_range(parts, 1000, 10000000);
    assert_in_range(eight_bit, 10, 4000);
}

/* One line of `len` octets among shorter ones, at each place of a block. */
static void lines_are_measured_at_each_place(void **state)
{
    unsigned char wire[512];

    for (size_t before = 0; before < 70; before++) {
        for (size_t len = 1; len < 140; len += 3) {
            struct trace t = {0};
            size_t at = 2;
            memcpy(wire, "\r\n", 2);
            for (size_t i = 0; i < before; i++) {
                wire[at++] = '\n';
            }
            memset(wire + at, 'x', len);
            at += len;
            memcpy(wire + at, "\r\n", 2);
            at += 2;
            memset(wire + at, '\n', sizeof(wire) - at);
            trace_scan(&t, span_of(wire, sizeof(wire)), sizeof(wire), 1);
            assert_int_equal(t.counts.body_line_max, len);
            buf_free(&t.text);
        }
    }
}

static void one_octet_above_127_is_seen_at_each_place(void **state)
{
    unsigned char wire[300];

    for (size_t place = 2; place < sizeof(wire); place++) {
        struct trace t = {0};
        memset(wire, 'x', sizeof(wire));
        memcpy(wire, "\r\n", 2);
        wire[200] = '\n';
        trace_scan(&t, span_of(wire, sizeof(wire)), sizeof(wire), 1);
        assert_false(t.counts.eight_bit);
        wire[place] = 0x80;
        trace_scan(&t, span_of(wire, sizeof(wire)), sizeof(wire), 1);
        assert_true(t.counts.eight_bit);
        buf_free(&t.text);
    }
}

static void a_boundary_is_seen_at_each_place(void **state)
{
    for (size_t before = 0; before < 200; before++) {
        struct trace t = {.what = TRACE_ANOMALIES};
        struct buf wire = {0};
        assert_true(buf_append(&wire, SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n")));
        for (size_t i = 0; i < before; i++) {
            assert_true(buf_append(&wire, i % 7 == 6 ? SPAN("\n") : SPAN("x")));
        }
        assert_true(buf_append(&wire, SPAN("\r\n--b\r\n\r\n")));
        for (size_t i = 0; i < before; i++) {
            assert_true(buf_append(&wire, SPAN("y")));
        }
        assert_true(buf_append(&wire, SPAN("\r\n--b--\r\n")));
        for (size_t i = 0; i < 100; i++) {
            assert_true(buf_append(&wire, SPAN("zz\r\n")));
        }
        trace_scan(&t, buf_span(&wire), buf_len(&wire), 1);
        assert_int_equal(t.counts.parts, 1);
        assert_int_equal(t.counts.anomalies, 0);
        buf_free(&t.text);
        buf_free(&wire);
    }
}

/* Everything that asks for memory, in one message. */
static const char *const hungry =
    "Subject: x\r\n"
    "Content-Type: multipart/mixed; boundary=a\r\n\r\n"
    "--a\r\nContent-Type: multipart/mixed; boundary=b; name=x\r\n\r\n"
    "--b\r\nContent-Disposition: attachment; filename=y\r\n\r\n--bc\r\n--b--\r\n--a\r\n"
    "Content-Type: message/rfc822\r\nno field\r\n--a--\r\n";

static bool scan_hungrily(size_t fail_at)
{
    struct trace t = {0};

    mem_fail_at(fail_at);
    struct mail *mail = mail_new(false, trace_tell, &t);
    bool scanned = mail != NULL;
    for (const char *c = hungry; scanned && *c != '\0'; c++) {
        scanned = mail_scan(mail, span_of(c, 1));
    }
    if (mail != NULL && !scanned) {
        /* It says so ever after. */
        mem_fail_at(0);
        scanned = mail_scan(mail, SPAN("x\r\n"));
    }
    scanned = scanned && mail_end(mail);
    mem_fail_at(0);
    mail_free(&mail);
    buf_free(&t.text);
    return scanned;
}

static void memory_can_be_out(void **state)
{
    enum { REQUESTS = 5 }; /* the scanner, the line, the boundaries, a name each for two parts */

    assert_true(scan_hungrily(0));
    for (size_t n = 1; n <= REQUESTS; n++) {
        assert_false(scan_hungrily(n));
    }
    assert_true(scan_hungrily(REQUESTS + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_counted),
        cmocka_unit_test(lines_are_measured_at_each_place),
        cmocka_unit_test(one_octet_above_127_is_seen_at_each_place),
        cmocka_unit_test(a_boundary_is_seen_at_each_place),
        cmocka_unit_test(memory_can_be_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
