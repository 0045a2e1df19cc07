/*
 * mail: header fields, where headers end, and what is counted of the message's own.
 */
#include "mail_trace.h"

static struct mail_counts fields(const char *wire, const char *expected)
{
    return trace_span(span_str(wire), false, TRACE_FIELDS | TRACE_ANOMALIES, expected);
}

static void fields_are_told(void **state)
{
    struct mail_counts counts = fields("Received: a\r\nRECEIVED:b\r\nSubject:  spaced\t \r\nX:\r\n"
                                       "To: <a@b>\r\n\r\nSubject: body\r\n",
                                       "field Received: a\n"
                                       "field RECEIVED: b\n"
                                       "field Subject: spaced\n"
                                       "field X: \n"
                                       "field To: <a@b>\n"
                                       "header-end\n"
                                       "end\n");

    assert_int_equal(counts.fields, 5);
    assert_int_equal(counts.received, 2);
    assert_int_equal(counts.to_addresses, 1);
    assert_int_equal(counts.parts, 1);
    assert_int_equal(counts.header_size, 62);
    assert_int_equal(counts.header_line_max, 18);
    assert_int_equal(counts.header_field_max, 18);
    assert_int_equal(counts.body_line_max, 13);
    assert_int_equal(counts.size, 77);
    assert_int_equal(counts.anomalies, 0);
    assert_false(counts.eight_bit);
}

static void folded_fields_are_unfolded(void **state)
{
    struct mail_counts counts =
        fields("Subject: one\r\n two\r\n\tthree\r\nX: y\r\n \r\n z\r\nA:\r\n b\r\n"
               "\r\n",
               "field Subject: one two\\x09three\n"
               "field X: y  z\n"
               "field A: b\n"
               "header-end\n"
               "end\n");

    assert_int_equal(counts.fields, 3);
    assert_int_equal(counts.header_line_max, 12);
    assert_int_equal(counts.header_field_max, 22);
    assert_int_equal(counts.body_line_max, 0);
}

static void a_bare_lf_ends_a_line(void **state)
{
    struct mail_counts counts = fields("A: b\nC: d\n e\r\n\nbody\n", "field A: b\n"
                                                                     "field C: d e\n"
                                                                     "header-end\n"
                                                                     "end\n");

    assert_int_equal(counts.header_size, 15);
    assert_int_equal(counts.body_line_max, 4);
}

static void a_bare_cr_ends_none(void **state)
{
    struct mail_counts counts =
        fields("A: b\rC: d\r\r\n\r\nx\ry\r\r\n", "field A: b\\x0DC: d\\x0D\n"
                                                 "header-end\n"
                                                 "end\n");

    assert_int_equal(counts.header_line_max, 10);
    assert_int_equal(counts.body_line_max, 4);
}

static void any_octet_can_be_in_a_value(void **state)
{
    static const char wire[] = "A: \0\1\xff\r\n\r\n\0\r\n";
    struct mail_counts counts = trace_span(span_of(wire, sizeof(wire) - 1), false, TRACE_FIELDS,
                                           "field A: \\x00\\x01\\xFF\nheader-end\nend\n");

    assert_true(counts.eight_bit);
    assert_int_equal(counts.body_line_max, 1);
}

static void stuffed_dots_are_taken_off(void **state)
{
    const char *wire = "A: b\r\n..X: c\r\n.Y: d\r\n.\r\n.\r\n..\r\n...x\r\n";
    struct mail_counts counts = fields(wire, "field A: b\n"
                                             "field .X: c\n"
                                             "field Y: d\n"
                                             "header-end\n"
                                             "end\n");

    assert_int_equal(counts.header_size, 21);
    assert_int_equal(counts.body_line_max, 3);
    assert_int_equal(counts.size, 31);
    counts = trace_span(span_str(wire), true, TRACE_FIELDS | TRACE_ANOMALIES,
                        "field A: b\n"
                        "field ..X: c\n"
                        "field .Y: d\n"
                        "anomaly field-syntax\n"
                        "header-end\n"
                        "end\n");
    assert_int_equal(counts.body_line_max, 4);
    assert_int_equal(counts.size, 37);
}

static void a_blank_before_the_colon_is_obsolete(void **state)
{
    (void)fields("Subject : x\r\nTo \t:y\r\n\r\n", "field Subject: x\n"
                                                   "anomaly field-obsolete\n"
                                                   "field To: y\n"
                                                   "header-end\n"
                                                   "end\n");
}

static void a_line_that_is_no_field_ends_the_header(void **state)
{
    static const char *const lines[] = {"no colon",    ": no name", "two words: x",
                                        "\xc3\xa4: x", "x\x7f: y",  " folded at first"};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char wire[64];
        (void)snprintf(wire, sizeof(wire), "%s\r\nB: c\r\n\r\n", lines[i]);
        struct mail_counts at_once = fields(wire, "anomaly field-syntax\nheader-end\nend\n");
        assert_int_equal(at_once.header_size, 0);
        assert_int_equal(at_once.body_line_max, strlen(lines[i]));
        (void)snprintf(wire, sizeof(wire), "A: b\r\n\r\n%s\r\nB: c\r\n", lines[i]);
        (void)fields(wire, "field A: b\nheader-end\nend\n");
    }
    struct mail_counts counts = fields("A: b\r\nno field\r\nC: d\r\n\r\n", "field A: b\n"
                                                                           "anomaly field-syntax\n"
                                                                           "header-end\n"
                                                                           "end\n");
    assert_int_equal(counts.header_size, 6);
    assert_int_equal(counts.header_line_max, 4);
    assert_int_equal(counts.body_line_max, 8);
    (void)fields("A: b\r\nFrom a@b Mon\r\nC: d\r\n\r\n", "field A: b\n"
                                                         "anomaly field-syntax\n"
                                                         "header-end\n"
                                                         "end\n");
}

static void mboxs_from_may_come_first(void **state)
{
    struct mail_counts counts = fields("From a@b Mon Jan\r\nA: b\r\n\r\n", "anomaly field-syntax\n"
                                                                           "field A: b\n"
                                                                           "header-end\n"
                                                                           "end\n");

    assert_int_equal(counts.fields, 1);
    assert_int_equal(counts.header_size, 26);
    (void)fields(">From a@b Mon Jan\r\nA: b\r\n\r\n", "anomaly field-syntax\n"
                                                      "field A: b\n"
                                                      "header-end\n"
                                                      "end\n");
}

static void what_may_be_there_once_is(void **state)
{
    (void)fields("From: a\r\nX: b\r\nX: c\r\nReceived: d\r\nReceived: e\r\n\r\n",
                 "field From: a\n"
                 "field X: b\n"
                 "field X: c\n"
                 "field Received: d\n"
                 "field Received: e\n"
                 "header-end\n"
                 "end\n");
    (void)fields("From: a\r\nfrom: b\r\n\r\n", "field From: a\n"
                                               "field from: b\n"
                                               "anomaly field-twice\n"
                                               "header-end\n"
                                               "end\n");
}

static void a_header_may_never_end(void **state)
{
    struct mail_counts counts = fields("", "anomaly no-header-end\nheader-end\nend\n");

    assert_int_equal(counts.size, 0);
    assert_int_equal(counts.parts, 1);
    counts = fields("A: b\r\n c", "anomaly no-header-end\nfield A: b c\nheader-end\nend\n");
    assert_int_equal(counts.header_size, 8);
    assert_int_equal(counts.size, 8);
    counts = fields("A: b\r\nc", "field A: b\nanomaly field-syntax\nheader-end\nend\n");
    assert_int_equal(counts.header_size, 6);
    counts = fields("A: b\r\n\r", "field A: b\nheader-end\nend\n");
    assert_int_equal(counts.header_size, 7);
}

/* `count` addresses, whatever else the header says. */
static void addresses(const char *header, uint32_t count)
{
    struct trace t = {.what = 0};

    trace_scan(&t, span_str(header), 1, 1);
    assert_int_equal(t.counts.to_addresses, count);
    buf_free(&t.text);
}

static void addresses_are_counted(void **state)
{
    addresses("To: a@b\r\n\r\n", 1);
    addresses("To: a@b, c@d,\r\n e@f\r\nCc: g@h\r\nBcc: i@j\r\nX-To: k@l\r\n\r\n", 4);
    addresses("To: \"a, b\" <c@d>, (e, f) g@h, <@i,@j:k@l>\r\n\r\n", 3);
    addresses("To: \"a\\\", b\" <c@d>, (e\\), f) g@h\r\n\r\n", 2);
    addresses("To: undisclosed-recipients:;\r\n\r\n", 0);
    addresses("To: group: a@b, c@d;, e@f\r\n\r\n", 3);
    addresses("To:\r\n\r\n", 0);
    addresses("To: ,, ,\r\n\r\n", 0);
    /* What is never closed hides nothing. */
    addresses("To: \"a, b@c, d@e\r\n\r\n", 3);
    addresses("To: (a, b@c, d@e\r\n\r\n", 3);
    addresses("To: <a, b@c, d@e\r\n\r\n", 3);
    /* Only the message's own header counts. */
    addresses("Content-Type: message/rfc822\r\n\r\nTo: a@b, c@d\r\n\r\n", 0);
}

/* A field of `len` octets in all: "NAME:" and `unit` again and again. */
static char *long_field(const char *name, const char *unit, size_t len)
{
    char *field = malloc(len + 32);

    assert_non_null(field);
    size_t at = (size_t)snprintf(field, len, "%s:", name);
    for (size_t i = 0; at < len; i++, at++) {
        field[at] = unit[i % strlen(unit)];
    }
    memcpy(field + at, "\r\nZ: z\r\n\r\n", 11);
    return field;
}

static void long_fields_are_cut(void **state)
{
    static const size_t lens[] = {MAIL_FIELD_MAX - 1, MAIL_FIELD_MAX, 3 * MAIL_FIELD_MAX};

    for (unsigned i = 0; i < 3; i++) {
        for (size_t piece = 1; piece < 4 * MAIL_FIELD_MAX; piece *= 7) {
            char *field = long_field("X", "y", lens[i]);
            struct trace t = {.what = TRACE_FIELDS};
            trace_scan(&t, span_str(field), piece, piece);
            /* "field X: " and the octets behind the colon; " field Z: z", "header-end", "end" */
            assert_int_equal(buf_len(&t.text), 9 + MAIL_FIELD_MAX - (i == 0) - 2 + 1 + 11 + 11 + 4);
            assert_int_equal((t.counts.anomalies >> MAIL_ANOMALY_FIELD_LONG) & 1, i > 0);
            assert_int_equal(t.counts.header_field_max, lens[i]);
            assert_int_equal(t.counts.header_line_max, lens[i]);
            assert_int_equal(t.counts.fields, 2);
            buf_free(&t.text);
            free(field);
        }
    }
}

static void addresses_of_long_fields_are_counted(void **state)
{
    char *field = long_field("Cc", "a@b, ", 5 * 20000 + 3);

    addresses(field, 20000);
    free(field);
    field = long_field("Cc", "\"@b, ", 5 * 20001 + 3);
    addresses(field,
              20002); /* a quote is open at the end: every comma, and what follows the last */
    free(field);
}

static void a_line_too_long_for_a_name_is_no_field(void **state)
{
    char *field = long_field("X", "y", 2 * MAIL_FIELD_MAX);
    struct trace t = {.what = TRACE_FIELDS | TRACE_ANOMALIES};

    field[1] = 'y';
    trace_scan(&t, span_str(field), 1000, 1000);
    assert_true(buf_append(&t.text, span_of("", 1)));
    assert_string_equal((const char *)buf_span(&t.text).ptr,
                        "anomaly field-syntax\nheader-end\nend\n");
    assert_int_equal(t.counts.body_line_max, 2 * MAIL_FIELD_MAX);
    buf_free(&t.text);
    free(field);
}

static void each_anomaly_has_a_name(void **state)
{
    for (unsigned i = 0; i < MAIL_ANOMALIES; i++) {
        assert_non_null(mail_anomaly_name((enum mail_anomaly)i));
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(mail_anomaly_name((enum mail_anomaly)i),
                                    mail_anomaly_name((enum mail_anomaly)j));
        }
    }
    assert_string_equal(mail_encoding_name(MAIL_ENCODING_QUOTED_PRINTABLE), "quoted-printable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_told),
        cmocka_unit_test(folded_fields_are_unfolded),
        cmocka_unit_test(a_bare_lf_ends_a_line),
        cmocka_unit_test(a_bare_cr_ends_none),
        cmocka_unit_test(any_octet_can_be_in_a_value),
        cmocka_unit_test(stuffed_dots_are_taken_off),
        cmocka_unit_test(a_blank_before_the_colon_is_obsolete),
        cmocka_unit_test(a_line_that_is_no_field_ends_the_header),
        cmocka_unit_test(mboxs_from_may_come_first),
        cmocka_unit_test(what_may_be_there_once_is),
        cmocka_unit_test(a_header_may_never_end),
        cmocka_unit_test(addresses_are_counted),
        cmocka_unit_test(long_fields_are_cut),
        cmocka_unit_test(addresses_of_long_fields_are_counted),
        cmocka_unit_test(a_line_too_long_for_a_name_is_no_field),
        cmocka_unit_test(each_anomaly_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
