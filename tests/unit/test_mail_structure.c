/*
 * mail: parts, boundaries and nesting, and each way in which they can be wrong.
 */
#include "mail_trace.h"

#define MIXED(boundary) "Content-Type: multipart/mixed; boundary=" boundary "\r\n"
#define TEXT            "Content-Type: text/html\r\n\r\n"

static void a_plain_message_is_one_part(void **state)
{
    struct mail_counts counts =
        trace("Subject: x\r\n\r\n--a\r\n\r\n--a--\r\n", "part 0 text/plain 7bit\n"
                                                        "end\n");

    assert_int_equal(counts.parts, 1);
    assert_int_equal(counts.depth, 0);
    assert_int_equal(counts.attachments, 0);
    (void)trace("content-type: IMAGE/Png\r\ncontent-transfer-encoding: BASE64 (yes)\r\n\r\n",
                "part 0 image/png base64\nend\n");
}

static void a_multipart_has_parts(void **state)
{
    struct mail_counts counts =
        trace(MIXED("a") "\r\npreamble\r\n-- a\r\n--a\r\n" TEXT "1\r\n--a\r\n\r\n2\r\n"
                         "--a \t\r\n"
                         "Content-Type: image/gif\r\n"
                         "Content-Disposition: attachment\r\n"
                         "Content-Transfer-Encoding: base64\r\n\r\n3\r\n"
                         "--a-- \r\nepilogue\r\n",
              "part 0 multipart/mixed 7bit\n"
              "part 1 text/html 7bit\n"
              "part 1 text/plain 7bit\n"
              "part 1 image/gif base64 attachment\n"
              "end\n");

    assert_int_equal(counts.parts, 3);
    assert_int_equal(counts.attachments, 1);
    assert_int_equal(counts.depth, 1);
    assert_int_equal(counts.body_line_max, 33);
    assert_int_equal(counts.anomalies, 0);
}

static void part_fields_are_told_apart(void **state)
{
    static const char wire[] =
        MIXED("a") "\r\n--a\r\nX: y\r\n z\r\n\r\nText: no field\r\n--a--\r\n";

    (void)trace_span(span_str(wire), false, TRACE_FIELDS | TRACE_PART_FIELDS,
                     "field Content-Type: multipart/mixed; boundary=a\n"
                     "header-end\n"
                     "part-field X: y z\n"
                     "end\n");
}

static void multiparts_nest(void **state)
{
    struct mail_counts counts =
        trace(MIXED("a") "\r\n--a\r\n" MIXED("b") "\r\n--b\r\n" TEXT "--b\r\n" TEXT
                                                  "--b--\r\n--a\r\n" TEXT "--a--\r\n",
              "part 0 multipart/mixed 7bit\n"
              "part 1 multipart/mixed 7bit\n"
              "part 2 text/html 7bit\n"
              "part 2 text/html 7bit\n"
              "part 1 text/html 7bit\n"
              "end\n");

    assert_int_equal(counts.depth, 2);
    assert_int_equal(counts.parts, 3);
}

static void messages_nest(void **state)
{
    struct mail_counts counts = trace(
        MIXED("a") "\r\n--a\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; "
                   "filename=m.eml\r\n\r\nFrom x Mon\r\nSubject: in\r\n" MIXED(
                       "b") "\r\n--b\r\n" TEXT "--b--\r\n--a\r\n" TEXT "--a--\r\n",
        "part 0 multipart/mixed 7bit\n"
        "part 1 message/rfc822 7bit attachment <m.eml>\n"
        "anomaly field-syntax\n" /* mbox's From */
        "part 2 multipart/mixed 7bit\n"
        "part 3 text/html 7bit\n"
        "part 1 text/html 7bit\n"
        "end\n");

    assert_int_equal(counts.parts, 2);
    assert_int_equal(counts.attachments, 1);
    assert_int_equal(counts.depth, 3);
    assert_int_equal(counts.fields, 1);
    (void)trace(
        "Content-Type: message/global\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        "Content-Type: message/news\r\n\r\n" TEXT,
        "part 0 message/global quoted-printable\n"
        "part 1 message/news 7bit\n"
        "part 2 text/html 7bit\n"
        "end\n");
    (void)trace("Content-Type: message/delivery-status\r\n\r\n" TEXT,
                "part 0 message/delivery-status 7bit\nend\n");
}

static void a_digest_is_of_messages(void **state)
{
    (void)trace("Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\n" TEXT "--a\r\n" TEXT
                "--a--\r\n",
                "part 0 multipart/digest 7bit\n"
                "part 1 message/rfc822 7bit\n"
                "part 2 text/html 7bit\n"
                "part 1 text/html 7bit\n"
                "end\n");
}

static void stuffed_dots_do_not_hide_boundaries(void **state)
{
    static const char wire[] =
        MIXED("a") "\r\n.--a\r\n.Content-Type: text/html\r\n\r\n..--a\r\n.--a--\r\n";

    (void)trace(wire, "part 0 multipart/mixed 7bit\npart 1 text/html 7bit\nend\n");
    (void)trace_span(span_str(wire), true, TRACE_PARTS | TRACE_ANOMALIES,
                     "part 0 multipart/mixed 7bit\nanomaly boundary-missing\nend\n");
}

static void a_bare_lf_ends_a_boundary(void **state)
{
    (void)trace("Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\n",
                "part 0 multipart/mixed 7bit\npart 1 text/plain 7bit\nend\n");
}

static void a_boundary_stands_alone(void **state)
{
    (void)trace(
        MIXED("ab") "\r\n --ab\r\nx--ab\r\n-ab\r\n--a\r\n--b\r\n--AB\r\n--ab\r\n\r\n--ab--\r\n",
        "part 0 multipart/mixed 7bit\npart 1 text/plain 7bit\nend\n");
    (void)trace(MIXED("ab") "\r\n--ab\r\n\r\nx\r\n--ab--", /* no line end at all */
                "part 0 multipart/mixed 7bit\npart 1 text/plain 7bit\nend\n");
}

static void multiparts_without_boundary_are_leaves(void **state)
{
    struct mail_counts counts =
        trace("Content-Type: multipart/mixed\r\n\r\n--a\r\n\r\n",
              "anomaly boundary-missing\npart 0 multipart/mixed 7bit\nend\n");

    assert_int_equal(counts.parts, 1);
    (void)trace(MIXED("a") "\r\ntext\r\n",
                "part 0 multipart/mixed 7bit\nanomaly boundary-missing\nend\n");
    (void)trace(MIXED("a"), "anomaly no-header-end\n"
                            "part 0 multipart/mixed 7bit\n"
                            "anomaly boundary-missing\n"
                            "end\n");
    /* Not of a type that needs one. */
    (void)trace("Content-Type: text/plain; boundary=a\r\n\r\n--a\r\n\r\n",
                "part 0 text/plain 7bit\nend\n");
}

/* Scan a message whose boundary is declared as `declared` and used as `used`. */
static void boundary(const char *declared, const char *used, const char *expected)
{
    char wire[1024], trace_of[256];

    (void)snprintf(wire, sizeof(wire), MIXED("%s") "\r\n--%s\r\n\r\n--%s--\r\n", declared, used,
                   used);
    (void)snprintf(trace_of, sizeof(trace_of),
                   "%spart 0 multipart/mixed 7bit\npart 1 text/plain 7bit\nend\n", expected);
    (void)trace(wire, trace_of);
}

static void boundaries_have_a_syntax(void **state)
{
    static const char *const good[][2] = {
        {"\"0'()+_,-./:=? z\"", "0'()+_,-./:=? z"},
        {"\"1234567890123456789012345678901234567890123456789012345678901234567890\"",
         "1234567890123456789012345678901234567890123456789012345678901234567890"},
        {"abc (a comment)", "abc"},
    };

    for (unsigned i = 0; i < 3; i++) {
        boundary(good[i][0], good[i][1], "");
    }
    boundary("\"\"", "", "anomaly boundary-syntax\n");
    boundary("\"a\\\"b\"", "a\"b", "anomaly boundary-syntax\n");
    boundary("\"a \"", "a", "anomaly boundary-syntax\n");
    boundary("\"a\tb\"", "a\tb", "anomaly boundary-syntax\n");
    boundary("\"\xc3\xa4\"", "\xc3\xa4", "anomaly boundary-syntax\n");
    boundary("\"12345678901234567890123456789012345678901234567890123456789012345678901\"",
             "12345678901234567890123456789012345678901234567890123456789012345678901",
             "anomaly boundary-syntax\n");
    /* Unquoted, it may not have all of these; it is taken nevertheless. */
    boundary("a=b", "a=b", "anomaly parameter\n");
    boundary("a b", "a b", "anomaly parameter\n");
}

static void a_boundary_can_be_too_long(void **state)
{
    char text[MAIL_BOUNDARY_MAX + 2];
    char wire[1024];

    memset(text, 'x', sizeof(text));
    text[MAIL_BOUNDARY_MAX] = '\0';
    boundary(text, text, "anomaly boundary-syntax\n");
    text[MAIL_BOUNDARY_MAX] = 'x';
    text[MAIL_BOUNDARY_MAX + 1] = '\0';
    (void)snprintf(wire, sizeof(wire), MIXED("%s") "\r\n--%s\r\n\r\n--%s--\r\n", text, text, text);
    (void)trace(wire, "anomaly boundary-syntax\npart 0 multipart/mixed 7bit\nend\n");
}

/* The longest boundary with the most that may follow it, and one octet of what may not. */
static void padding_can_be_long(void **state)
{
    char text[MAIL_BOUNDARY_MAX + 1], blanks[301];
    char wire[2048];

    memset(text, 'x', MAIL_BOUNDARY_MAX);
    text[MAIL_BOUNDARY_MAX] = '\0';
    memset(blanks, ' ', 300);
    blanks[300] = '\0';
    (void)snprintf(
        wire, sizeof(wire),
        "Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s%s\r\n\r\n--%s--%s\r\nx\r\n", text,
        text, blanks, text, blanks);
    (void)trace(wire, "anomaly boundary-syntax\n"
                      "part 0 multipart/mixed 7bit\n"
                      "part 1 text/plain 7bit\n"
                      "end\n");
    (void)snprintf(
        wire, sizeof(wire),
        "Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s%s.\r\n\r\n--%s--%s\r\r\nx\r\n",
        text, text, blanks, text, blanks);
    (void)trace(wire, "anomaly boundary-syntax\n"
                      "part 0 multipart/mixed 7bit\n"
                      "anomaly boundary-prefix\n"
                      "part 1 text/plain 7bit\n"
                      "end\n");
}

static void a_multipart_may_never_be_closed(void **state)
{
    (void)trace(MIXED("a") "\r\n--a\r\n" TEXT "x\r\n", "part 0 multipart/mixed 7bit\n"
                                                       "part 1 text/html 7bit\n"
                                                       "anomaly boundary-open\n"
                                                       "end\n");
    (void)trace(MIXED("a") "\r\n--a\r\n" MIXED("b") "\r\n--b\r\n" TEXT "x\r\n--a\r\n" TEXT
                                                    "--b\r\n--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "part 1 multipart/mixed 7bit\n"
                "part 2 text/html 7bit\n"
                "anomaly boundary-open\n"
                "part 1 text/html 7bit\n"
                "end\n");
    (void)trace(MIXED("a") "\r\n--a\r\n" MIXED("b") "\r\nx\r\n--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "part 1 multipart/mixed 7bit\n"
                "anomaly boundary-missing\n"
                "end\n");
}

static void a_boundary_may_come_again(void **state)
{
    (void)trace(MIXED("a") "\r\n--a\r\n\r\n--a--\r\nx\r\n--a\r\n" TEXT "--a--\r\n--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "part 1 text/plain 7bit\n"
                "anomaly boundary-again\n"
                "part 1 text/html 7bit\n"
                "end\n");
}

static void a_boundary_may_begin_another(void **state)
{
    /* The outer one begins the inner one. */
    (void)trace(MIXED("a") "\r\n--a\r\n" MIXED("ab") "\r\n--ab\r\n" TEXT "--ab--\r\n--a\r\n" TEXT
                                                     "--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "anomaly boundary-prefix\n"
                "part 1 multipart/mixed 7bit\n"
                "part 2 text/html 7bit\n"
                "part 1 text/html 7bit\n"
                "end\n");
    /* The other way round. */
    (void)trace(MIXED("ab") "\r\n--ab\r\n" MIXED("a") "\r\n--a\r\n" TEXT "--a--\r\n--ab\r\n" TEXT
                                                      "--ab--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "anomaly boundary-prefix\n"
                "part 1 multipart/mixed 7bit\n"
                "part 2 text/html 7bit\n"
                "part 1 text/html 7bit\n"
                "end\n");
    /* The same: what follows the inner end is the outer's. */
    (void)trace(MIXED("a") "\r\n--a\r\n" MIXED("a") "\r\n--a\r\n" TEXT "--a--\r\n--a\r\n" TEXT
                                                    "--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "anomaly boundary-prefix\n"
                "part 1 multipart/mixed 7bit\n"
                "part 2 text/html 7bit\n"
                "part 1 text/html 7bit\n"
                "end\n");
    /* "a--" closes "a" for one reader and begins a part of "a--" for another: the inner decides. */
    (void)trace(MIXED("a") "\r\n--a\r\n" MIXED("a--") "\r\n--a--\r\n" TEXT "--a----\r\n--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "anomaly boundary-prefix\n"
                "part 1 multipart/mixed 7bit\n"
                "part 2 text/html 7bit\n"
                "end\n");
}

static void a_line_may_begin_with_a_boundary(void **state)
{
    (void)trace(MIXED("a") "\r\n--a\r\n\r\n--abc\r\n" TEXT "--a--x\r\n",
                "part 0 multipart/mixed 7bit\n"
                "part 1 text/plain 7bit\n"
                "anomaly boundary-prefix\n"
                "part 1 text/html 7bit\n"
                "end\n");
    /* The outer one hides no part of the inner one. */
    (void)trace(MIXED("a") "\r\n--a\r\n" MIXED("b") "\r\n--ac\r\n--b\r\n" TEXT "--b--\r\n--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "part 1 multipart/mixed 7bit\n"
                "anomaly boundary-prefix\n"
                "part 2 text/html 7bit\n"
                "end\n");
    /* Behind the end it has to be whole. */
    (void)trace(MIXED("a") "\r\n--a\r\n\r\n--a--\r\n--ab\r\n" TEXT, "part 0 multipart/mixed 7bit\n"
                                                                    "part 1 text/plain 7bit\n"
                                                                    "anomaly boundary-prefix\n"
                                                                    "end\n");
}

static void a_boundary_may_cut_a_header(void **state)
{
    (void)trace(MIXED("a") "\r\n--a\r\nContent-Type: text/html\r\n--a\r\n--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "anomaly no-header-end\n"
                "part 1 text/html 7bit\n"
                "part 1 text/plain 7bit\n"
                "end\n");
    /* Of a message within. */
    (void)trace(MIXED("a") "\r\n--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "part 1 message/rfc822 7bit\n"
                "anomaly no-header-end\n"
                "part 2 text/plain 7bit\n"
                "end\n");
    (void)trace(MIXED("a") "\r\n--a\r\nContent-Type: message/rfc822\r\n--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "anomaly no-header-end\n"
                "part 1 message/rfc822 7bit\n"
                "end\n");
    /* Its own, where the empty line is missing. */
    (void)trace(MIXED("a") "--a\r\n" TEXT "--a--\r\n", "anomaly field-syntax\n"
                                                       "part 0 multipart/mixed 7bit\n"
                                                       "part 1 text/html 7bit\n"
                                                       "end\n");
    /* One that looks like a field. */
    (void)trace(MIXED("\"a:b\"") "\r\n--a:b\r\nX: y\r\n--a:b--\r\n", "part 0 multipart/mixed 7bit\n"
                                                                     "anomaly no-header-end\n"
                                                                     "part 1 text/plain 7bit\n"
                                                                     "end\n");
}

static void a_part_may_begin_without_header(void **state)
{
    (void)trace(MIXED("a") "\r\n--a\r\nno header here\r\n--a\r\n" TEXT "--a--\r\n",
                "part 0 multipart/mixed 7bit\n"
                "anomaly field-syntax\n"
                "part 1 text/plain 7bit\n"
                "part 1 text/html 7bit\n"
                "end\n");
    (void)trace("Content-Type: message/rfc822\r\nno field\r\n\r\n", "anomaly field-syntax\n"
                                                                    "part 0 message/rfc822 7bit\n"
                                                                    "part 1 text/plain 7bit\n"
                                                                    "end\n");
}

static void encodings_are_judged(void **state)
{
    static const char *const bad[] = {"x-uuencode", "7 bit",        "base64;",
                                      "",           "base64, 7bit", "\"base64\""};
    char wire[128], expected[128];

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(wire, sizeof(wire), "Content-Transfer-Encoding: %s\r\n\r\n", bad[i]);
        (void)snprintf(expected, sizeof(expected), "anomaly encoding\npart 0 text/plain %s\nend\n",
                       strncmp(bad[i], "base64", 6) == 0 ? "base64" : "other");
        (void)trace(wire, expected);
    }
    for (enum mail_encoding i = 0; i < MAIL_ENCODING_OTHER; i++) {
        (void)snprintf(wire, sizeof(wire), "Content-Transfer-Encoding: (x) %s (y)\r\n\r\n",
                       mail_encoding_name(i));
        (void)snprintf(expected, sizeof(expected), "part 0 text/plain %s\nend\n",
                       mail_encoding_name(i));
        (void)trace(wire, expected);
        /* Those that are no coding do for a multipart. */
        (void)snprintf(wire, sizeof(wire),
                       MIXED("a") "Content-Transfer-Encoding: %s\r\n\r\n--a--\r\n",
                       mail_encoding_name(i));
        (void)snprintf(expected, sizeof(expected), "%spart 0 multipart/mixed %s\nend\n",
                       i <= MAIL_ENCODING_BINARY ? "" : "anomaly encoding\n",
                       mail_encoding_name(i));
        (void)trace(wire, expected);
    }
    /* A message within that is encoded cannot be followed. */
    (void)trace("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" TEXT,
                "anomaly encoding\npart 0 message/rfc822 base64\nend\n");
    (void)trace("Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n" TEXT,
                "part 0 message/global base64\nend\n");
}

static void the_first_of_two_fields_counts(void **state)
{
    (void)trace("Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 8bit\r\n" MIXED(
                    "a") MIXED("b") "\r\n--b\r\n\r\n--a\r\n" TEXT "--a--\r\n",
                "anomaly field-twice\n"
                "anomaly encoding\n" /* for a multipart */
                "part 0 multipart/mixed base64\n"
                "part 1 text/html 7bit\n"
                "end\n");
    (void)trace(
        "Content-Type: text/html; name=a\r\nContent-Type: image/png; name=b\r\n"
        "Content-Disposition: inline; filename=c\r\nContent-Disposition: attachment\r\n\r\n",
        "anomaly field-twice\n"
        "part 0 text/html 7bit attachment <c>\n"
        "name a\n"
        "name b\n"
        "anomaly names\n"
        "end\n");
}

static void types_are_judged(void **state)
{
    static const char *const bad[] = {"text",
                                      "text/",
                                      "/plain",
                                      "",
                                      "text/plain charset=x",
                                      ";",
                                      "\"text/html\"",
                                      "text/html, image/png",
                                      "(text/html",
                                      "text//x"};
    char wire[512];

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(wire, sizeof(wire), "Content-Type: %s\r\n\r\n", bad[i]);
        (void)trace(wire, strstr(bad[i], "text/html") != NULL && bad[i][0] != '"'
                              ? "anomaly parameter\npart 0 text/html 7bit\nend\n"
                              : "anomaly parameter\npart 0 text/plain 7bit\nend\n");
    }
    (void)trace(
        "Content-Type: (a (b) \\) c) Text (d) / (e) HTML (f) ; (g) charset = (h) x (i)\r\n\r\n",
        "part 0 text/html 7bit\nend\n");
    (void)trace("Content-Type: text/html;\r\n\r\n", "part 0 text/html 7bit\nend\n");
    /* Parameters count where their semicolon is missing. */
    (void)trace("Content-Type: multipart/mixed boundary=a\r\n\r\n--a\r\n" TEXT "--a--\r\n",
                "anomaly parameter\n"
                "part 0 multipart/mixed 7bit\n"
                "part 1 text/html 7bit\n"
                "end\n");
    memset(wire, 0, sizeof(wire));
    (void)snprintf(wire, sizeof(wire), "Content-Type: x/%0254d\r\n\r\n", 0);
    (void)trace(wire, "anomaly parameter\npart 0 text/plain 7bit\nend\n");
}

static void boundaries_in_pieces_are_joined(void **state)
{
    (void)trace("Content-Type: multipart/mixed; boundary*1=b; boundary*0=a\r\n\r\n--ab\r\n" TEXT
                "--ab--\r\n",
                "part 0 multipart/mixed 7bit\npart 1 text/html 7bit\nend\n");
    (void)trace("Content-Type: multipart/mixed; boundary*=us-ascii''a%62\r\n\r\n--ab\r\n" TEXT
                "--ab--\r\n",
                "part 0 multipart/mixed 7bit\npart 1 text/html 7bit\nend\n");
    (void)trace("Content-Type: multipart/mixed; boundary*0=c; boundary=ab\r\n\r\n--ab\r\n" TEXT
                "--ab--\r\n",
                "anomaly parameter\npart 0 multipart/mixed 7bit\npart 1 text/html 7bit\nend\n");
    (void)trace("Content-Type: multipart/mixed; boundary=ab; boundary=c\r\n\r\n--ab\r\n" TEXT
                "--ab--\r\n",
                "anomaly parameter\npart 0 multipart/mixed 7bit\npart 1 text/html 7bit\nend\n");
}

static void what_cannot_be_closed_is_none(void **state)
{
    /* A "(" without its ")" hides no parameter, and quotes end with the field. */
    (void)trace("Content-Type: multipart/mixed (x; boundary=a\r\n\r\n--a\r\n" TEXT "--a--\r\n",
                "anomaly parameter\npart 0 multipart/mixed 7bit\npart 1 text/html 7bit\nend\n");
    (void)trace("Content-Type: multipart/mixed; boundary=\"a\r\n\r\n--a\r\n" TEXT "--a--\r\n",
                "anomaly parameter\npart 0 multipart/mixed 7bit\npart 1 text/html 7bit\nend\n");
}

static void nesting_is_bounded(void **state)
{
    struct trace t = {.what = TRACE_ANOMALIES};
    struct buf wire = {0};

    for (unsigned i = 0; i < MAIL_DEPTH_MAX + 3; i++) {
        assert_true(buf_printf(&wire, MIXED("\"b%02u\"") "\r\n--b%02u\r\n", i, i));
    }
    assert_true(buf_append(&wire, SPAN("Content-Type: text/html\r\n\r\n")));
    trace_scan(&t, buf_span(&wire), 7, 7);
    assert_true(buf_append(&t.text, span_of("", 1)));
    assert_string_equal((const char *)buf_span(&t.text).ptr,
                        "anomaly depth\nanomaly boundary-open\nend\n");
    assert_int_equal(t.counts.depth, MAIL_DEPTH_MAX);
    assert_int_equal(t.counts.parts, 1);
    buf_free(&t.text);
    buf_free(&wire);
}

static void messages_within_are_bounded(void **state)
{
    struct trace t = {.what = TRACE_ANOMALIES};
    struct buf wire = {0};

    for (unsigned i = 0; i < MAIL_DEPTH_MAX + 3; i++) {
        assert_true(buf_append(&wire, SPAN("Content-Type: message/rfc822\r\n\r\n")));
    }
    trace_scan(&t, buf_span(&wire), 7, 7);
    assert_true(buf_append(&t.text, span_of("", 1)));
    assert_string_equal((const char *)buf_span(&t.text).ptr, "anomaly depth\nend\n");
    assert_int_equal(t.counts.depth, MAIL_DEPTH_MAX);
    assert_int_equal(t.counts.parts, 1);
    buf_free(&t.text);
    buf_free(&wire);
}

static void parts_are_bounded(void **state)
{
    struct trace t = {.what = TRACE_PARTS | TRACE_PART_FIELDS | TRACE_ANOMALIES};
    struct buf wire = {0};
    size_t lines = 0;

    assert_true(buf_append(&wire, SPAN(MIXED("a") "\r\n")));
    for (unsigned i = 0; i < MAIL_PARTS_MAX + 10; i++) {
        assert_true(buf_append(&wire, SPAN("--a\r\nX: y\r\n\r\n")));
    }
    assert_true(buf_append(&wire, SPAN("--a--\r\n")));
    trace_scan(&t, buf_span(&wire), 1000, 1000);
    for (struct span rest = buf_span(&t.text); rest.len > 0; lines++) {
        rest = span_from(rest, span_find(rest, '\n') + 1);
    }
    /* Each part but the first has its field; the anomaly, and the end. */
    assert_int_equal(lines, 1 + 2 * (MAIL_PARTS_MAX - 1) + 2);
    assert_int_equal(t.counts.parts, MAIL_PARTS_MAX + 10);
    assert_int_equal(t.counts.anomalies, 1U << MAIL_ANOMALY_PARTS);
    buf_free(&t.text);
    buf_free(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_message_is_one_part),
        cmocka_unit_test(a_multipart_has_parts),
        cmocka_unit_test(part_fields_are_told_apart),
        cmocka_unit_test(multiparts_nest),
        cmocka_unit_test(messages_nest),
        cmocka_unit_test(a_digest_is_of_messages),
        cmocka_unit_test(stuffed_dots_do_not_hide_boundaries),
        cmocka_unit_test(a_bare_lf_ends_a_boundary),
        cmocka_unit_test(a_boundary_stands_alone),
        cmocka_unit_test(multiparts_without_boundary_are_leaves),
        cmocka_unit_test(boundaries_have_a_syntax),
        cmocka_unit_test(a_boundary_can_be_too_long),
        cmocka_unit_test(padding_can_be_long),
        cmocka_unit_test(a_multipart_may_never_be_closed),
        cmocka_unit_test(a_boundary_may_come_again),
        cmocka_unit_test(a_boundary_may_begin_another),
        cmocka_unit_test(a_line_may_begin_with_a_boundary),
        cmocka_unit_test(a_boundary_may_cut_a_header),
        cmocka_unit_test(a_part_may_begin_without_header),
        cmocka_unit_test(encodings_are_judged),
        cmocka_unit_test(the_first_of_two_fields_counts),
        cmocka_unit_test(types_are_judged),
        cmocka_unit_test(boundaries_in_pieces_are_joined),
        cmocka_unit_test(what_cannot_be_closed_is_none),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(messages_within_are_bounded),
        cmocka_unit_test(parts_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
