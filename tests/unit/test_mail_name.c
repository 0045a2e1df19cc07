/*
 * mail: attachment names, in each of the forms that mailers give them (RFC 2183, RFC 2231,
 * RFC 2047), and malformed.
 */
#include "mail_trace.h"

/* Is the part's name `name` when the two fields say this? `rest`: what is told beside. */
static void named(const char *type, const char *disposition, const char *name, const char *rest)
{
    char wire[8192], expected[2048];

    (void)snprintf(wire, sizeof(wire), "Content-Type: %s\r\nContent-Disposition: %s\r\n\r\n", type,
                   disposition);
    /* Anomalies of the fields come before the part, other names behind it. */
    const char *before = strncmp(rest, "anomaly ", 8) == 0 ? rest : "";
    const char *behind = before == rest ? "" : rest;
    (void)snprintf(expected, sizeof(expected), "%spart 0 text/x 7bit attachment%s%s%s\n%send\n",
                   before, name[0] != '\0' ? " <" : "", name, name[0] != '\0' ? ">" : "", behind);
    (void)trace(wire, expected);
}

static void filename(const char *parameters, const char *name, const char *rest)
{
    char disposition[4096];

    (void)snprintf(disposition, sizeof(disposition), "attachment; %s", parameters);
    named("text/x", disposition, name, rest);
}

static void plain_names_are_told(void **state)
{
    filename("filename=a.txt", "a.txt", "");
    filename("filename=\"a b.txt\"", "a b.txt", "");
    filename("FileName = \"a.txt\" ; size=3", "a.txt", "");
    filename("size=3;; filename=a.txt;", "a.txt", "");
    filename("filename=\"a\\\"b\\\\c.txt\"", "a\"b\\\\c.txt", "");
    filename("filename=\"C:\\temp\\x.exe\"", "C:\\\\temp\\\\x.exe", "");
    filename("filename=\"../a/b;c=d.txt\"", "../a/b;c=d.txt", "");
    filename("filename=\"\xc3\xa4.txt\"", "\xc3\xa4.txt", "");
    filename("filename=\"a\xff.txt\"", "a\\xFF.txt", "");
    filename("filename=a.txt (a comment; filename=b); x=y", "a.txt", "");
    filename("filename=a.txt (a comment)", "a.txt", "");
    filename("filename=\"a.txt\" (a; comment)", "a.txt", "");
    filename("filename=\"\"", "", "");
    filename("xfilename=a.txt; filenames=b.txt; name=c.txt", "", "");
    filename("filename=\"winmail.dat\"", "winmail.dat", "");
}

static void folded_names_are_told(void **state)
{
    (void)trace("Content-Disposition: attachment;\r\n\tfilename=\"a\r\n b.txt\"\r\n\r\n",
                "part 0 text/plain 7bit attachment <a b.txt>\nend\n");
}

static void malformed_names_are_told(void **state)
{
    filename("filename=a b.txt", "a b.txt", "anomaly parameter\n");
    filename("filename=a (1).txt", "a (1).txt", "anomaly parameter\n");
    filename("filename=a (1; x=y", "a (1", "anomaly parameter\n");
    filename("filename=[a].txt; x=y", "[a].txt", "anomaly parameter\n");
    filename("filename=\"a.txt", "a.txt", "anomaly parameter\n");
    filename("filename=\"a.txt\\", "a.txt\\\\", "anomaly parameter\n");
    filename("filename=\"a.txt\".exe", "a.txt", "anomaly parameter\n");
    filename("filename=\"a.txt\" x=y", "a.txt", "anomaly parameter\n");
    filename("filename a.txt; filename=b.txt", "b.txt", "anomaly parameter\n");
    filename("=x; filename=b.txt", "b.txt", "anomaly parameter\n");
    filename("\"x\"; filename=b.txt", "b.txt", "anomaly parameter\n");
    filename("filename=", "", "anomaly parameter\n");
    filename("filename", "", "anomaly parameter\n");
    filename("(filename=a.txt", "a.txt", "anomaly parameter\n");
    named("text/x", "; filename=a.txt", "a.txt", "anomaly parameter\n");
    named("text/x", "filename=a.txt", "", "anomaly parameter\n");
    named("text/x", "\"attachment\"; filename=a.txt", "a.txt", "anomaly parameter\n");
}

static void dispositions_are_told(void **state)
{
    (void)trace("Content-Disposition: inline\r\n\r\n", "part 0 text/plain 7bit\nend\n");
    (void)trace("Content-Disposition: INLINE; filename=a\r\n\r\n",
                "part 0 text/plain 7bit attachment <a>\nend\n");
    (void)trace("Content-Disposition: (x) Attachment (y)\r\n\r\n",
                "part 0 text/plain 7bit attachment\nend\n");
    (void)trace("Content-Disposition: unheard-of\r\n\r\n",
                "part 0 text/plain 7bit attachment\nend\n");
    (void)trace("Content-Type: text/html; name=a\r\n\r\n",
                "part 0 text/html 7bit attachment <a>\nend\n");
    (void)trace("Content-Description: a.txt\r\n\r\n", "part 0 text/plain 7bit\nend\n");
}

static void names_in_rfc_2231s_form_are_decoded(void **state)
{
    filename("filename*=utf-8''%C3%A4%20b.txt", "\xc3\xa4 b.txt", "");
    filename("filename*=UTF-8'de'%c3%a4.txt", "\xc3\xa4.txt", "");
    filename("filename*=iso-8859-1'en'%E4.txt", "\xc3\xa4.txt", "");
    filename("filename*=us-ascii''a.txt", "a.txt", "");
    filename("filename*=windows-1251''%E4.txt", "\\xE4.txt", "");
    filename("filename*=''a'b.txt", "a'b.txt", "");
    filename("filename*=\"utf-8''a%20b.txt\"", "a b.txt", "");
    filename("filename*=utf-8''=?utf-8?q?a?=", "=?utf-8?q?a?=", "anomaly parameter\n");
}

static void names_in_pieces_are_joined(void **state)
{
    filename("filename*0=a; filename*1=\"b c\"; filename*2=.txt", "ab c.txt", "");
    filename("filename*2=c; filename*0=a; filename*1=b", "abc", "");
    filename("filename*0*=utf-8''%C3; filename*1*=%A4; filename*2=\"%41.txt\"", "\xc3\xa4%41.txt",
             "");
    filename("filename*0*=iso-8859-1''%E4; filename*1*=%F6", "\xc3\xa4\xc3\xb6", "");
    filename("filename*0=0; filename*1=1; filename*2=2; filename*3=3; filename*4=4; filename*5=5; "
             "filename*6=6; filename*7=7; filename*8=8; filename*9=9; filename*11=b; filename*10=a",
             "0123456789ab", "");
}

static void malformed_pieces_are_joined(void **state)
{
    filename("filename*0=a; filename*2=c", "ac", "anomaly parameter\n");
    filename("filename*1=b; filename*2=c", "bc", "anomaly parameter\n");
    filename("filename*0=a; filename*0=b; filename*1=c", "ac", "anomaly parameter\n");
    filename("filename*0=a; filename*x=b; filename*-1=c; filename**=d", "a", "anomaly parameter\n");
    filename("filename*0=a; filename*99999999999999999999=b; filename*40000=c", "a",
             "anomaly parameter\n");
    filename("filename*=a.txt", "a.txt", "anomaly parameter\n");
    filename("filename*=utf-8'a.txt", "utf-8'a.txt", "anomaly parameter\n");
    filename("filename*=utf-8''a%2.txt%", "a%2.txt%", "anomaly parameter\n");
    filename("filename*=utf-8''%zz%4", "%zz%4", "anomaly parameter\n");
    filename("filename*0=utf-8''a; filename*1*=''%41", "utf-8''a''A", "anomaly parameter\n");
}

static void endless_pieces_are_an_anomaly(void **state)
{
    char parameters[3072] = "", expected[200] = "";

    for (unsigned i = 0; i < 70; i++) {
        size_t len = strlen(parameters);
        (void)snprintf(parameters + len, sizeof(parameters) - len, "filename*%u=%c;", i,
                       (int)('a' + i % 26));
        expected[i] = i < 64 ? (char)('a' + i % 26) : '\0';
    }
    filename(parameters, expected, "anomaly parameter\n");
}

static void encoded_words_are_decoded(void **state)
{
    filename("filename=\"=?utf-8?B?w6QudHh0?=\"", "\xc3\xa4.txt", "");
    filename("filename=\"=?UTF-8?b?w6QudHh0?=\"", "\xc3\xa4.txt", "");
    filename("filename=\"=?utf-8?Q?=C3=A4_b=2Etxt?=\"", "\xc3\xa4 b.txt", "");
    filename("filename=\"=?iso-8859-1?q?=E4.txt?=\"", "\xc3\xa4.txt", "");
    filename("filename=\"=?us-ascii*en?q?a.txt?=\"", "a.txt", "");
    filename("filename=\"=?koi8-r?q?=E4.txt?=\"", "\\xE4.txt", "");
    filename("filename=\"=?utf-8?q?a b?=\"", "a b", "");
    filename("filename=\"=?utf-8?q?\?=x\"", "x", "");
    /* Blanks between two are no text; the octets of one character may be in both. */
    filename("filename=\"=?utf-8?B?w6Q=?= =?utf-8?Q?=C3?=\t =?utf-8?Q?=A4.txt?=\"",
             "\xc3\xa4\xc3\xa4.txt", "");
    filename("filename=\"=?utf-8?q?a?==?utf-8?q?b?=\"", "ab", "");
    filename("filename=\"a =?utf-8?q?b?= c =?utf-8?q?d?=.txt\"", "a b c d.txt", "");
    filename("filename*0=\"=?utf-8?q?a\"; filename*1=\"b?=\"", "ab", "");
    filename("filename==?utf-8?q?a?=", "a", "anomaly parameter\n");
    named("text/x; name=\"=?utf-8?q?a.txt?=\"", "attachment; filename*=utf-8''a.txt", "a.txt", "");
}

static void malformed_words_stay(void **state)
{
    filename("filename=\"=?utf-8?x?a?=\"", "=?utf-8?x?a?=", "anomaly encoded-word\n");
    filename("filename=\"=?utf-8?q?a\"", "=?utf-8?q?a", "anomaly encoded-word\n");
    filename("filename=\"=?utf-8?q?a?b?=\"", "=?utf-8?q?a?b?=", "anomaly encoded-word\n");
    filename("filename=\"=?utf-8?q?=C=?=\"", "=C=", "anomaly encoded-word\n");
    filename("filename=\"=?utf-8?b?YS50e*HQ=?=\"", "a.txt", "anomaly encoded-word\n");
    filename("filename=\"=?utf-8?b?YS50eHQ?=\"", "a.txt", "");
    filename("filename=\"=?utf-8?b?YS50eHQua?=\"", "a.txt.", "anomaly encoded-word\n");
    /* These do not want to be any. */
    filename("filename=\"a=?b.txt\"", "a=?b.txt", "");
    filename("filename=\"=?\"", "=?", "");
    filename("filename=\"=?utf-8?\"", "=?utf-8?", "");
    filename("filename=\"=?\?q?a?=\"", "=?\?q?a?=", "");
    filename("filename=\"=?=?=?utf-8?q?a?=\"", "=?=?a", "anomaly encoded-word\n");
}

static void a_part_may_have_many_names(void **state)
{
    named("text/x; name=a", "attachment; filename=a", "a", "");
    named("text/x; name=a", "attachment; filename=b", "b", "name a\nanomaly names\n");
    named("text/x; name=a; name*=''b", "attachment; filename=c; filename*=''d", "d",
          "name a\nname b\nname c\nanomaly names\n");
    named("text/x; name=a.exe", "attachment", "a.exe", "");
    named("text/x; name*0=a; name*1=.exe", "attachment; size=3", "a.exe", "");
    filename("filename=a; filename*0*=utf-8''b", "b", "name a\nanomaly names\n");
    (void)trace("Content-Disposition: attachment; filename=a; filename=b\r\n\r\n",
                "anomaly parameter\n"
                "part 0 text/plain 7bit attachment <a>\n"
                "name b\n"
                "anomaly names\n"
                "end\n");
    (void)trace("Content-Disposition: x; filename*=''a; filename*=''b; filename*0=c\r\n\r\n",
                "anomaly parameter\n"
                "part 0 text/plain 7bit attachment <a>\n"
                "name b\n"
                "name c\n"
                "anomaly names\n"
                "end\n");
}

static void names_are_bounded(void **state)
{
    struct trace t = {.what = TRACE_PARTS};
    struct buf wire = {0};

    assert_true(buf_append(&wire, SPAN("Content-Disposition: attachment")));
    for (unsigned i = 0; i < MAIL_NAMES_MAX + 3; i++) {
        assert_true(buf_printf(&wire, "; filename=%u", i % 10));
    }
    assert_true(buf_append(&wire, SPAN("\r\n\r\n")));
    trace_scan(&t, buf_span(&wire), 100, 100);
    assert_true(buf_append(&t.text, span_of("", 1)));
    assert_string_equal((const char *)buf_span(&t.text).ptr,
                        "part 0 text/plain 7bit attachment <0>\n"
                        "name 1\nname 2\nname 3\nname 4\nname 5\nname 6\nname 7\nend\n");
    assert_int_equal(t.counts.anomalies, 1U << MAIL_ANOMALY_PARAMETER | 1U << MAIL_ANOMALY_NAMES);
    buf_free(&t.text);
    buf_free(&wire);
}

static void long_names_are_cut(void **state)
{
    static const size_t lens[] = {MAIL_NAME_MAX, MAIL_NAME_MAX + 1, 5 * MAIL_NAME_MAX};

    for (unsigned i = 0; i < 3; i++) {
        struct trace t = {.what = TRACE_PARTS};
        struct buf wire = {0};
        assert_true(buf_append(&wire, SPAN("Content-Disposition: attachment; filename=\"")));
        for (size_t n = 0; n < lens[i]; n++) {
            assert_true(buf_append(&wire, SPAN("x")));
        }
        assert_true(buf_append(&wire, SPAN("\"\r\n\r\n")));
        trace_scan(&t, buf_span(&wire), 100, 100);
        assert_int_equal(buf_len(&t.text),
                         strlen("part 0 text/plain 7bit attachment <>\nend\n") + MAIL_NAME_MAX);
        assert_int_equal(t.counts.anomalies, i > 0 ? 1U << MAIL_ANOMALY_PARAMETER : 0);
        buf_free(&t.text);
        buf_free(&wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_are_told),
        cmocka_unit_test(folded_names_are_told),
        cmocka_unit_test(malformed_names_are_told),
        cmocka_unit_test(dispositions_are_told),
        cmocka_unit_test(names_in_rfc_2231s_form_are_decoded),
        cmocka_unit_test(names_in_pieces_are_joined),
        cmocka_unit_test(malformed_pieces_are_joined),
        cmocka_unit_test(endless_pieces_are_an_anomaly),
        cmocka_unit_test(encoded_words_are_decoded),
        cmocka_unit_test(malformed_words_stay),
        cmocka_unit_test(a_part_may_have_many_names),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(long_names_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
